"""The engines pass the exam."""

from __future__ import annotations

import asyncio
import errno
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.adapters.engines.context import LocalContext
from medusa.adapters.engines.local import LocalEngine
from medusa.adapters.repositories.sql.key_file import KeyFile
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
from medusa.domain.failures import TaskNotFound
from medusa.domain.task import Step, TaskStatus
from medusa.domain.values import StepSpec
from medusa.runner.ports import RunnerPorts
from medusa.runner.runner import TaskRunner
from medusa.runner.workers import Workers
from tests.contract.engine_exam import PATIENCE_S, POST, VIDEO, EngineContract, EngineOf, World


def local(ports: RunnerPorts) -> LocalEngine:
    return LocalEngine(lambda: TaskRunner(ports, Workers(bulk=4, calls=4)))


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def engine_of(self) -> EngineOf:
        return local

    def test_no_thread_is_started_before_the_first_task(self, engine_of: EngineOf, world: World) -> None:
        before = set(threading.enumerate())
        engine = engine_of(world.ports)
        engine.cancel("nobody")
        engine.close()
        assert set(threading.enumerate()) <= before

    def test_an_engine_that_cannot_start_says_so_and_may_start_later(self, world: World) -> None:
        full = [RuntimeError("can't start new thread")]

        def runner() -> TaskRunner:
            if full:
                raise full.pop()
            return TaskRunner(world.ports, Workers(bulk=4, calls=4))

        engine = LocalEngine(runner)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            engine.submit(task_id := world.task(one=POST))
        assert engine.wait_idle(PATIENCE_S)
        engine.submit(task_id)
        assert world.ended(task_id).status is TaskStatus.COMPLETED
        engine.close()

    def test_what_is_submitted_after_a_drain_is_left_to_others(self, world: World) -> None:
        engine = local(world.ports)
        assert engine.drain(PATIENCE_S)
        task_id = world.task(one=POST)
        engine.submit(task_id)
        assert engine.wait_idle(PATIENCE_S)
        assert world.repository.get(task_id).status is TaskStatus.PENDING
        engine.close()

    def test_it_is_idle_once_a_task_is_gone_that_it_never_found(self, world: World) -> None:
        engine = local(world.ports)
        world.ports.repository.take = _not_found  # type: ignore[method-assign]  # the test stands in between
        engine.submit(world.task(one=POST))
        assert engine.wait_idle(PATIENCE_S), "the interpreter's exit would wait for ever"
        engine.close()

    def test_it_is_idle_once_steps_can_no_longer_be_saved(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        engine = local(world.ports)
        save, saved = world.repository.save_step, list[str]()

        def until_the_disk_is_full(task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
            saved.append(step.key)
            if len(saved) > 6:
                raise OSError(errno.ENOSPC, "No space left on device")
            save(task_id, step, epoch, announce)

        world.repository.save_step = until_the_disk_is_full  # type: ignore[method-assign]  # the test stands in between
        engine.submit(world.task(one=VIDEO, two=VIDEO))
        assert engine.wait_idle(PATIENCE_S), "the interpreter's exit would wait for ever"
        assert "it is left where it stands" in caplog.text
        engine.close()

    def test_it_says_what_it_leaves(self, world: World) -> None:
        engine = local(world.ports)
        held = world.platform.hold("session.bytes", skip=1)
        task_id = world.task(one=VIDEO, two=POST)
        engine.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        assert engine.leave() == (f"task {task_id}: One: video (0.1 of 0.2 MB sent); Two: post (not begun)",)
        engine.close(0.0)
        held.release()

    def test_a_task_that_waits_to_be_let_in_is_cancelled_at_once(self, world: World) -> None:
        engine = LocalEngine(lambda: TaskRunner(world.ports, Workers()), active=1)
        held = world.platform.hold("session.bytes")
        first, second = world.task(one=VIDEO), world.task(one=VIDEO)
        engine.submit(first)
        assert held.arrived.wait(PATIENCE_S)
        engine.submit(second)
        world.repository.ask_cancel(second)
        engine.cancel(second)
        assert world.ended(second).culprit is None
        held.release()
        assert world.ended(first).status is TaskStatus.COMPLETED
        engine.close()

    def test_many_tasks_start_in_order_and_need_no_more_threads_than_one(self, world: World) -> None:
        engine = LocalEngine(lambda: TaskRunner(world.ports, Workers()), active=4)
        held = world.platform.hold("post.create")
        ids = [world.task(one=POST) for _ in range(200)]
        for task_id in ids:
            engine.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        threads = threading.active_count()
        held.release()
        assert engine.wait_idle(PATIENCE_S)
        assert threading.active_count() == threads
        begun = [min(step.started_at or 0.0 for step in world.repository.get(one).steps) for one in ids]
        assert begun == sorted(begun)
        engine.close()


class Shared:
    """Engines in what could be several processes: each has a repository of its own on one file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.world = World(directory, repository=self.repository())
        self._ports = self.world.ports

    def repository(self) -> SqlRepository:
        store = Store(SqliteDatabase(self._directory / "tasks.db"))
        return SqlRepository(store, KeyFile(self._directory / "key"))

    def engine(self) -> tuple[LocalEngine, SqlRepository]:
        repository = self.repository()
        return local(replace(self._ports, repository=repository)), repository


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.adapters.engines.others.LOOK_EVERY_S", 0.01)


@pytest.mark.usefixtures("often")
class TestEnginesOnOneFile:
    def test_who_serves_goes_on_with_what_another_leaves(self, tmp_path: Path) -> None:
        shared = Shared(tmp_path)
        world = shared.world
        (mine, my_tasks), (other, others_tasks) = shared.engine(), shared.engine()
        held = world.platform.hold("session.bytes", skip=1)
        task_id = world.task(one=VIDEO)
        other.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        mine.resume(serve=True)  # not before: it would take what nobody has taken yet
        other.close(0.0)
        others_tasks.close()
        assert world.ended(task_id).status is TaskStatus.COMPLETED
        assert len(world.platform.videos) == 1
        mine.close()
        my_tasks.close()
        world.repository.close()

    def test_who_does_not_serve_still_answers_for_what_was_submitted_there(self, tmp_path: Path) -> None:
        shared = Shared(tmp_path)
        world = shared.world
        (mine, my_tasks), (_, others_tasks) = shared.engine(), shared.engine()
        own, foreign = world.task(one=POST), world.task(two=POST)
        others_tasks.take(own)
        others_tasks.take(foreign)
        mine.submit(own)
        assert mine.wait_idle(PATIENCE_S)
        assert world.platform.posts == []
        others_tasks.close()
        assert world.ended(own).status is TaskStatus.COMPLETED
        assert world.repository.unfinished() == (foreign,), "nobody asked for that one here"
        mine.close()
        my_tasks.close()
        world.repository.close()

    def test_a_task_of_a_target_that_is_not_configured_here_is_left_to_others(self, tmp_path: Path) -> None:
        shared = Shared(tmp_path)
        world = shared.world
        mine, my_tasks = shared.engine()
        foreign, own = world.task(one=POST), world.task(two=POST)
        del world.targets.adapters["one"]
        mine.resume(serve=True)
        assert world.ended(own).status is TaskStatus.COMPLETED
        assert world.repository.get(foreign).status is TaskStatus.PENDING
        mine.close()
        my_tasks.close()
        world.repository.close()


def _not_found(task_id: str, *, force: bool = False) -> int:
    raise TaskNotFound(task_id)


class Ending:
    """A step's run that ends as soon as the loop gives it its turn."""

    may_be_out = False

    def __init__(self, key: str) -> None:
        self._key = key

    async def run(self) -> Step:
        return Step(StepSpec("video", self._key), "one")

    def stop(self, *, at_once: bool) -> None:
        """It has ended already."""


def test_an_end_that_nobody_has_taken_yet_still_counts_as_running() -> None:
    async def two_ends() -> list[frozenset[str]]:
        context = LocalContext(Ending)
        for key in ("a", "b"):
            context.start(Step(StepSpec("video", key), "one"))
        for _ in range(5):
            await asyncio.sleep(0)
        seen = [context.running]
        await context.first_end()
        return [*seen, context.running]

    assert asyncio.run(two_ends()) == [frozenset("ab"), frozenset("b")]
