"""What YouTube's quota leaves: counted as YouTube does, told beforehand, kept over restarts, failed or waited for."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from medusa import MedusaCore
from medusa.adapters.platforms.youtube import quota
from medusa.cli import main
from medusa.cli.faces import kept, tasks_file
from medusa.domain.quota import Quota
from medusa.domain.values import Problem
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import QUICK, SAMPLE, WITHIN_S, made, nothing_but, operations, publish, start
from tests.integration.test_limits import waiting

OpenCore = Callable[..., MedusaCore]
WAITS = {**QUICK, "quota": {"wait": True}}
ASKED = {"youtube": {"title": "Talk", "privacy": "unlisted"}}


@pytest.fixture
def opened(sandbox: Sandbox, tmp_path: Path, no_pauses: None) -> Iterator[OpenCore]:
    """Cores on the sandbox and on one file of tasks; `more` are changed keys of the YouTube target."""
    cores: list[MedusaCore] = []

    def open_core(**more: object) -> MedusaCore:
        config: dict[str, Any] = sandbox.config(tmp_path)
        config["youtube"] |= more
        config["medusa"] = {"retry": QUICK, "engine": {"path": str(tmp_path / "tasks.db")}}
        cores.append(MedusaCore(config=config))
        return cores[-1]

    yield open_core
    for core in cores:
        core.close(0.0)


def left(core: MedusaCore, target: str = "youtube") -> dict[str, Quota]:
    """The target's quotas by name."""
    (found,) = (quotas for one, quotas in core.quotas().items() if one.key == target)
    return {one.name: one for one in found}


def new_playlist(sandbox: Sandbox, directory: Path) -> str:
    """A playlist that was made by another program of the project, which costs 50 units."""
    token = json.loads(Path(sandbox.config(directory)["youtube"]["credentials_file"]).read_text())["token"]
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{sandbox.url}/youtube/v3/playlists?part=snippet"
    made = requests.post(address, json={"snippet": {"title": "All"}}, headers=headers, timeout=WITHIN_S).json()
    return str(made["id"])


def remaining(core: MedusaCore) -> tuple[int, int]:
    found = left(core)
    return found["videos"].remaining, found["units"].remaining


# ---------------------------------------------------------------- what is counted


def test_every_call_is_booked_as_youtube_charges_it(
    opened: OpenCore, sandbox: Sandbox, tmp_path: Path, picture: Path
) -> None:
    track = tmp_path / "talk.srt"
    track.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    playlist = new_playlist(sandbox, tmp_path)
    more = {"thumbnail": str(picture), "captions": [{"file": str(track), "language": "en"}], "playlists": [playlist]}
    core = opened()
    reply = publish(core, "youtube", youtube={**more, "wait_until_processed": True})
    assert (reply["status"], reply.get("warnings")) == ("completed", None)
    charged = sandbox.state()["youtube"]["quota"]
    assert remaining(core) == (100 - charged["inserts"], 10_000 + 50 - charged["units"])
    assert charged["units"] > 500
    assert left(core)["units"].resets_at == charged["resets_at"]


def test_a_call_that_fails_is_paid_for(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    sandbox.fault(platform="youtube", operation="videos.insert", kind="status", code=503)
    assert publish(core, "youtube")["status"] == "completed"
    assert remaining(core) == (98, 9_999)


def test_cores_on_one_file_share_it_and_it_outlives_them(opened: OpenCore, sandbox: Sandbox) -> None:
    first, second = opened(), opened()
    assert publish(first, "youtube")["status"] == "completed"
    assert remaining(first) == remaining(second) == (99, 9_999)
    first.close(WITHIN_S)
    second.close(WITHIN_S)
    assert remaining(opened()) == (99, 9_999)


def test_targets_share_it_if_their_clients_are_of_one_project(
    sandbox: Sandbox, tmp_path: Path, no_pauses: None
) -> None:
    config: dict[str, Any] = sandbox.config(tmp_path)
    login = json.loads(Path(config["youtube"]["credentials_file"]).read_text())
    number = login["client_id"].partition("-")[0]
    for key, client in (("same", f"{number}-other.apps"), ("other", "77-other.apps")):
        file = tmp_path / f"{key}.json"
        file.write_text(json.dumps({**login, "client_id": client}))
        config[key] = {**config["youtube"], "platform": "youtube", "credentials_file": str(file)}
    with MedusaCore(config=config) as core:
        assert publish(core, "youtube")["status"] == "completed"
        assert [left(core, key)["videos"].remaining for key in ("youtube", "same", "other")] == [99, 99, 100]


# ---------------------------------------------------------------- what does not fit


def test_a_task_that_cannot_fit_fails_at_once_and_is_known_beforehand(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened(daily_videos=1)
    assert core.validate(SAMPLE, ["youtube"], ASKED) == ()
    assert publish(core, "youtube")["status"] == "completed"
    asked_so_far = len(sandbox.log())
    reset = f"{datetime.fromtimestamp(left(core)['videos'].resets_at):%Y-%m-%d %H:%M}"
    says = f"0 of 1 videos are left of the quota until {reset}, and this needs 1"
    reply = publish(core, "youtube")
    assert (reply["status"], reply["failed_platform"]) == ("failed", "youtube")
    assert reply["error"].startswith(f"YouTube: {says}. Try again after the reset")
    assert len(sandbox.log()) == asked_so_far
    for online in (False, True):
        assert core.validate(SAMPLE, ["youtube"], ASKED, online=online) == (Problem("youtube", says),)
    assert made(sandbox) == nothing_but(youtube=1)


def test_what_is_optional_is_left_out_with_a_warning(opened: OpenCore, sandbox: Sandbox, picture: Path) -> None:
    core = opened(daily_units=40)
    asked = {"youtube": {**ASKED["youtube"], "thumbnail": str(picture)}}
    (problem,) = core.validate(SAMPLE, ["youtube"], asked)
    assert "40 of 40 units are left" in problem.says
    reply = publish(core, "youtube", youtube=asked["youtube"])
    assert reply["status"] == "completed"
    assert "thumbnail not done: YouTube: 39 of 40 units are left" in reply["warnings"][0]
    assert "thumbnails.set" not in operations(sandbox, "youtube")


def test_who_cannot_pay_for_another_look_goes_on_with_the_video(opened: OpenCore, sandbox: Sandbox) -> None:
    sandbox.set(processing_s=3600.0)
    try:
        reply = publish(opened(daily_units=3), "youtube", youtube={"wait_until_processed": True})
    finally:
        sandbox.set(processing_s=0.0)
    assert reply["status"] == "completed"
    assert "the day's quota for looking is used up" in reply["warnings"][0]
    assert operations(sandbox, "youtube").count("videos.list") == 2


def test_what_youtube_says_counts_for_the_rest_of_its_day(opened: OpenCore, sandbox: Sandbox) -> None:
    sandbox.set(youtube_quota_inserts=0)  # other programs of the project have used it up
    core = opened()
    assert "exceeded your quota" in publish(core, "youtube")["error"]
    assert remaining(core) == (0, 9_999)
    assert "0 of 100 videos are left" in publish(opened(), "youtube")["error"]
    assert operations(sandbox, "youtube").count("videos.insert") == 1


# ---------------------------------------------------------------- who waits


@pytest.fixture
def short_day(monkeypatch: pytest.MonkeyPatch) -> float:
    """When the first day ends: soon. Each day after it lasts a second."""
    ends = time.time() + 2.0
    monkeypatch.setattr(quota, "next_reset", lambda now: ends if now < ends else float(int(now) + 1))
    return ends


def test_a_task_that_waits_goes_on_at_the_reset(opened: OpenCore, sandbox: Sandbox, short_day: float) -> None:
    core = opened(daily_videos=1, retry=WAITS)
    first, second = start(core, "youtube"), start(core, "youtube")
    replies = [core.wait(task_id, WITHIN_S)["status"] for task_id in (first, second)]
    assert replies == ["completed", "completed"]
    inserts = [record["at"] for record in sandbox.log() if record["operation"] == "videos.insert"]
    assert len(inserts) == 2
    assert sum(at < short_day for at in inserts) <= 1  # none, on a machine that was too slow to begin before it


def test_the_wait_names_its_end_and_outlives_the_process(opened: OpenCore, sandbox: Sandbox) -> None:
    first = opened(daily_videos=1, retry=WAITS)
    assert publish(first, "youtube")["status"] == "completed"
    assert first.validate(SAMPLE, ["youtube"], ASKED) == ()
    resets_at = datetime.fromtimestamp(left(first)["videos"].resets_at)
    day = "" if resets_at.date() == datetime.now().date() else f"{resets_at:%Y-%m-%d} "
    says = f"YouTube has no quota left, next try at {day}{resets_at:%H:%M:%S}"
    task_id = start(first, "youtube")
    assert waiting(first, task_id, "YouTube has no quota left").message == says
    first.close(0.0)
    second = opened(daily_videos=1, retry=WAITS)
    assert waiting(second, task_id, "YouTube has no quota left").message == says
    assert operations(sandbox, "youtube").count("videos.insert") == 1


@pytest.mark.parametrize("operation", ["channels.list", "videos.insert"])
def test_a_failed_task_that_is_retried_waits_as_well(opened: OpenCore, sandbox: Sandbox, operation: str) -> None:
    """`operation`: by which it failed, its preflight or the upload, before others used up what was left."""
    core = opened(daily_videos=2, retry=WAITS)
    sandbox.fault(platform="youtube", operation=operation, kind="status", code=400)
    task_id = start(core, "youtube")
    assert core.wait(task_id, WITHIN_S)["status"] == "failed"
    while left(core)["videos"].remaining:
        assert publish(core, "youtube")["status"] == "completed"
    done = operations(sandbox, "youtube").count("videos.insert")
    core.retry(task_id)
    says = waiting(core, task_id, "YouTube has no quota left").message
    resets_at = datetime.fromtimestamp(left(core)["videos"].resets_at)
    assert says.endswith(f"{resets_at:%H:%M:%S}")
    assert operations(sandbox, "youtube").count("videos.insert") == done


def test_a_refusal_is_waited_out_after_a_restart_too(opened: OpenCore, sandbox: Sandbox) -> None:
    sandbox.set(youtube_quota_inserts=0)
    first = opened(retry=WAITS)
    task_id = start(first, "youtube")
    waiting(first, task_id, "YouTube has no quota left")
    first.close(0.0)
    second = opened(retry=WAITS)
    waiting(second, task_id, "YouTube has no quota left")
    assert operations(sandbox, "youtube").count("videos.insert") == 1


# ---------------------------------------------------------------- `medusa platforms`


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `medusa platforms` prints."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["medusa", "platforms", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    return run


def test_medusa_platforms_says_what_is_left(
    sandbox: Sandbox, tmp_path: Path, no_pauses: None, told: Callable[..., str]
) -> None:
    file = tmp_path / "medusa_config.json"
    sandbox.write_config(file)
    config = json.loads(file.read_text())
    config["medusa"] = {"engine": {"path": str(tmp_path / "tasks.db")}}
    file.write_text(json.dumps(config))
    with MedusaCore(config_file=file) as core:
        assert publish(core, "youtube")["status"] == "completed"
        resets_at = left(core)["videos"].resets_at
    line = "youtube: 99 of 100 videos, 9,999 of 10,000 units are left until "
    assert line in told("--config", str(file))
    platforms = {one["name"]: one for one in json.loads(told("--json", "--config", str(file)))}
    videos, _units = platforms["youtube"]["quotas"]
    assert videos == {"target": "youtube", "name": "videos", "limit": 100, "remaining": 99, "resets_at": resets_at}
    assert platforms["vimeo"]["quotas"] == []


def test_what_the_command_line_itself_has_spent_counts(
    sandbox: Sandbox, tmp_path: Path, no_pauses: None, told: Callable[..., str]
) -> None:
    file = tmp_path / "medusa_config.json"
    sandbox.write_config(file)
    assert "youtube: 100 of 100 videos" in told("--config", str(file))
    assert not tasks_file(file).exists(), "to look leaves no trace"
    with kept(file) as core:
        asked = {"youtube": {"title": "Talk"}}
        assert core.wait(core.publish_async(SAMPLE, ["youtube"], asked), WITHIN_S)["status"] == "completed"
    assert "youtube: 99 of 100 videos" in told("--config", str(file))


def test_medusa_platforms_needs_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "medusa_config.json").write_text("{")
    assert "YouTube" in told()
    assert all(one["quotas"] == [] for one in json.loads(told("--json")))
