"""The engines pass the exam."""

from __future__ import annotations

import asyncio
import errno
import threading

import pytest

from medusa.adapters.engines.local import LocalContext, LocalEngine
from medusa.domain.failures import TaskNotFound
from medusa.domain.task import Step
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
