"""MedusaCore, as a program uses it, over the fake platform."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers

from medusa import ConfigError, InvalidRequest, MedusaCore, MedusaError, Task, TaskNotFound, TaskStatus
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.adapters.probe import MediaProbe
from medusa.container import Container
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.values import Media
from tests.integration.conftest import SAMPLE, CoreOf

PATIENCE_S = 20.0
VIDEO: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"title": "Tech Talk"}}}
POST: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"message": "It is out"}}}


def finished(core: MedusaCore, **request: Any) -> dict[str, Any]:
    return core.wait(core.publish_async(**request), PATIENCE_S)


# ---------------------------------------------------------------- publishing


def test_one_call_uploads_and_posts(core: MedusaCore, platform: FakePlatform) -> None:
    metadata = {"fake": {"title": "Tech Talk", "privacy": "public"}, "news": {"message": "Look: {fake_url}"}}
    said = finished(core, media_file=SAMPLE, platforms=["fake", "news"], metadata=metadata)
    url, post = platform.videos[0].url, platform.posts[0]
    assert said == {"status": "completed", "results": {"fake_url": url, "news_post_id": post.id}}
    assert post.fields["message"] == f"Look: {url}"


def test_the_four_replies_to_the_letter(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(PATIENCE_S)
    assert core.get_task_status(task_id) == {"status": "in_progress", "message": "Uploading to Fake..."}
    held.release()
    assert core.wait(task_id, PATIENCE_S) == {
        "status": "completed",
        "results": {"fake_url": platform.videos[0].url},
    }
    platform.fail("session.create", Failure(FailureKind.REJECTED, "Video file too large (max 128GB)", no_effect=True))
    assert finished(core, media_file=SAMPLE, **VIDEO) == {
        "status": "failed",
        "error": "Fake API error: Video file too large (max 128GB)",
        "failed_platform": "fake",
    }


def test_a_warning_comes_with_the_results(core: MedusaCore, platform: FakePlatform) -> None:
    platform.fail("post.create", Failure(FailureKind.REJECTED, "comments are closed", no_effect=True), skip=1)
    said = finished(core, platforms=["fake"], metadata={"fake": {"message": "It is out", "comment": "first"}})
    assert said["status"] == "completed"
    assert said["warnings"] == ["comment not done: Fake API error: comments are closed"]


class WaitingProbe(MediaProbe):
    """Looks at nothing until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_look = threading.Event()

    def look(self, media: Media) -> Media:
        self.may_look.wait(PATIENCE_S)
        return super().look(media)


def test_publish_async_is_no_coroutine_and_reads_nothing_of_a_file_of_20_gb(
    platform: FakePlatform, core_of: CoreOf, tmp_path: Path
) -> None:
    film = tmp_path / "film.mp4"
    film.touch()
    os.truncate(film, 20 * 1024**3)
    os.utime(film, ns=(1, 1))
    probe = WaitingProbe()
    with Container.probe.override(providers.Object(probe)):
        core = core_of()
        task_id = core.publish_async(film, **VIDEO)
    assert isinstance(task_id, str)
    assert not inspect.iscoroutinefunction(MedusaCore.publish_async)
    assert core.get_task_status(task_id)["status"] in ("pending", "in_progress")
    assert film.stat().st_atime_ns == 1, "it was read"
    probe.may_look.set()
    said = core.wait(task_id, PATIENCE_S)  # a file of zeros holds no video
    assert (said["status"], said["failed_platform"]) == ("failed", None)
    assert "not a video" in said["error"]


def test_pending_has_one_key(platform: FakePlatform, core_of: CoreOf) -> None:
    core = core_of()
    core._engine.submit = lambda task_id: None  # type: ignore[method-assign]  # an engine that has not got to it yet
    assert core.get_task_status(core.publish_async(**POST)) == {"status": "pending"}


def test_it_works_from_a_plain_thread(core: MedusaCore, platform: FakePlatform) -> None:
    said: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: said.append(finished(core, **POST)))
    thread.start()
    thread.join(PATIENCE_S)
    assert said[0]["results"] == {"fake_post_id": platform.posts[0].id}


def test_many_threads_publish_at_once(core: MedusaCore, platform: FakePlatform) -> None:
    begun: list[str] = []
    threads = [threading.Thread(target=lambda: begun.append(core.publish_async(**POST))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert {core.wait(task_id, PATIENCE_S)["status"] for task_id in begun} == {"completed"}
    assert len(platform.posts) == 8


# ---------------------------------------------------------------- watching


def test_wait_has_a_timeout(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("post.create")
    task_id = core.publish_async(**POST)
    assert held.arrived.wait(PATIENCE_S)
    for timeout in (0.0, 0.01):
        with pytest.raises(TimeoutError, match=r"has not ended within .* s: Posting on Fake\.\.\."):
            core.wait(task_id, timeout)
    held.release()
    assert core.wait(task_id)["status"] == "completed"


def test_watch_grows_strictly_and_ends_with_the_final_state(core: MedusaCore) -> None:
    seen = list(core.watch(core.publish_async(SAMPLE, **VIDEO)))
    assert all(one.revision < other.revision for one, other in pairwise(seen))
    assert [task.ended for task in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 1


def test_a_late_watcher_gets_the_final_state(core: MedusaCore) -> None:
    task_id = core.publish_async(**POST)
    core.wait(task_id, PATIENCE_S)
    (last,) = core.watch(task_id)
    assert last.status is TaskStatus.COMPLETED
    assert list(core.watch(task_id, last.revision - 1)) == [last]
    assert list(core.watch(task_id, last.revision)) == []


def test_two_watchers_see_the_same_end(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("post.create")
    task_id = core.publish_async(**POST)
    assert held.arrived.wait(PATIENCE_S)
    ends: list[Task] = []
    threads = [threading.Thread(target=lambda: ends.append(list(core.watch(task_id))[-1])) for _ in range(2)]
    for thread in threads:
        thread.start()
    held.release()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert ends[0] == ends[1]
    assert ends[0].ended


def test_inside_a_running_loop_nothing_is_blocked(core: MedusaCore, platform: FakePlatform) -> None:
    async def program() -> list[Task]:
        held = platform.hold("post.create")
        task_id = core.publish_async(**POST)
        seen: list[Task] = []
        turned = 0
        async for task in core.watch_async(task_id):
            seen.append(task)
            if not held._go.is_set():
                await asyncio.sleep(0)
                turned += 1
                if task.message.startswith("Posting"):
                    held.release()
        assert turned
        return seen

    seen = asyncio.run(program())
    assert all(one.revision < other.revision for one, other in pairwise(seen))
    assert seen[-1].status is TaskStatus.COMPLETED


def test_an_async_watcher_of_nothing_is_told(core: MedusaCore) -> None:
    async def program() -> None:
        async for _ in core.watch_async("nobody"):
            raise AssertionError

    with pytest.raises(TaskNotFound):
        asyncio.run(program())


def test_an_async_watcher_may_leave(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("post.create")

    async def program(task_id: str) -> int:
        async for task in core.watch_async(task_id):
            return task.revision
        return 0

    task_id = core.publish_async(**POST)
    assert asyncio.run(program(task_id)) >= 1
    held.release()
    assert core.wait(task_id, PATIENCE_S)["status"] == "completed"
    gc.collect()


# ---------------------------------------------------------------- what is wrong


def problems(core: MedusaCore, **request: Any) -> list[str]:
    return [problem.path for problem in core.validate(**request)]


def test_validate_tells_everything_at_once_and_sends_nothing(core: MedusaCore, platform: FakePlatform) -> None:
    request: dict[str, Any] = {
        "media_file": "/nowhere/film.mp4",
        "platforms": ["fake", "gamin", "news", "news"],
        "metadata": {
            "fake": {"titel": "Tech Talk", "privacy": "secret"},
            "news": {"message": "Look: {vimeo_url}"},
            "elsewhere": {},
        },
    }
    found = core.validate(**request)
    assert sorted(problem.path for problem in found) == [
        "fake.privacy",
        "fake.titel",
        "media_file",
        "metadata.elsewhere",
        "news.message",
        "platforms[1]",
        "platforms[3]",
    ]
    said = {problem.path: problem.says for problem in found}
    assert "did you mean gaming?" in said["platforms[1]"]
    assert "did you mean title?" in said["fake.titel"]
    with pytest.raises(InvalidRequest) as told:
        core.publish_async(**request)
    assert told.value.problems == found
    assert core.list_tasks() == ()
    assert platform.exchanges == []


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"platforms": "fake"}, "platforms"),
        ({"platforms": []}, "platforms"),
        ({"platforms": [["fake"]]}, "platforms[0]"),
        ({"platforms": [None]}, "platforms[0]"),
        ({**POST, "metadata": ["fake"]}, "metadata"),
        ({**POST, "metadata": {"fake": "It is out"}}, "fake"),
        ({**POST, "media_file": 7}, "media_file"),
        ({**POST, "media_file": "a\0b"}, "media_file"),
        ({**POST, "media_file": "/"}, "media_file"),
    ],
)
def test_whatever_comes_is_a_problem_and_no_crash(core: MedusaCore, request_: dict[str, Any], path: str) -> None:
    assert path in problems(core, **request_)
    with pytest.raises(InvalidRequest):
        core.publish_async(**request_)


def test_what_is_right_has_no_problems(core: MedusaCore, platform: FakePlatform) -> None:
    assert core.validate(SAMPLE, **VIDEO) == ()
    assert platform.exchanges == []


def test_online_every_platform_is_asked_and_each_ones_problem_is_told(core: MedusaCore, platform: FakePlatform) -> None:
    both: dict[str, Any] = {
        "platforms": ["fake", "news"],
        "metadata": {key: {"message": "It is out"} for key in ("fake", "news")},
    }
    assert core.validate(**both, online=True) == ()
    assert platform.exchanges == ["account", "account"]
    platform.revoke()
    assert problems(core, **both, online=True) == ["fake", "news"]
    assert set(platform.exchanges) == {"account"}
    assert core.list_tasks() == ()


def test_online_the_media_is_looked_at(core: MedusaCore, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_text("no film")
    assert core.validate(film, **VIDEO) == ()
    assert problems(core, media_file=film, online=True, **VIDEO) == ["media_file"]


def test_online_each_platform_judges_the_media_and_nothing_is_sent(platform: FakePlatform) -> None:
    targets = {"fake": {"largest": 10}, "gaming": {"platform": "fake"}}
    metadata = {key: {"title": "Tech Talk"} for key in targets}
    with MedusaCore(config=targets) as core:
        (problem,) = core.validate(SAMPLE, list(targets), metadata, online=True)
    assert str(problem).startswith("fake: Fake API error: Video file too large")
    assert set(platform.exchanges) == {"account"}


# ---------------------------------------------------------------- life


def test_cancel(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(PATIENCE_S)
    assert core.cancel(task_id) is True
    said = core.wait(task_id, 1.0)
    assert said == {"status": "failed", "error": "Cancelled", "failed_platform": None}
    assert core.cancel(task_id) is False
    with pytest.raises(TaskNotFound):
        core.cancel("nobody")


def test_tasks_are_listed_newest_first(core: MedusaCore) -> None:
    ids = [core.publish_async(**POST) for _ in range(3)]
    newest = ids[::-1]
    assert [task.id for task in core.list_tasks()] == newest
    assert [task.id for task in core.list_tasks(limit=2)] == newest[:2]
    assert [task.id for task in core.list_tasks(before=newest[0])] == newest[1:]


def test_finished_tasks_beyond_keep_tasks_are_dropped(core_of: CoreOf) -> None:
    core = core_of(keep_tasks=2)
    ids = []
    for _ in range(3):
        ids.append(core.publish_async(**POST))
        core.wait(ids[-1], PATIENCE_S)
    for ask in (core.get_task, core.get_task_status, core.wait, core.cancel):
        with pytest.raises(TaskNotFound):
            ask(ids[0])
    with pytest.raises(TaskNotFound):
        list(core.watch(ids[0]))
    assert [task.id for task in core.list_tasks()] == ids[:0:-1]


def test_as_a_context_manager_it_waits_for_its_tasks(core: MedusaCore) -> None:
    with core:
        task_id = core.publish_async(SAMPLE, **VIDEO)
    assert core.get_task_status(task_id)["status"] == "completed"


def test_an_exception_in_the_context_does_not_wait(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("session.bytes")
    begun: list[str] = []

    def program() -> None:
        with core:
            begun.append(core.publish_async(SAMPLE, **VIDEO))
            assert held.arrived.wait(PATIENCE_S)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        program()
    held.release()
    assert core.get_task(begun[0]).results == {}


def test_a_closed_core_still_answers_and_takes_nothing_more(core: MedusaCore) -> None:
    task_id = core.publish_async(**POST)
    core.wait(task_id, PATIENCE_S)
    core.close()
    assert core.get_task_status(task_id)["status"] == "completed"
    with pytest.raises(MedusaError, match="closed"):
        core.publish_async(**POST)
    assert [task.id for task in core.list_tasks()] == [task_id], "no task comes to be that nobody would run"
    core.close()


def test_the_config_may_be_a_file_or_a_mapping(platform: FakePlatform, tmp_path: Path) -> None:
    file = tmp_path / "medusa_config.json"
    file.write_text(json.dumps({"fake": {}}))
    for core in (MedusaCore(config_file=file), MedusaCore(str(file)), MedusaCore(config={"fake": {}})):
        with core:
            assert finished(core, **POST)["status"] == "completed"


@pytest.mark.parametrize("given", [{}, {"config_file": "a.json", "config": {}}])
def test_there_is_one_config(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="either"):
        MedusaCore(**given)


def test_all_that_is_wrong_with_a_config_is_told(platform: FakePlatform) -> None:
    with pytest.raises(ConfigError) as told:
        MedusaCore(config={"fake": {"tokn": "x"}, "facebok": {}})
    assert sorted(problem.path for problem in told.value.problems) == ["facebok", "fake.tokn"]


def test_a_pause_that_is_taken_back_at_once_ends_nothing(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(PATIENCE_S)
    core.pause(task_id)
    core.unpause(task_id)
    held.release()
    assert core.wait(task_id, PATIENCE_S)["status"] == "completed"
    assert len(platform.videos) == 1
