"""What the local engine minds beside its runs: what is asked for again, and what other processes leave and ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from medusa.adapters.engines import others
from medusa.adapters.engines.carrying import Carrying
from medusa.adapters.engines.context import LocalContext, Running
from medusa.adapters.engines.others import Others
from medusa.adapters.engines.unfinished import Unfinished

T = TypeVar("T")
PATIENCE_S = 20.0


@dataclass
class Runner:
    """Of tasks that have nothing to do, as a runner and as each task that was taken."""

    releasing: Callable[[], None] = lambda: None
    looks: list[str] = field(default_factory=list)
    broken: int = 0
    """So many looks at the others meet a bug."""
    taken: list[str] = field(default_factory=list)
    shared = True

    async def take(self, task_id: str) -> Runner:
        self.taken.append(task_id)
        return self

    def carry(self, context: LocalContext) -> Awaitable[None]:
        return asyncio.sleep(0)

    def step(self, step_key: str) -> Running:
        raise NotImplementedError("they have no steps")

    async def release(self) -> None:
        self.releasing()

    def unfinished(self) -> tuple[str, ...]:
        return self._look("left", ("lost",))

    def called_off(self) -> Mapping[str, bool]:
        return self._look("asked", {})

    def place(self, task_id: str) -> tuple[float, tuple[str, ...]] | None:
        return 0.0, ()

    def is_left(self, task_id: str) -> bool:
        return False

    def left(self, task_id: str) -> str:
        return task_id

    def close(self) -> None: ...

    def _look(self, what: str, answer: T) -> T:
        self.looks.append(what)
        if self.looks.count(what) <= self.broken:
            raise KeyError("a field of a later version")
        return answer


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)


def test_what_is_asked_for_as_its_last_run_ends_is_unfinished_all_the_while() -> None:
    """Who waits for the end of all would otherwise close the engine between the two runs."""
    unfinished = Unfinished()

    async def twice() -> None:
        runner = Runner()
        carrying = Carrying(runner, unfinished, active=1)
        runner.releasing = lambda: unfinished.add("a")  # by another thread, which is yet to call `begin` in this one
        unfinished.add("a")
        carrying.begin("a")
        await until(lambda: not carrying.carries("a"))
        assert unfinished.names == {"a"}
        runner.releasing = lambda: None
        carrying.begin("a")
        await until(lambda: not unfinished.names)
        assert runner.taken == ["a", "a"]

    asyncio.run(twice())


def test_what_is_asked_for_many_times_while_it_runs_runs_once_more() -> None:
    unfinished, runner = Unfinished(), Runner()

    async def thrice() -> None:
        carrying = Carrying(runner, unfinished, active=1)
        for _ in range(4):
            unfinished.add("a")
            carrying.begin("a")
        await until(lambda: not unfinished.names)

    asyncio.run(thrice())
    assert runner.taken == ["a", "a"]


def test_a_bug_met_while_others_are_minded_ends_the_minding_for_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(others, "LISTEN_EVERY_S", 0.0)
    monkeypatch.setattr(others, "LOOK_EVERY_S", 0.0)
    runner = Runner(broken=1)

    async def minded() -> None:
        carrying = Carrying(runner, Unfinished(), active=1)
        carrying._contexts["other"] = LocalContext(runner.step)  # something runs, which others may ask to be ended
        minding = Others(runner, carrying)
        minding.serving = True
        minding.mind()
        await until(lambda: runner.taken and runner.looks.count("asked") > 1)
        for task in carrying._tasks.copy():
            task.cancel()

    asyncio.run(minded())
    assert runner.taken == ["lost"]
    assert "a field of a later version" in caplog.text
