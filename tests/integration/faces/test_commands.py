"""`medusa --daemon ADDRESS ...`: the commands, asked of a daemon."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medusa.cli.app import app
from medusa.daemon.client import MedusaClient
from medusa.sandbox import Sandbox
from tests.integration.faces.conftest import daemon
from tests.integration.rehearsal import MIB, SAMPLE, large, made, nothing_but, start

Medusa = Callable[..., Result]
POST = ("--to", "facebook", "--set", "facebook.message=Out now", "--json", "--quiet")


@pytest.fixture(scope="module")
def addresses(config: Path) -> Iterator[tuple[str, str]]:
    """A daemon's Unix socket and its port."""
    with daemon(config) as both:
        yield both


@pytest.fixture(scope="module")
def address(addresses: tuple[str, str]) -> str:
    return addresses[0]


@pytest.fixture
def medusa(address: str, sandbox: Sandbox) -> Medusa:
    """Runs a command, as a process of its own would."""
    return lambda *words: CliRunner().invoke(app, ["--daemon", address, *words])


def newest(medusa: Medusa) -> str:
    return str(json.loads(medusa("list", "--json").stdout)[0]["id"])


def failed(medusa: Medusa, sandbox: Sandbox) -> str:
    """A task that a retry can save."""
    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    assert medusa("publish", *POST).exit_code == 1
    return newest(medusa)


def test_publish_shows_how_it_goes_and_what_came_of_it(medusa: Medusa, sandbox: Sandbox) -> None:
    asked = ("--to", "vimeo,facebook", "--set", "facebook.message=Out now")
    done = medusa("publish", str(SAMPLE), *asked)
    assert done.exit_code == 0
    assert "vimeo_url: https://vimeo.com/" in done.stdout
    assert "Uploading to Vimeo: done" in done.stderr
    assert made(sandbox) == nothing_but(vimeo=1, facebook=1)


def test_a_file_on_its_way_to_the_daemon_is_shown(addresses: tuple[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    def publish(address: str, media: Path, *words: str) -> str:
        """What it tells on the way."""
        done = CliRunner().invoke(app, ["--daemon", address, "publish", str(media), "--to", "vimeo", *words])
        assert done.exit_code == 0, done.stderr
        return done.stderr

    socket, port = addresses
    media = large(tmp_path, 8 * MIB)
    other = shutil.copyfile(media, tmp_path / "other.mp4")
    assert "Handing" not in publish(socket, media), "the daemon reads it where it is"
    assert "Handing" not in publish(port, media, "--quiet")
    told = publish(port, other)
    lines = [line for line in told.splitlines() if line.startswith("Handing other.mp4 to the daemon")]
    assert lines[-1] == "Handing other.mp4 to the daemon: done"
    assert len(lines) > 3
    assert re.search(r": \d\.\d/8\.6 MB", lines[1])
    assert told.index(lines[-1]) < told.index("Task ")
    assert "Handing" not in publish(port, other), "the daemon still has it"


def test_what_is_wrong_is_told_and_nothing_begins(medusa: Medusa, sandbox: Sandbox) -> None:
    wrong = ("--to", "facebok,youtube", "--set", "youtube.titel=Talk", "--json")
    said = json.loads(medusa("publish", str(SAMPLE), *wrong).stdout)
    assert said["status"] == "invalid"
    assert [problem["path"] for problem in said["problems"]] == ["platforms[0]", "youtube.titel"]
    checked = medusa("validate", str(SAMPLE), *wrong)
    assert checked.exit_code == 2
    assert json.loads(checked.stdout)["problems"] == said["problems"]
    assert medusa("validate", "--to", "facebook", "--set", "facebook.message=Out", "--online").stdout == "valid\n"
    assert made(sandbox) == nothing_but()


def test_a_failed_task_is_listed_shown_retried_watched_and_forgotten(medusa: Medusa, sandbox: Sandbox) -> None:
    task = failed(medusa, sandbox)
    assert f"{task}  " in medusa("list", "--limit", "1").stdout
    assert "Error validating access token" in medusa("show", task).stdout
    retried = medusa("retry", task, "--json", "--quiet")
    assert (retried.exit_code, json.loads(retried.stdout)["status"]) == (0, "completed")
    shown = json.loads(medusa("show", task, "--json").stdout)
    assert json.loads(retried.stdout).items() <= shown.items()
    assert medusa("watch", task).exit_code == 0
    assert medusa("delete", task).exit_code == 0
    gone = medusa("show", task)
    assert (gone.exit_code, f"there is no task '{task}'" in gone.stderr) == (1, True)


def test_an_upload_is_paused_gone_on_with_and_cancelled(
    medusa: Medusa, address: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    with MedusaClient(address) as client:
        task = start(client, "youtube", media=large(tmp_path))
    sandbox.wait_for("youtube", "video.bytes")
    paused = medusa("pause", task)
    assert (paused.exit_code, "Paused" in paused.stderr) == (0, True)
    assert medusa("watch", task).exit_code == 0
    assert medusa("show", task).stdout.startswith("in_progress: Paused")
    assert json.loads(medusa("unpause", task, "--json", "--quiet").stdout)["status"] == "completed"
    for command in ("cancel", "pause", "unpause"):
        ended = medusa(command, task)
        assert (ended.exit_code, "has ended already" in ended.stderr) == (1, True), command
    assert made(sandbox) == nothing_but(youtube=1)


def test_a_post_of_unknown_outcome_is_settled_by_hand(medusa: Medusa, sandbox: Sandbox) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500)
    sandbox.fault(platform="facebook", operation="published_posts", kind="status", code=400, times=-1)
    assert medusa("publish", *POST).exit_code == 1
    task = newest(medusa)
    settled = medusa("resolve", task, "--posted", "1_2", "--json", "--quiet")
    assert json.loads(settled.stdout) == {"id": task, "status": "completed", "results": {"facebook_post_id": "1_2"}}
    assert made(sandbox) == nothing_but()


def test_limits_and_quotas_are_the_daemons(medusa: Medusa) -> None:
    assert "youtube: 2 MiB/s" in medusa("limit", "2MiB/s", "--target", "youtube").stdout
    assert json.loads(medusa("limit", "config", "--target", "youtube", "--json").stdout)["targets"]["youtube"] is None
    known = {one["name"]: one["quotas"] for one in json.loads(medusa("platforms", "--json").stdout)}
    assert known["youtube"][0]["target"] == "youtube"
    assert " videos" in medusa("platforms").stdout


def test_a_daemon_resumes_by_itself(medusa: Medusa) -> None:
    assert "Nothing was left unfinished" in medusa("resume").stderr


@pytest.mark.parametrize("command", ["publish --to facebook", "validate --to facebook", "list", "resume", "cancel 7"])
def test_where_no_daemon_is_every_command_says_so(tmp_path: Path, command: str) -> None:
    nowhere = f"unix:{tmp_path}/nobody.sock"
    refused = CliRunner().invoke(app, ["--daemon", nowhere, *command.split()])
    assert refused.exit_code == 1
    assert refused.stderr == f"no daemon answers at {nowhere}: No such file or directory\n"


@pytest.mark.parametrize("address", ["nonsense", "unix:", "127.0.0.1", ":7433"])
def test_what_is_no_address_is_refused(address: str) -> None:
    refused = CliRunner().invoke(app, ["--daemon", address, "list"])
    assert (refused.exit_code, "is no address" in refused.stderr) == (2, True)


def test_what_is_typed_wins_over_the_environment(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDUSA_DAEMON", "127.0.0.1:1")
    assert CliRunner().invoke(app, ["list", "--config", str(config)]).exit_code == 0
    assert "no daemon answers at 127.0.0.1:1" in CliRunner().invoke(app, ["list"]).stderr
    both = CliRunner().invoke(app, ["--daemon", "127.0.0.1:1", "list", "--config", str(config)])
    assert (both.exit_code, "give --daemon or --config" in both.stderr) == (2, True)


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    words = ["--daemon", "127.0.0.1:1", "--token-file", str(tmp_path / "token"), "list"]
    refused = CliRunner().invoke(app, words)
    assert (refused.exit_code, f"--token-file: {tmp_path}/token cannot be read" in refused.stderr) == (2, True)
