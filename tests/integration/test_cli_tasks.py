"""The commands on tasks that a file keeps, each a process's worth of Medusa on the same file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from medusa.cli import faces
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


def test_what_has_ended_cannot_be_cancelled_or_paused(config: Path) -> None:
    assert publish(config).exit_code == 0
    task = only_task(config)
    for command in ("cancel", "pause"):
        refused = medusa(config, command, task)
        assert (refused.exit_code, "has ended already" in refused.stderr) == (1, True)
    assert "Nothing was left unfinished" in medusa(config, "resume").stderr


def test_a_configuration_that_names_no_file_has_one_of_its_own(config: Path) -> None:
    settings = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**settings, "medusa": {}}), encoding="utf-8")
    assert publish(config).exit_code == 0
    assert medusa(config, "show", only_task(config)).exit_code == 0
    other = config.with_name("other.json")
    other.write_bytes(config.read_bytes())
    assert json.loads(medusa(other, "list", "--json").stdout) == []
    kept = faces.tasks_file(config)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not kept.is_relative_to(config.parent)


def test_a_limit_is_shown_set_and_taken_back(config: Path) -> None:
    shown = medusa(config, "limit", "2 MiB/s", "--target", "vimeo")
    assert "vimeo: 2 MiB/s" in shown.stdout.splitlines()
    assert "all together: unlimited" in shown.stdout.splitlines()
    exact = json.loads(medusa(config, "limit", "1MiB/s", "--json").stdout)
    assert (exact["all"], exact["targets"]["vimeo"], exact["targets"]["youtube"]) == (2**20, 2 * 2**20, None)
    assert "vimeo: unlimited" in medusa(config, "limit", "config", "--target", "vimeo").stdout.splitlines()


def test_a_limit_that_makes_no_sense_is_refused_whole(config: Path) -> None:
    refused = medusa(config, "limit", "quick", "--target", "vimoe")
    assert refused.exit_code == 2
    assert "did you mean vimeo?" in refused.stderr
    assert 'must be like "2 MiB/s"' in refused.stderr
    assert json.loads(medusa(config, "limit", "--json").stdout)["all"] is None
