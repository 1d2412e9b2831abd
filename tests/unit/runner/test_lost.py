"""A run whose task another one has taken ends: it saves nothing, and touches nothing on a platform any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.adapters.platforms.fake.script import Held
from medusa.domain import pipeline
from medusa.domain.failures import TaskLost
from medusa.domain.task import Task, TaskStatus
from medusa.runner.carried import CarriedTask
from medusa.runner.step_life import StepLife
from tests.unit.runner.bench import WINDOW, Bench
from tests.unit.runner.conftest import BenchOf

VIDEO = {"title": "Tech Talk"}
POST = {"message": "It is out"}
PATIENCE_S = 20.0


async def _taken_over(bench: Bench, task: Task, held: Held) -> Task:
    """How the task stands once a run that lost it in the midst of an exchange has ended."""
    run = asyncio.ensure_future(bench.carry(task))
    await asyncio.to_thread(held.arrived.wait)
    bench.repository.take(task.id)
    held.release()
    return await run


@pytest.mark.parametrize(
    ("operation", "skip", "asked", "window"),
    [
        ("account", 0, POST, WINDOW),
        ("account", 0, VIDEO, WINDOW),
        ("session.create", 0, VIDEO, WINDOW),
        ("session.bytes", 0, VIDEO, WINDOW),
        ("session.bytes", 0, VIDEO, 100 * WINDOW),
        ("session.bytes", 2, VIDEO, WINDOW),
        ("post.create", 0, POST, WINDOW),
    ],
)
def test_a_run_that_lost_its_task_does_nothing_more(
    bench_of: BenchOf, operation: str, skip: int, asked: dict[str, Any], window: int
) -> None:
    bench = bench_of(account=FakeAccount(window=window))
    task = bench.task(asked, media=asked is VIDEO)
    held = bench.platform.hold(operation, skip=skip)
    left = bench.run(_taken_over(bench, task, held))
    assert bench.platform.exchanges[-1] == operation
    assert not left.ended
    done = bench.run(bench.carry(task))
    assert done.status is TaskStatus.COMPLETED
    assert len(bench.platform.existing()) == 1


def test_an_upload_learns_of_it_from_its_progress(bench: Bench) -> None:
    """Hours may pass until the next checkpoint: the bytes stop at once."""
    task = bench.task(VIDEO)
    step = pipeline.started(task.steps[-1], bench.now())
    epoch = bench.repository.take(task.id)

    async def lost() -> None:
        life = StepLife(bench.ports, bench.workers, CarriedTask(bench.repository, task.id, epoch), step)
        bench.repository.take(task.id)
        life._show(WINDOW, 0.0)
        await asyncio.wait_for(life._stop.wait(), PATIENCE_S)
        with pytest.raises(TaskLost):
            await life.change(replace(step, done=1))

    bench.run(lost())
