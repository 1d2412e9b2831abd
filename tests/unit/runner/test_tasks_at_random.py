"""Two tasks, cancelled, paused and killed at any moment: nothing is visible twice, and every task ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa.adapters.engines.context import LocalContext
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.task import Task
from tests.unit.runner.bench import Bench, step

ACTS = ("cancel", "pause", "unpause", "kill")
MOVES = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(ACTS), st.integers(0, 1)), max_size=6)
BUSY = Failure(FailureKind.TRANSIENT, "busy", "HTTP 503")
TROUBLES = st.lists(
    st.tuples(st.sampled_from(["account", "session.create", "session.bytes", "post.create"]), st.booleans()), max_size=4
)


class Runs:
    """The runs of two tasks in what could be one process after the other."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.tasks = [bench.task({"title": f"Talk {n}"}, {"message": f"Talk {n} is out"}) for n in range(2)]
        self._outside = asyncio.all_tasks()
        self._contexts: list[list[LocalContext]] = [[], []]
        self._runs = [asyncio.ensure_future(self._carried(n)) for n in range(2)]

    async def act(self, act: str, n: int) -> None:
        repository, task_id = self.bench.repository, self.tasks[n].id
        if act == "kill":
            await self._kill()
        elif act == "cancel":
            repository.ask_cancel(task_id)
        else:
            repository.set_paused(task_id, act == "pause")
        for context in self._contexts[n][-1:]:
            context.wake()
        self._go_on()

    async def ended(self) -> list[Task]:
        for task in self.tasks:
            self.bench.repository.set_paused(task.id, False)
        while not all(self._now(n).ended for n in range(2)):
            self._go_on()
            await asyncio.wait(self._runs)
        await asyncio.wait(self._runs)
        return [self._now(n) for n in range(2)]

    def _now(self, n: int) -> Task:
        return self.bench.repository.get(self.tasks[n].id)

    def _go_on(self) -> None:
        for n, run in enumerate(self._runs):
            task = self._now(n)
            if run.done() and not task.ended and not task.resting:
                self._runs[n] = asyncio.ensure_future(self._carried(n))

    async def _carried(self, n: int) -> Any:
        return await self.bench.carry(self.tasks[n], self._contexts[n])

    async def _kill(self) -> None:
        """A process dies, but not in the middle of a call: what a call does then is another exam's matter."""
        while self.bench.loop.busy:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        dying = asyncio.all_tasks() - self._outside - {asyncio.current_task()}
        for one in dying:
            one.cancel()
        await asyncio.gather(*dying, return_exceptions=True)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), keys=("one", "two"))
    yield made
    made.close()


async def _driven(bench: Bench, moves: list[tuple[int, str, int]]) -> list[Task]:
    runs = Runs(bench)
    for turns, act, n in moves:
        for _ in range(turns):
            await asyncio.sleep(0)
        await runs.act(act, n)
    return await runs.ended()


@settings(max_examples=120, deadline=None)
@given(MOVES, TROUBLES)
def test_nothing_is_visible_twice_and_every_task_ends(
    bench: Bench, moves: list[tuple[int, str, int]], troubles: list[tuple[str, bool]]
) -> None:
    bench.platform.reset()
    for operation, after in troubles:
        bench.platform.fail(operation, BUSY, after=after)
    tasks = bench.run(_driven(bench, moves))
    posts = [step(task, "post", "two") for task in tasks]
    unsure = [post for post in posts if post.failure and post.failure.kind is FailureKind.OUTCOME_UNKNOWN]
    sent = sum(post.succeeded for post in posts)
    assert all(task.ended for task in tasks)
    assert sent <= len(bench.platform.posts) <= sent + len(unsure)
    assert len(bench.platform.videos) <= len(tasks)
