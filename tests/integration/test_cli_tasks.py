"""The commands on tasks that a file keeps, each a process's worth of Medusa on the same file."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medusa import MedusaCore
from medusa.cli.app import app
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import SAMPLE


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    settings = {**sandbox.config(tmp_path / "secrets"), "medusa": {"engine": {"path": str(tmp_path / "tasks.db")}}}
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def medusa(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def publish(config: Path, *words: str) -> Result:
    to = ("--to", "vimeo,facebook", "--set", "facebook.message=Out now", "--json", "--quiet")
    return medusa(config, "publish", str(SAMPLE), *to, *words)


def only_task(config: Path) -> str:
    tasks = json.loads(medusa(config, "list", "--json").stdout)
    assert len(tasks) == 1
    return str(tasks[0]["id"])


def test_a_failed_task_is_listed_shown_and_retried(config: Path, sandbox: Sandbox) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    assert publish(config).exit_code == 1
    task = only_task(config)
    assert "failed" in medusa(config, "list").stdout
    assert "Error validating access token" in medusa(config, "show", task).stdout
    retried = medusa(config, "retry", task, "--json", "--quiet")
    assert retried.exit_code == 0
    assert json.loads(retried.stdout)["status"] == "completed"
    state = sandbox.state()
    assert (len(state["vimeo"]["videos"]), len(state["facebook"]["posts"])) == (1, 1)
    again = medusa(config, "retry", task)
    assert (again.exit_code, "there is nothing to retry" in again.stderr) == (1, True)


def test_a_post_of_unknown_outcome_is_settled_by_hand(config: Path, sandbox: Sandbox) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="lost_reply")
    sandbox.fault(platform="facebook", operation="published_posts", kind="status", code=400, times=-1)
    assert publish(config).exit_code == 1
    task = only_task(config)
    assert "whether it got through is not known" in medusa(config, "show", task).stdout
    assert medusa(config, "resolve", task).exit_code == 2
    (post,) = sandbox.state()["facebook"]["posts"]
    settled = medusa(config, "resolve", task, "--posted", "123_456", "--json", "--quiet")
    assert json.loads(settled.stdout)["results"]["facebook_post_id"] == "123_456"
    assert len(sandbox.state()["facebook"]["posts"]) == 1
    assert post


def test_what_has_ended_cannot_be_cancelled_paused_or_unpaused(config: Path) -> None:
    assert publish(config).exit_code == 0
    task = only_task(config)
    for command in ("cancel", "pause", "unpause"):
        refused = medusa(config, command, task)
        assert (refused.exit_code, "has ended already" in refused.stderr) == (1, True)
    assert "Nothing was left unfinished" in medusa(config, "resume").stderr


def unfiled(config: Path) -> None:
    """Name no file of tasks."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**settings, "medusa": {}}), encoding="utf-8")


@pytest.fixture
def state(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's state directory; the config names no file of tasks."""
    unfiled(config)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "medusa" / "cli"


def test_without_a_file_in_the_config_tasks_are_kept_in_the_state_directory(
    config: Path, state: Path, sandbox: Sandbox
) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    assert publish(config).exit_code == 1
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in state.iterdir()} == {0o600}
    assert medusa(config, "retry", only_task(config), "--quiet").exit_code == 0
    assert len(sandbox.state()["facebook"]["posts"]) == 1


def test_each_configuration_has_tasks_of_its_own(config: Path, state: Path) -> None:
    assert publish(config).exit_code == 0
    other = config.with_name("other.json")
    other.write_bytes(config.read_bytes())
    assert json.loads(medusa(other, "list", "--json").stdout) == []
    assert only_task(config)


def test_a_task_in_memory_leaves_nothing_behind(config: Path, state: Path) -> None:
    assert publish(config, "--in-memory").exit_code == 0
    assert medusa(config, "validate", "--to", "facebook", "--set", "facebook.message=Out").exit_code == 0
    assert not state.exists()
    refused = CliRunner().invoke(app, ["--daemon", "127.0.0.1:1", "publish", "--to", "facebook", "--in-memory"])
    assert (refused.exit_code, "--in-memory" in refused.stderr) == (2, True)


def test_the_list_is_narrowed_and_goes_on_page_by_page(config: Path, sandbox: Sandbox) -> None:
    def ids(*words: str) -> list[str]:
        return [task["id"] for task in json.loads(medusa(config, "list", "--json", *words).stdout)]

    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    publish(config)
    to = ("--to", "vimeo", "--quiet")
    assert [medusa(config, "publish", str(SAMPLE), *to).exit_code for _ in range(2)] == [0, 0]
    newest, middle, failed = ids()
    assert ids("--state", "failed") == ids("--target", "facebook") == [failed]
    assert ids("--limit", "1", "--before", newest) == [middle]
    assert ids("--since", "1h") == [newest, middle, failed]
    assert ids("--since", "2999-01-01") == []
    assert f"--before {newest}" in medusa(config, "list", "--limit", "1").stderr
    assert medusa(config, "list", "--since", "yesterday").exit_code == 2
    assert medusa(config, "list", "--before", "nobody").exit_code == 1


def test_a_task_is_shown_with_its_steps_and_what_to_do(config: Path, sandbox: Sandbox) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    publish(config)
    task = only_task(config)
    said = medusa(config, "show", task).stdout
    assert "  facebook post failed: Error validating access token" in said
    assert f"medusa retry {task}" in said
    shown = json.loads(medusa(config, "show", task, "--json").stdout)
    (post,) = (step for step in shown["steps"] if step["name"] == "post")
    assert (post["state"], post["failure"]["kind"]) == ("failed", "auth")
    assert json.loads(medusa(config, "watch", task, "--json").stdout) == shown
    assert json.loads(medusa(config, "delete", task, "--json").stdout) == {"deleted": task}
    assert json.loads(medusa(config, "resume", "--json").stdout) == []


def test_the_same_key_publishes_once(config: Path, sandbox: Sandbox) -> None:
    first, second = (json.loads(publish(config, "--idempotency-key", "monday").stdout) for _ in range(2))
    assert first == second
    assert len(sandbox.state()["facebook"]["posts"]) == 1
    refused = publish(config, "--idempotency-key", "monday", "--set", "facebook.message=Another")
    assert (refused.exit_code, told(refused)["kind"]) == (1, "IdempotencyConflict")
    assert "used with other content" in told(refused)["error"]


def killed_in_an_upload(config: Path, sandbox: Sandbox) -> str:
    """The task that such a process has left."""
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall")
    killed = MedusaCore(config_file=config)
    task = killed.publish_async(SAMPLE, ["vimeo"], {"vimeo": {"title": "Talk"}})
    sandbox.wait_for("vimeo", "tus.patch")
    killed.close(0.0)
    return task


def test_what_a_killed_process_has_left_can_be_paused(config: Path, sandbox: Sandbox) -> None:
    task = killed_in_an_upload(config, sandbox)
    paused = medusa(config, "pause", task)
    assert (paused.exit_code, "Paused" in paused.stderr) == (0, True)
    with MedusaCore(config_file=config, resume=False) as core:
        assert not core.get_task(task).running


def test_a_cancelled_upload_is_not_said_to_keep_its_place(config: Path, sandbox: Sandbox) -> None:
    task = killed_in_an_upload(config, sandbox)
    assert medusa(config, "cancel", task).exit_code == 0
    todo = f"To try again, what was being uploaded from its start: medusa retry {task}"
    assert todo in medusa(config, "show", task).stdout.splitlines()


def test_a_resumed_upload_is_shown(config: Path, sandbox: Sandbox) -> None:
    task = killed_in_an_upload(config, sandbox)
    interrupted = json.loads(medusa(config, "show", task, "--json").stdout)["steps"][-1]
    assert {"rate": 0, "eta_s": None}.items() <= interrupted.items()
    resumed = medusa(config, "resume")
    assert resumed.exit_code == 0
    assert re.search(rf"Going on with {task} .*\n(.*\n)*Uploading to Vimeo: done", resumed.stderr)
    assert resumed.stderr.endswith(f"{task}: Completed\nGone on with: 1\n")


def test_who_died_while_it_paused_a_task_has_paused_it(config: Path, sandbox: Sandbox) -> None:
    task = killed_in_an_upload(config, sandbox)
    with MedusaCore(config_file=config, resume=False) as core:
        core._repository.set_paused(task, True)
        assert core.get_task_status(task) == {"status": "in_progress", "message": "Paused"}
    assert "Paused" in medusa(config, "list").stdout
    assert medusa(config, "show", task).stdout.startswith("in_progress: Paused")
    assert medusa(config, "watch", task).exit_code == 0
    assert "Nothing was left unfinished.\nPaused, and left so: 1." in medusa(config, "resume").stderr
    with MedusaCore(config_file=config, resume=True) as core:
        (at_rest,) = core.list_tasks()
    assert at_rest.resting
    sent = len(sandbox.log())
    gone_on = medusa(config, "unpause", task, "--json", "--quiet")
    assert json.loads(gone_on.stdout)["status"] == "completed"
    assert sandbox.log()[sent]["operation"] == "tus.head"
    assert len(sandbox.state()["vimeo"]["videos"]) == 1


def test_the_same_key_goes_on_with_what_a_killed_process_has_left(config: Path, sandbox: Sandbox) -> None:
    asked = {"facebook": {"message": "Out now"}}
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall")
    killed = MedusaCore(config_file=config)
    killed.publish_async(SAMPLE, ["vimeo", "facebook"], asked, idempotency_key="monday")
    sandbox.wait_for("vimeo", "tus.patch")
    killed.close(0.0)
    assert publish(config, "--idempotency-key", "monday").exit_code == 0
    assert len(sandbox.state()["vimeo"]["videos"]) == 1


def test_a_limit_is_shown_set_and_taken_back(config: Path) -> None:
    shown = medusa(config, "limit", "2 MiB/s", "--target", "vimeo")
    assert "vimeo: 2 MiB/s" in shown.stdout.splitlines()
    assert "all together: unlimited" in shown.stdout.splitlines()
    exact = json.loads(medusa(config, "limit", "1MiB/s", "--json").stdout)
    assert (exact["all"], exact["targets"]["vimeo"], exact["targets"]["youtube"]) == (2**20, 2 * 2**20, None)
    assert "vimeo: unlimited" in medusa(config, "limit", "config", "--target", "vimeo").stdout.splitlines()
    unquoted = medusa(config, "limit", "3", "MiB/s")
    assert "all together: 3 MiB/s" in unquoted.stdout.splitlines()


def test_a_limit_that_makes_no_sense_is_refused_whole(config: Path) -> None:
    refused = medusa(config, "limit", "quick", "--target", "vimoe")
    assert refused.exit_code == 2
    assert "did you mean vimeo?" in refused.stderr
    assert 'must be like "2 MiB/s"' in refused.stderr
    assert json.loads(medusa(config, "limit", "--json").stdout)["all"] is None


@pytest.mark.parametrize("shown", [True, False])
def test_an_upload_that_is_found_by_hand_gives_its_url_to_the_posts(
    config: Path, sandbox: Sandbox, shown: bool
) -> None:
    """`shown`: whether YouTube can be asked if it is there."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="lost_reply")
    sandbox.fault(platform="youtube", operation="video.status", kind="session_gone")
    sandbox.fault(platform="youtube", operation="playlistItems.list", kind="status", code=400, times=-1)
    asked = (
        "--set",
        "youtube.title=Talk",
        "--set",
        "youtube.privacy=public",
        "--set",
        "facebook.message={youtube_url}",
    )
    refused = medusa(config, "publish", str(SAMPLE), "--to", "youtube,facebook", *asked, "--quiet")
    assert "whether it got through is not known" in refused.stderr
    sandbox.clear_faults()
    (video,) = sandbox.state()["youtube"]["videos"]
    wrong = medusa(config, "resolve", only_task(config), "--posted", video["id"], "--target", "facebook")
    assert (wrong.exit_code, "no step of facebook whose outcome is unknown" in wrong.stderr) == (1, True)
    missing = medusa(config, "resolve", only_task(config), "--posted", "https://youtu.be/abcdefghijk")
    assert missing.exit_code == 2
    assert "'https://youtu.be/abcdefghijk' cannot be it: YouTube: there is no such video" in missing.stderr
    if not shown:
        sandbox.fault(platform="youtube", operation="videos.list", kind="status", code=400, times=1)
    address = f"https://www.youtube.com/watch?v={video['id']}&t=1"
    settled = medusa(config, "resolve", only_task(config), "--posted", address, "--json", "--quiet")
    assert json.loads(settled.stdout)["results"]["youtube_url"] == f"https://youtube.com/watch?v={video['id']}"
    (post,) = sandbox.state()["facebook"]["posts"]
    assert video["id"] in post["message"]


def told(result: Result) -> dict[str, object]:
    """The one line of JSON that an error is with --json."""
    (line,) = result.stdout.splitlines()
    return dict(json.loads(line))


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nobody"),
        ("watch", "nobody"),
        ("cancel", "nobody"),
        ("pause", "nobody"),
        ("unpause", "nobody"),
        ("retry", "nobody"),
        ("resolve", "nobody", "--not-posted"),
        ("delete", "nobody"),
        ("list", "--before", "nobody"),
    ],
)
def test_an_error_is_json_where_json_is_asked_for(config: Path, words: tuple[str, ...]) -> None:
    plain, as_json = medusa(config, *words), medusa(config, *words, "--json")
    assert told(as_json) == {"status": "error", "kind": "TaskNotFound", "error": plain.stderr.strip()}
    assert (plain.exit_code, plain.stdout) == (as_json.exit_code, as_json.stderr) == (1, "")


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("limit", "5 parsecs"), "rate"),
        (("limit", "5 MB/s", "--target", "nobody"), "target"),
        (("resolve", "nobody"), "resolve"),
        (("list", "--since", "soon"), "--since"),
        (("publish", "--to", "nobody"), "platforms[0]"),
    ],
)
def test_bad_input_is_json_where_json_is_asked_for(config: Path, words: tuple[str, ...], path: str) -> None:
    plain, as_json = medusa(config, *words), medusa(config, *words, "--json")
    reply = told(as_json)
    assert (reply["status"], [problem["path"] for problem in reply["problems"]]) == ("invalid", [path])  # type: ignore[attr-defined]
    assert (plain.exit_code, plain.stdout) == (as_json.exit_code, as_json.stderr) == (2, "")
