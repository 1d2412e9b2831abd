"""A task that was taken: what an engine carries through, and then releases."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from medusa.domain.failures import TaskLost
from medusa.runner.carried import CarriedTask
from medusa.runner.ports import RunnerPorts
from medusa.runner.saving import kept
from medusa.runner.step_run import StepRun
from medusa.runner.task_run import RunContext, TaskRun
from medusa.runner.workers import Workers

_log = logging.getLogger("medusa.runner")


class TakenTask:
    """The only writer of the task, until it is released or another process takes it over."""

    def __init__(self, ports: RunnerPorts, workers: Workers, carried: CarriedTask) -> None:
        self._ports = ports
        self._workers = workers
        self._carried = carried

    async def carry(self, context: RunContext) -> None:
        """Carry the task through to its end, or until another process has taken it over."""
        with _letting_go():
            await TaskRun(self._carried, self._ports.now).run(context)

    def step(self, step_key: str) -> StepRun:
        """One step of it, ready to run. Called in a running event loop."""
        return StepRun(self._ports, self._workers, self._carried, step_key)

    async def release(self) -> None:
        """Let others take the task, once all of it is saved. Raises StorageFailed when something was not."""
        await kept(self._ports.repository.release_soon(self._carried.id))
        with _letting_go():
            self._carried.check()


@contextmanager
def _letting_go() -> Iterator[None]:
    """A task that another process has taken over is not this one's any more."""
    try:
        yield
    except TaskLost as lost:
        _log.info("%s: it is let go of here", lost)
