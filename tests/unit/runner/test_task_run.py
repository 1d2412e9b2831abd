"""What starts, what is stopped, and that an end is told whatever happens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.platforms.fake.script import Held
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.task import Step, StepState, Task, TaskStatus
from medusa.domain.values import Checkpoint, Receipt, Span
from medusa.runner.carried import CarriedTask
from medusa.runner.task_run import TaskRun
from tests.unit.runner.bench import Bench, step
from tests.unit.runner.conftest import BenchOf

VIDEO = {"title": "Tech Talk"}
POST = {"message": "It is out"}
REJECTED = Failure(FailureKind.REJECTED, "not allowed", no_effect=True)


class Instant:
    """A RunContext whose steps succeed as soon as it is asked for an end, all that were started in one go."""

    def __init__(self, bench: Bench, task: Task) -> None:
        self.bench, self.task = bench, task
        self.started: list[str] = []
        self.stops: list[bool] = []
        self._waiting: list[Step] = []
        self._ended: list[Step] = []

    def start(self, step: Step) -> None:
        self.started.append(step.key)
        self._waiting.append(step)

    async def first_end(self) -> Step | None:
        if not self._ended:
            self._ended, self._waiting = [self._succeeded(one) for one in self._waiting], []
        return self._ended.pop(0)

    def stop(self, *, at_once: bool) -> None:
        self.stops.append(at_once)

    @property
    def running(self) -> frozenset[str]:
        return frozenset(one.key for one in (*self._waiting, *self._ended))

    def _succeeded(self, step: Step) -> Step:
        done = pipeline.succeeded(step, Receipt("id", "https://fake.invalid"), self.bench.now())
        self.bench.repository.save_step(self.task.id, done, 0)
        return done


def test_ends_that_come_together_start_nothing_twice(bench_of: BenchOf) -> None:
    """The second end is told before the loop has turned: what the first one let start is still waiting."""
    bench = bench_of(keys=("one", "two", "three"))
    task = bench.task(VIDEO, VIDEO, POST)
    context = Instant(bench, task)
    bench.run(TaskRun(CarriedTask(bench.repository, task.id, 0), bench.now).run(context))
    assert sorted(context.started) == sorted({one.key for one in task.steps})


def test_every_preflight_ends_before_the_first_byte(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("one", "two"))
    bench.platform.fail("account", REJECTED, skip=1)
    assert bench.publish(VIDEO, VIDEO).status is TaskStatus.FAILED
    assert set(bench.platform.exchanges) == {"account"}


def test_nothing_is_posted_before_all_uploads_are_done(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("one", "two", "three"))
    assert bench.publish(VIDEO, VIDEO, POST).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges[-1] == "post.create"


# ---------------------------------------------------------------- being stopped


async def _while_held(bench: Bench, task: Task, held: Held, *, then: Any = None) -> Task:
    """Cancel the task while `held` waits; `then` is called a little later."""
    contexts: list[Any] = []
    run = asyncio.ensure_future(bench.carry(task, contexts))
    await asyncio.to_thread(held.arrived.wait)
    bench.repository.ask_cancel(task.id)
    contexts[0].wake()
    if then:
        for _ in range(10):
            await asyncio.sleep(0)
        then()
    return await run


async def _until_queued(bench: Bench, task: Task) -> None:
    while "waits for its turn" not in bench.repository.get(task.id).message:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)


def test_who_waits_for_a_thread_says_so_and_leaves_at_once_when_stopped(bench_of: BenchOf) -> None:
    bench = bench_of(threads=1)
    held = bench.platform.hold("session.bytes")
    first, second = bench.task(VIDEO), bench.task(VIDEO)

    async def both() -> tuple[Task, Task]:
        contexts: list[Any] = []
        running = asyncio.ensure_future(bench.carry(first))
        await asyncio.to_thread(held.arrived.wait)
        waiting = asyncio.ensure_future(bench.carry(second, contexts))
        await _until_queued(bench, second)
        bench.repository.ask_cancel(second.id)
        contexts[0].wake()
        cancelled = await waiting
        held.release()
        return await running, cancelled

    done, cancelled = bench.run(both())
    assert done.status is TaskStatus.COMPLETED
    assert step(cancelled, "video").state is StepState.STOPPED
    assert len(bench.platform.videos) == 1


def test_a_post_that_waited_long_for_a_thread_is_not_too_late(bench_of: BenchOf) -> None:
    """Its time to be sent begins when there is a thread, and so does that of every call."""
    bench = bench_of(threads=1)
    held = bench.platform.hold("post.create")
    first, second = bench.task(POST, media=False), bench.task(POST, media=False)

    async def both() -> tuple[Task, Task]:
        running = asyncio.ensure_future(bench.carry(first))
        await asyncio.to_thread(held.arrived.wait)
        waiting = asyncio.ensure_future(bench.carry(second))
        for _ in range(20):
            await asyncio.sleep(0)
        bench.loop.move(bench.ports.send_within_s + 1.0)
        held.release()
        return await running, await waiting

    assert [task.status for task in bench.run(both())] == [TaskStatus.COMPLETED] * 2
    assert [step(task, "post").attempt for task in (bench.repository.get(second.id),)] == [1]
    assert len(bench.platform.posts) == 2


def test_a_limit_that_comes_up_meanwhile_holds_back_who_waited_for_a_thread(bench_of: BenchOf) -> None:
    bench = bench_of(threads=1)
    held = bench.platform.hold("session.bytes")
    later = Failure(
        FailureKind.RATE_LIMITED, "slow down", "429", True, not_before=bench.now() + 60.0, scope="fake:studio"
    )
    bench.platform.fail("session.bytes", later)
    first, second = bench.task(VIDEO), bench.task(VIDEO)

    async def both() -> list[Task]:
        running = asyncio.ensure_future(bench.carry(first))
        await asyncio.to_thread(held.arrived.wait)
        waiting = asyncio.ensure_future(bench.carry(second))
        await _until_queued(bench, second)
        before = len(bench.platform.exchanges)
        held.release()
        for task in (first, second):
            while "rate limited" not in bench.repository.get(task.id).message:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)
        assert bench.platform.exchanges[before:].count("session.bytes") == 1, "only who met the limit has asked"
        return [await running, await waiting]

    assert [task.status for task in bench.run(both())] == [TaskStatus.COMPLETED] * 2


def test_a_cancelled_upload_is_cut_and_cleared_away(bench: Bench) -> None:
    held = bench.platform.hold("session.bytes", skip=1)
    done = bench.run(_while_held(bench, task := bench.task(VIDEO), held))
    assert done.id == task.id
    assert step(done, "video").state is StepState.STOPPED
    assert bench.platform.exchanges[-1] == "session.drop"


def test_an_upload_that_is_cancelled_while_it_rests_is_cleared_away(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("one", "two"))
    held = bench.platform.hold("session.bytes", skip=1)
    task = bench.task(VIDEO, POST)

    async def paused() -> None:
        contexts: list[Any] = []
        run = asyncio.ensure_future(bench.carry(task, contexts))
        await asyncio.to_thread(held.arrived.wait)
        bench.repository.set_paused(task.id, True)
        contexts[0].wake()
        assert (await run).resting

    bench.run(paused())
    bench.repository.ask_cancel(task.id)
    done = bench.run(bench.carry(task))
    assert done.status is TaskStatus.FAILED
    assert step(done, "video", "one").state is StepState.STOPPED
    assert step(done, "post", "two").state is StepState.SKIPPED
    assert bench.platform.exchanges[-1] == "session.drop"


def test_a_failed_task_leaves_its_uploads_where_they_stand(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("one", "two"))
    bench.platform.hold("session.bytes")
    bench.platform.fail("session.bytes", REJECTED)
    done = bench.publish(VIDEO, VIDEO)
    assert sorted(one.state for one in done.steps if one.name == "video") == [StepState.FAILED, StepState.STOPPED]
    assert "session.drop" not in bench.platform.exchanges


def test_clearing_away_is_not_cut_by_the_end_of_another_step(bench_of: BenchOf) -> None:
    """One upload still tells its platform to forget it when the other one's end comes in: both ends are told."""
    bench = bench_of(keys=("one", "two"))
    first = bench.platform.hold("session.bytes")
    second = bench.platform.hold("session.bytes")
    dropping = bench.platform.hold("session.drop")

    async def both() -> Task:
        contexts: list[Any] = []
        run = asyncio.ensure_future(bench.carry(task, contexts))
        await asyncio.to_thread(first.arrived.wait)
        await asyncio.to_thread(second.arrived.wait)
        bench.repository.ask_cancel(task.id)
        contexts[0].wake()
        await asyncio.to_thread(dropping.arrived.wait)
        while len(contexts[0].running) == 2:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        dropping.release()
        return await run

    task = bench.task(VIDEO, VIDEO)
    done = bench.run(asyncio.wait_for(both(), 100.0))
    assert [one.state for one in done.steps if one.name == "video"] == [StepState.STOPPED] * 2
    assert bench.platform.exchanges.count("session.drop") == 2


def test_a_bug_in_clearing_away_keeps_no_task_from_its_end(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("one", "two"))
    held = bench.platform.hold("session.bytes", skip=1)
    bench.platform.fail("session.drop", KeyError("session"))
    done = bench.run(_while_held(bench, bench.task(VIDEO, POST), held))
    assert done.ended
    assert step(done, "post", "two").state is StepState.SKIPPED


def test_clearing_away_does_not_wait_for_a_rate_limit(bench: Bench) -> None:
    held = bench.platform.hold("session.bytes", skip=1)
    task = bench.task(VIDEO)

    async def limited() -> Task:
        contexts: list[Any] = []
        run = asyncio.ensure_future(bench.carry(task, contexts))
        await asyncio.to_thread(held.arrived.wait)
        bench.accounts.block("fake:studio", bench.now() + 3600.0)
        bench.repository.ask_cancel(task.id)
        contexts[0].wake()
        return await run

    assert step(bench.run(limited()), "video").state is StepState.STOPPED
    assert bench.loop.time() < 60.0
    assert bench.platform.exchanges[-1] == "session.drop"


def test_a_platform_that_does_not_answer_is_not_cleared_for_long(bench: Bench) -> None:
    """The task has ended for its caller; what is left to remove may take five seconds."""
    held = bench.platform.hold("session.bytes", skip=1)
    dropping = bench.platform.hold("session.drop")
    task = bench.task(VIDEO)

    async def stuck() -> Task:
        run = asyncio.ensure_future(_while_held(bench, task, held))
        await asyncio.to_thread(dropping.arrived.wait)
        bench.loop.move(5.0)
        return await run

    assert bench.run(stuck()).ended


def test_the_last_block_is_awaited_for_a_moment_then_asked_about(bench: Bench) -> None:
    held = bench.platform.hold("session.bytes", after=True, skip=2)
    task = bench.task(VIDEO)
    done = bench.run(_while_held(bench, task, held, then=lambda: bench.loop.move(0.5)))
    assert step(done, "video").succeeded, "it exists, and is recorded although the task was cancelled"
    assert bench.platform.exchanges[-1] == "session.status"


def test_a_wait_ends_when_it_is_cancelled(bench: Bench) -> None:
    limit = Failure(FailureKind.RATE_LIMITED, "slow down", "429", True, not_before=bench.now() + 3600.0)
    bench.platform.fail("session.create", limit)
    task = bench.task(VIDEO)

    async def cancelled() -> Task:
        contexts: list[Any] = []
        run = asyncio.ensure_future(bench.carry(task, contexts))
        await asyncio.sleep(1.0)
        bench.repository.ask_cancel(task.id)
        contexts[0].wake()
        return await run

    done = bench.run(cancelled())
    assert done.status is TaskStatus.FAILED
    assert step(done, "video").state is StepState.STOPPED
    assert bench.loop.time() < 2.0


def test_a_step_that_a_cancelled_task_left_running_is_stopped_at_once_after_a_restart(bench: Bench) -> None:
    task = bench.task(VIDEO)
    video = pipeline.started(step(task, "video"), bench.now())
    at = Checkpoint({"session": "https://fake.invalid/uploads/gone"}, Span(0, 10), 0)
    bench.saved(task, pipeline.advanced(video, at))
    bench.repository.ask_cancel(task.id)
    done = bench.run(bench.carry(task))
    assert step(done, "video").state is StepState.STOPPED
    assert bench.platform.exchanges == ["session.drop"]


def test_a_task_has_ended_only_when_nothing_of_it_changes_any_more(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("one", "two"))
    bench.platform.fail("account", REJECTED)
    ends: list[int] = []
    save = bench.repository.save_step

    def saved(task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        save(task_id, step, epoch, announce)
        if bench.repository.get(task_id).ended:
            ends.append(bench.repository.get(task_id).revision)

    bench.repository.save_step = saved  # type: ignore[method-assign]  # looks on
    last = bench.publish(VIDEO, POST)
    assert ends == [last.revision]


def test_a_task_that_was_cancelled_before_it_began_does_nothing(bench: Bench) -> None:
    task = bench.task(VIDEO)
    bench.repository.ask_cancel(task.id)
    done = bench.run(bench.carry(task))
    assert {one.state for one in done.steps} == {StepState.SKIPPED}
    assert bench.platform.exchanges == []


# ---------------------------------------------------------------- optional steps


def test_an_optional_steps_failure_leaves_a_warning(bench: Bench, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"picture")
    bench.platform.fail("thumbnail.put", REJECTED)
    done = bench.publish({**VIDEO, **POST, "thumbnail": str(picture)})
    assert done.status is TaskStatus.COMPLETED
    assert done.warnings == ("thumbnail not done: Fake API error: not allowed",)
    assert len(bench.platform.posts) == 1


@pytest.mark.parametrize("media", [True, False])
def test_the_media_is_looked_at_once_and_only_if_there_is_one(bench: Bench, media: bool) -> None:
    bench.publish(VIDEO if media else POST, media=media)
    assert bench.probe.looks == (1 if media else 0)


def test_media_that_a_platform_does_not_take_fails_before_anything_is_sent(bench: Bench) -> None:
    bench.film.rename(bench.film.with_suffix(".png"))
    bench.film = bench.film.with_suffix(".png")
    done = bench.publish(VIDEO)
    assert done.status is TaskStatus.FAILED
    assert bench.platform.exchanges == []


def test_a_file_that_is_gone_fails_the_task_in_its_own_words(bench: Bench) -> None:
    task = bench.task(VIDEO)
    bench.film.unlink()
    done = bench.run(bench.carry(task))
    assert done.culprit is not None
    assert done.culprit.name == "media"
    assert "cannot be read" in done.told(done.culprit)
