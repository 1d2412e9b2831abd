"""Carries one task through: starts what may start, and lets the first failure stop the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from medusa.domain import pipeline
from medusa.domain.task import Step, StepState, Task
from medusa.runner.carried import CarriedTask


class RunContext(Protocol):
    """What an engine gives the orchestration, which has no clock, no randomness and no I/O of its own."""

    def start(self, step: Step) -> None:
        """Begin to run the step."""
        ...

    async def first_end(self) -> Step | None:
        """The next step to end, as a value and never as an exception; None when someone asked for the task's end."""
        ...

    def stop(self, *, at_once: bool) -> None:
        """Stop the running steps; what may be out already is awaited, or only its present call is when `at_once`."""
        ...

    @property
    def running(self) -> frozenset[str]:
        """Keys of the steps that run."""
        ...


class TaskRun:
    """One run of one task, from where it stands to its end."""

    def __init__(self, carried: CarriedTask, now: Callable[[], float]) -> None:
        self._carried = carried
        self._now = now
        self._reopened: set[str] = set()
        """Keys of the steps that had been opened anew already when they were started."""

    async def run(self, context: RunContext) -> None:
        """Until every step has ended, or none runs because the task is paused."""
        for step in self._task.steps:
            if step.state is StepState.RUNNING:  # an earlier run was interrupted there
                self._start(context, step)
        while True:
            task = self._task
            if task.stopping or task.paused:
                context.stop(at_once=task.cancel_asked)
            await self._begin(context)
            if not context.running:
                return
            ended = await context.first_end()
            if ended is not None and ended.state is StepState.WAITING and self._is_rewound(ended):
                await self._rewind(ended)

    @property
    def _task(self) -> Task:
        return self._carried.task

    async def _begin(self, context: RunContext) -> None:
        """Start what may start, and skip what no longer can."""
        task = self._task
        while unreachable := pipeline.unreachable(task):
            if task.stopping and context.running:
                return  # what runs may still tell something; the rest is skipped when it has ended
            left = [step for step in unreachable if task.stopping and step.checkpoint]
            for step in left:  # it was suspended, and may have left something on the platform
                self._start(context, step)
            if left:
                return
            for step in unreachable:
                await self._carried.save(pipeline.given_up(task, step, self._now()))
            task = self._task
        for step in pipeline.next_steps(task):
            if step.key not in context.running:  # one that was started just now may still be waiting for its turn
                self._start(context, step)

    def _start(self, context: RunContext, step: Step) -> None:
        if step.reopened:
            self._reopened.add(step.key)
        context.start(step)

    def _is_rewound(self, step: Step) -> bool:
        """It waits since what it is made from is gone, and not since the task is paused."""
        return step.spec.visible and step.reopened and step.key not in self._reopened

    async def _rewind(self, step: Step) -> None:
        """What the step was made from is gone: those steps are opened anew."""
        for earlier in pipeline.sources(self._task, step):
            await self._carried.save(pipeline.rewound(earlier))
