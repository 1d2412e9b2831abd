"""What the orchestration of one task is given: its steps as asyncio tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from medusa.domain.task import Step


class Running(Protocol):
    """One step under way."""

    @property
    def may_be_out(self) -> bool: ...

    async def run(self) -> Step: ...

    def stop(self, *, at_once: bool) -> None: ...


class LocalContext:
    """RunContext over asyncio tasks."""

    def __init__(self, begin: Callable[[str], Running]) -> None:
        self._begin = begin
        self._steps: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: asyncio.Queue[Step | Exception | None] = asyncio.Queue()
        self._stopped = self._stopped_at_once = False
        self._leaving = False

    @property
    def running(self) -> frozenset[str]:
        """Keys of the steps that run, or whose end was not told yet."""
        return frozenset(self._steps)

    @property
    def may_be_out(self) -> bool:
        """Whether a running step may have become visible and has no receipt yet."""
        return any(run.may_be_out for run in tuple(self._steps.values()))

    def start(self, step: Step) -> None:
        """Begin to run the step, unless all is being left."""
        if self._leaving:
            return
        self._stopped = self._stopped_at_once = False
        run = self._begin(step.key)
        self._steps[step.key] = run
        task = asyncio.get_running_loop().create_task(self._carry(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def first_end(self) -> Step | None:
        """The next step to end; None after `wake`. Raises only what keeps steps from being saved at all."""
        ended = await self._ends.get()
        if isinstance(ended, Exception):
            raise ended
        if ended is not None:
            del self._steps[ended.key]
        return ended

    def stop(self, *, at_once: bool) -> None:
        """Stop the running steps; what may be out already is awaited, or only its present call is when `at_once`."""
        self._stopped, self._stopped_at_once = True, at_once or self._stopped_at_once
        for run in tuple(self._steps.values()):
            run.stop(at_once=at_once)

    def leave(self) -> None:
        """Begin nothing more; what runs goes back to waiting where it stands, what may be out already is awaited."""
        self._leaving = True
        self.stop(at_once=False)

    async def ended(self) -> None:
        """Once no step runs any more, whether its end was told or not."""
        running = [task for task in self._tasks if not task.done()]
        if running:
            await asyncio.wait(running)

    def heeds(self, *, at_once: bool) -> bool:
        """Whether all that runs was stopped, and at once if that is asked for."""
        return self._stopped_at_once if at_once else self._stopped

    def wake(self) -> None:
        """Let `first_end` return: someone asked for the task's end."""
        self._ends.put_nowait(None)

    async def _carry(self, run: Running) -> None:
        try:
            self._ends.put_nowait(await run.run())
        except Exception as error:
            self._ends.put_nowait(error)
