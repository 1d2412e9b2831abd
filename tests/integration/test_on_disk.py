"""Tasks kept in a file: several cores on it at once, one after the other, and what is gone on with."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from medusa import ConfigError, InvalidRequest, MedusaCore, TaskConflict, TaskNotFound, TaskStatus
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.domain.task import Task
from medusa.sandbox import Sandbox
from tests.integration.conftest import CoreOf
from tests.integration.rehearsal import MIB, QUICK, WITHIN_S, large, made, nothing_but, operations, start
from tests.integration.secrecy import Shown

OpenCore = Callable[..., MedusaCore]
POST: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"message": "It is out"}}}
KEPT_AT_MOST = 2 * 256 * 1024
"""Bytes that may go over the wire twice after a break."""


@pytest.fixture
def opened(sandbox: Sandbox, tmp_path: Path, no_pauses: None) -> Iterator[OpenCore]:
    """A core on the sandbox and on one file of tasks; `engine` are changed settings of it."""
    cores: list[MedusaCore] = []

    def open_core(**engine: object) -> MedusaCore:
        kept: Mapping[str, object] = {"path": str(tmp_path / "tasks.db"), **engine}
        cores.append(MedusaCore(config={**sandbox.config(tmp_path), "medusa": {"retry": QUICK, "engine": kept}}))
        return cores[-1]

    yield open_core
    sandbox.clear_faults()
    for core in cores:
        core.close(0.0)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """So large that its last block is never on its way before the platform has read some: that one is awaited."""
    return large(tmp_path, 64 * MIB)


def received(sandbox: Sandbox, operation: str) -> int:
    """Bytes of all requests of this operation."""
    return sum(record["received"] for record in sandbox.log() if record["operation"] == operation)


def upload_that_hangs(core: MedusaCore, sandbox: Sandbox, film: Path) -> str:
    """A YouTube upload whose bytes stop after 1 MiB, for as long as nobody ends it."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    task_id = start(core, "youtube", media=film)
    sandbox.wait_for("youtube", "video.bytes")
    until_received(sandbox, MIB)
    return task_id


def until_received(sandbox: Sandbox, count: int) -> None:
    """Until so many bytes of a video have arrived at the platform."""
    gave_up = threading.Event()
    timer = threading.Timer(WITHIN_S, gave_up.set)
    timer.start()
    while received(sandbox, "video.bytes") < count:
        assert not gave_up.is_set(), "the bytes never arrived"
    timer.cancel()


def rested(core: MedusaCore, task_id: str) -> None:
    """Until nothing of the paused task runs in this core."""
    assert core._engine.wait_idle(WITHIN_S)
    assert core.get_task(task_id).paused


# ---------------------------------------------------------------- several cores on one file


def test_a_second_core_sees_and_watches_what_the_first_runs(opened: OpenCore, sandbox: Sandbox, film: Path) -> None:
    first, second = opened(), opened()
    sandbox.fault(platform="youtube", operation="video.bytes", kind="delay", seconds=0.3)
    task_id = start(first, "youtube", media=film)
    assert [task.id for task in second.list_tasks()] == [task_id]
    seen = list(second.watch(task_id))
    assert seen[-1].status is TaskStatus.COMPLETED
    assert [task.revision for task in seen] == sorted({task.revision for task in seen})
    assert second.get_task_status(task_id) == first.wait(task_id, WITHIN_S)
    assert operations(sandbox, "youtube").count("videos.insert") == 1


def test_a_second_core_cancels_what_the_first_runs(opened: OpenCore, sandbox: Sandbox, film: Path) -> None:
    first, second = opened(), opened()
    task_id = upload_that_hangs(first, sandbox, film)
    assert second.cancel(task_id)
    assert second.wait(task_id, WITHIN_S)["status"] == "failed"
    assert first.get_task(task_id).cancel_asked
    assert made(sandbox) == nothing_but()


def test_a_second_core_pauses_what_the_first_runs_and_goes_on_with_it(
    opened: OpenCore, sandbox: Sandbox, film: Path
) -> None:
    first, second = opened(), opened()
    task_id = upload_that_hangs(first, sandbox, film)
    assert second.pause(task_id)
    rested(first, task_id)
    assert second.unpause(task_id)
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"
    assert received(sandbox, "video.bytes") <= film.stat().st_size + KEPT_AT_MOST
    assert made(sandbox) == nothing_but(youtube=1)


def test_what_another_core_asks_for_just_as_a_task_rests_is_not_lost(opened: OpenCore, sandbox: Sandbox) -> None:
    """It cannot take the task, since the first still holds it: then the first has to go on."""
    first, second = opened(), opened()
    first_release, asked = first._repository.release_soon, threading.Event()

    def release(task_id: str) -> Future[None]:
        if not asked.is_set():
            assert second.unpause(task_id)
            assert second._engine.wait_idle(WITHIN_S)  # it has tried, and could not
            asked.set()
        return first_release(task_id)

    first._repository.release_soon = release  # type: ignore[method-assign]  # the instant between the rest and the release
    sandbox.fault(platform="youtube", operation="videos.insert", kind="stall")
    task_id = start(first, "youtube")
    sandbox.wait_for("youtube", "videos.insert")
    assert first.pause(task_id)
    assert asked.wait(WITHIN_S)
    assert first.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(youtube=1)


# ---------------------------------------------------------------- retry


def test_retry_repeats_only_what_had_not_succeeded_and_goes_on_at_the_byte(
    opened: OpenCore, sandbox: Sandbox, film: Path
) -> None:
    core = opened()
    sandbox.fault(platform="youtube", operation="video.bytes", kind="cut", after=8 * MIB)
    sandbox.fault(platform="youtube", operation="video.status", kind="token_revoked", times=-1)
    task_id = start(core, "vimeo", "youtube", media=film)
    failed = core.wait(task_id, WITHIN_S)
    assert (failed["status"], failed["failed_platform"]) == ("failed", "youtube")
    on_vimeo = made(sandbox)["vimeo"]
    sandbox.clear_faults()
    core.retry(task_id)
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(youtube=1, vimeo=1)
    assert operations(sandbox, "youtube").count("videos.insert") == 1
    assert operations(sandbox, "vimeo").count("videos.create") == 1
    assert received(sandbox, "video.bytes") <= film.stat().st_size + KEPT_AT_MOST
    assert on_vimeo <= 1


def test_a_cancelled_task_is_retried_by_the_next_process(opened: OpenCore, sandbox: Sandbox, film: Path) -> None:
    first = opened()
    task_id = upload_that_hangs(first, sandbox, film)
    first.cancel(task_id)
    assert first.wait(task_id, WITHIN_S)["status"] == "failed"
    first.close(WITHIN_S)
    second = opened()
    assert second.get_task_status(task_id)["status"] == "failed"
    second.retry(task_id)
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(youtube=1)


def test_another_core_retries_what_its_runner_has_not_let_go_of_yet(opened: OpenCore, sandbox: Sandbox) -> None:
    first, second = opened(), opened()
    release, reopen, refused = first._repository.release_soon, second._repository.reopen, threading.Event()

    def held(task_id: str) -> Future[None]:
        assert refused.wait(WITHIN_S)
        return release(task_id)

    def reopened(task: Task) -> Task:
        try:
            return reopen(task)
        except TaskConflict:
            refused.set()
            raise

    first._repository.release_soon = held  # type: ignore[method-assign]  # the instant between the end and the release
    second._repository.reopen = reopened  # type: ignore[method-assign]  # looks on
    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    task_id = start(first, "facebook", media=None, facebook={"message": "It is out"})
    assert second.wait(task_id, WITHIN_S)["status"] == "failed"
    second.retry(task_id)
    assert refused.is_set()
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"


def test_there_is_nothing_to_retry_in_what_runs_or_has_succeeded(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    task_id = start(core, "vimeo")
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    with pytest.raises(TaskConflict, match="nothing to retry"):
        core.retry(task_id)
    with pytest.raises(TaskNotFound):
        core.retry("unknown")


# ---------------------------------------------------------------- the same video twice, on purpose


def test_a_lost_upload_is_not_taken_for_the_same_video_of_another_task(
    opened: OpenCore, sandbox: Sandbox, film: Path
) -> None:
    """Its last block never went out, so that what looks like its video is another's: it begins anew."""
    core = opened()
    first = upload_that_hangs(core, sandbox, film)
    assert core.pause(first)
    rested(core, first)
    second = core.wait(start(core, "youtube", media=film), WITHIN_S)
    sandbox.fault(platform="youtube", operation="video.status", kind="session_gone")
    assert core.unpause(first)
    urls = {reply["results"]["youtube_url"] for reply in (core.wait(first, WITHIN_S), second)}
    assert len(urls) == 2
    assert made(sandbox) == nothing_but(youtube=2)


# ---------------------------------------------------------------- another file in its place


def longer(film: Path) -> str:
    with film.open("ab") as end:
        end.write(b"more")
    size = film.stat().st_size
    return f"its size went from {size - 4:,} to {size:,} bytes"


def rewritten(film: Path) -> str:
    with film.open("r+b") as file:
        file.write(b"another")
    return "its content is another one"


def touched(film: Path) -> str:
    os.utime(film, ns=(0, film.stat().st_mtime_ns + 1))
    return "it was modified"


@pytest.mark.parametrize("change", [longer, rewritten, touched])
def test_the_next_process_says_what_has_changed_in_the_file(
    opened: OpenCore, sandbox: Sandbox, film: Path, change: Callable[[Path], str]
) -> None:
    first = opened()
    task_id = upload_that_hangs(first, sandbox, film)
    first.close(0.0)
    says = f"large.mp4 has changed since this task began: {change(film)}. Publish it again once the file is complete."
    reply = opened().wait(task_id, WITHIN_S)
    assert reply == {"status": "failed", "error": says, "failed_platform": None}
    assert made(sandbox) == nothing_but()


# ---------------------------------------------------------------- what nobody knows


@pytest.fixture
def unknown_post(opened: OpenCore, sandbox: Sandbox) -> tuple[MedusaCore, str]:
    """A post that is out, whose reply was lost, and that cannot be looked for."""
    return unsure(opened(), sandbox, committed=True)


def unsure(core: MedusaCore, sandbox: Sandbox, *, committed: bool) -> tuple[MedusaCore, str]:
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500, committed=committed)
    sandbox.fault(platform="facebook", operation="published_posts", kind="status", code=500, times=-1)
    task_id = start(core, "facebook", media=None, facebook={"message": "It is out"})
    said = core.wait(task_id, WITHIN_S)
    assert said["status"] == "failed"
    assert "whether it got through is not known" in said["error"]
    return core, task_id


def test_retry_does_not_send_what_may_be_out(unknown_post: tuple[MedusaCore, str], sandbox: Sandbox) -> None:
    core, task_id = unknown_post
    core.retry(task_id)
    assert "not known" in core.wait(task_id, WITHIN_S)["error"]
    sandbox.clear_faults()
    core.retry(task_id)
    post = sandbox.state()["facebook"]["posts"][0]["id"]
    assert core.wait(task_id, WITHIN_S) == {"status": "completed", "results": {"facebook_post_id": post}}
    assert operations(sandbox, "facebook").count("feed.create") == 1


def test_it_is_told_where_to_look_and_how_to_say_what_was_found(
    unknown_post: tuple[MedusaCore, str], sandbox: Sandbox
) -> None:
    core, task_id = unknown_post
    page = sandbox.state()["facebook"]["page"]["id"]
    said = core.get_task_status(task_id)["error"]
    assert f"Look at https://www.facebook.com/{page}, " in said
    assert f"medusa resolve {task_id} --posted ID, or --not-posted" in said


def test_who_found_the_post_says_so(unknown_post: tuple[MedusaCore, str], sandbox: Sandbox) -> None:
    core, task_id = unknown_post
    core.resolve(task_id, posted="1_2")
    assert core.wait(task_id, WITHIN_S) == {"status": "completed", "results": {"facebook_post_id": "1_2"}}
    assert operations(sandbox, "facebook").count("feed.create") == 1
    with pytest.raises(TaskConflict, match="no step whose outcome is unknown"):
        core.resolve(task_id, posted="1_2")


@pytest.mark.parametrize("said", ["nonsense", "", "https://youtu.be/abcdefghijk", "https://www.facebook.com/1029"])
def test_what_cannot_be_the_post_is_refused_and_changes_nothing(
    unknown_post: tuple[MedusaCore, str], said: str
) -> None:
    core, task_id = unknown_post
    before = core.get_task(task_id)
    with pytest.raises(InvalidRequest, match=rf"posted: {said!r} is no post of Facebook"):
        core.resolve(task_id, posted=said)
    assert core.get_task(task_id) == before


def test_a_pasted_address_names_the_post(unknown_post: tuple[MedusaCore, str], sandbox: Sandbox) -> None:
    core, task_id = unknown_post
    post = sandbox.state()["facebook"]["posts"][0]["id"]
    page, _, number = post.partition("_")
    core.resolve(task_id, posted=f"https://www.facebook.com/permalink.php?story_fbid={number}&id={page}")
    assert core.wait(task_id, WITHIN_S)["results"] == {"facebook_post_id": post}


def test_who_found_that_there_is_no_post_has_it_sent_once_more(opened: OpenCore, sandbox: Sandbox) -> None:
    core, task_id = unsure(opened(), sandbox, committed=False)
    core.close(WITHIN_S)
    later = opened()
    later.resolve(task_id, posted=None)
    assert later.wait(task_id, WITHIN_S)["status"] == "completed"
    assert operations(sandbox, "facebook").count("feed.create") == 2
    assert made(sandbox) == nothing_but(facebook=1)


# ---------------------------------------------------------------- the same request twice


def on_file(core_of: CoreOf, tmp_path: Path) -> MedusaCore:
    return core_of(engine={"path": str(tmp_path / "tasks.db")})


@pytest.mark.parametrize("key", ["", 5])
def test_a_key_that_is_no_text_is_refused(core_of: CoreOf, key: Any) -> None:
    core = core_of()
    with pytest.raises(InvalidRequest, match="idempotency_key: must be text, and not empty"):
        core.publish_async(platforms=["facebook"], metadata={"facebook": {"message": "m"}}, idempotency_key=key)
    assert core.list_tasks() == ()


def test_a_key_gives_the_same_task_also_after_a_restart(
    core_of: CoreOf, platform: FakePlatform, tmp_path: Path
) -> None:
    first = on_file(core_of, tmp_path)
    task_id = first.publish_async(**POST, idempotency_key="monday")
    assert first.publish_async(**POST, idempotency_key="monday") == task_id
    first.close(WITHIN_S)
    second = on_file(core_of, tmp_path)
    assert second.publish_async(**POST, idempotency_key="monday") == task_id
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"
    assert len(platform.posts) == 1
    assert second.publish_async(**POST, idempotency_key="tuesday") != task_id


def test_a_key_that_was_used_for_something_else_is_refused(
    core_of: CoreOf, platform: FakePlatform, tmp_path: Path
) -> None:
    first = on_file(core_of, tmp_path)
    task_id = first.publish_async(**POST, idempotency_key="monday")
    first.close(WITHIN_S)
    second = on_file(core_of, tmp_path)
    other = {**POST, "metadata": {"fake": {"message": "It is not out"}}}
    with pytest.raises(TaskConflict, match=f"used with other content, for task {task_id}"):
        second.publish_async(**other, idempotency_key="monday")
    second.close(WITHIN_S)
    assert len(platform.posts) == 1


# ---------------------------------------------------------------- rest, and an end


def test_a_paused_task_keeps_its_place_also_across_a_restart(opened: OpenCore, sandbox: Sandbox, film: Path) -> None:
    first = opened()
    task_id = upload_that_hangs(first, sandbox, film)
    assert first.pause(task_id)
    rested(first, task_id)
    first.close(WITHIN_S)
    sent = received(sandbox, "video.bytes")
    second = opened()
    assert second._engine.wait_idle(WITHIN_S)
    assert received(sandbox, "video.bytes") == sent, "nobody asked it to go on"
    assert second.unpause(task_id)
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"
    assert received(sandbox, "video.bytes") <= film.stat().st_size + KEPT_AT_MOST


def test_a_paused_task_can_be_cancelled(opened: OpenCore, sandbox: Sandbox, film: Path) -> None:
    core = opened()
    task_id = upload_that_hangs(core, sandbox, film)
    core.pause(task_id)
    rested(core, task_id)
    assert core.cancel(task_id)
    assert core.wait(task_id, WITHIN_S)["status"] == "failed"
    assert not core.pause(task_id)
    assert not core.unpause(task_id)


def test_only_what_has_ended_is_deleted(core_of: CoreOf, platform: FakePlatform, tmp_path: Path) -> None:
    core = on_file(core_of, tmp_path)
    held = platform.hold("post.create")
    task_id = core.publish_async(**POST)
    assert held.arrived.wait(WITHIN_S)
    with pytest.raises(TaskConflict, match="cancel it first"):
        core.delete(task_id)
    held.release()
    core.wait(task_id, WITHIN_S)
    core.delete(task_id)
    with pytest.raises(TaskNotFound):
        core.get_task(task_id)
    assert core.list_tasks() == ()


def test_a_core_that_is_closed_in_mid_upload_leaves_it_to_the_next(
    opened: OpenCore, sandbox: Sandbox, film: Path
) -> None:
    first = opened()
    task_id = upload_that_hangs(first, sandbox, film)
    first.close(0.0)
    second = opened()
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(youtube=1)
    assert operations(sandbox, "youtube").count("videos.insert") == 1
    assert received(sandbox, "video.bytes") <= film.stat().st_size + KEPT_AT_MOST


def test_without_resume_tasks_wait_for_the_word(opened: OpenCore, sandbox: Sandbox, film: Path) -> None:
    first = opened()
    task_id = upload_that_hangs(first, sandbox, film)
    first.close(0.0)
    sent = len(sandbox.log())
    second = opened(resume=False)
    assert second.get_task_status(task_id)["status"] == "in_progress"
    assert second._engine.wait_idle(WITHIN_S)
    assert len(sandbox.log()) == sent
    second.resume()
    assert second.wait(task_id, WITHIN_S)["status"] == "completed"


# ---------------------------------------------------------------- the file


def test_a_path_that_is_a_directory_is_refused_in_words(core_of: CoreOf, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"engine\.path: .* cannot be used: is a directory"):
        core_of(engine={"path": str(tmp_path)})


def test_a_database_of_another_program_is_refused_and_left_alone(core_of: CoreOf, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "tasks.db") as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    other.close()
    before = (tmp_path / "tasks.db").read_bytes()
    with pytest.raises(ConfigError, match="database of another program"):
        on_file(core_of, tmp_path)
    assert (tmp_path / "tasks.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(core_of: CoreOf, tmp_path: Path) -> None:
    (tmp_path / "tasks.db").write_text("Dear diary, " * 1000)
    with pytest.raises(ConfigError, match="not a database"):
        on_file(core_of, tmp_path)
    assert (tmp_path / "tasks.db").read_text() == "Dear diary, " * 1000


def test_nothing_that_gives_access_can_be_read_in_the_file(
    opened: OpenCore, sandbox: Sandbox, film: Path, tmp_path: Path, shown: Shown
) -> None:
    core = opened()
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall", after=MIB)
    task_id = upload_that_hangs(core, sandbox, film)
    other = start(core, "vimeo", media=film)
    sandbox.wait_for("vimeo", "tus.patch")
    steps = [step for task in (task_id, other) for step in core.get_task(task).steps if step.name == "video"]
    assert [step.checkpoint is not None for step in steps] == [True, True], "both sessions are kept"
    files = [file for file in tmp_path.iterdir() if file.name.startswith("tasks.db")]
    kept = b"".join(file.read_bytes() for file in files)
    assert task_id.encode() in kept
    assert len(shown.secrets()) > 5
    assert [secret for secret in shown.secrets() if secret.encode() in kept] == []
    assert {file.name: file.stat().st_mode & 0o777 for file in files} == {file.name: 0o600 for file in files}
