"""One run of one step, from where it stands to its end."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

from medusa.domain import pipeline
from medusa.domain.failures import (
    MEDIA_CODE,
    Failure,
    FailureKind,
    MediaChanged,
    MediaError,
    PlatformError,
    Stopped,
    StorageFailed,
    TaskLost,
)
from medusa.domain.quota import exhausted, shortage
from medusa.domain.task import MEDIA_STEP, PREFLIGHT_STEP, Step, StepState, Task
from medusa.domain.values import Media, MediaKind, Receipt, StepSpec
from medusa.runner.carried import CarriedTask
from medusa.runner.ports import RunnerPorts
from medusa.runner.publication import publish, unknown
from medusa.runner.step_life import StepLife
from medusa.runner.told import bug
from medusa.runner.upload import clear_away, upload
from medusa.runner.workers import Workers


class StepRun:
    """`run` raises TaskLost, StorageFailed or nothing: how it ended is in the step."""

    def __init__(self, ports: RunnerPorts, workers: Workers, carried: CarriedTask, step_key: str) -> None:
        task = carried.task
        self._life = StepLife(ports, workers, carried, task.step(step_key), patience=task.request.patience)
        self._ports = ports
        self._carried = carried

    @property
    def may_be_out(self) -> bool:
        """It may be visible already: better awaited than stopped."""
        return self._life.may_be_out

    def stop(self, *, at_once: bool) -> None:
        """End soon, with the checkpoint kept; if it may be visible already, after its verdict unless `at_once`."""
        self._life.stop(at_once=at_once)

    async def run(self) -> Step:
        """Carry the step out, whatever happens."""
        life = self._life
        task = self._task
        if life.step.state is StepState.WAITING and (task.stopping or task.paused):
            await self._not_begun(task)
            return life.step
        life.begin(pipeline.started(life.step, life.now()))
        try:
            receipt = self._carried.at_hand.receipts.get(life.step.key) or await self._carry_out(self._task)
        except (TaskLost, StorageFailed):  # what is saved stands, and what goes on from there finds out the rest
            raise
        except Stopped:
            await self._interrupted()
        except PlatformError as error:
            await self._end(error.failure)
        except MediaError as error:
            await self._end(_media_failure(error))
            if isinstance(error, MediaChanged):
                await clear_away(life)
        except Exception as error:
            await self._end(bug(life.step, life.task_id, error))
        else:
            life.change_soon(pipeline.succeeded(life.step, receipt, life.now()))
        return life.step

    @property
    def _task(self) -> Task:
        return self._carried.task

    async def _not_begun(self, task: Task) -> None:
        """Its end, or a rest, was asked for since it was chosen, or while it rested: then it has a checkpoint."""
        life = self._life
        if not task.stopping:
            await life.change(life.step)
        elif life.step.checkpoint:
            await self._interrupted()
        else:
            await life.change(pipeline.skipped(life.step, life.now()))

    async def _interrupted(self) -> None:
        life, task = self._life, self._task
        if not task.stopping:  # it is paused, or was until now, or its process ends
            await life.change(pipeline.suspended(life.step))
            return
        await life.change(pipeline.stopped(life.step, life.now()))
        if task.cancel_asked:
            await clear_away(life)

    async def _end(self, failure: Failure) -> None:
        """Failed; or back to its beginning, once, when what it was made from is gone from the platform."""
        life = self._life
        lost = failure.kind is FailureKind.SESSION_LOST and failure.no_effect
        if lost and life.step.spec.visible and not life.step.reopened:
            await life.change(pipeline.rewound(life.step))
            return
        sure = failure.no_effect or failure.kind in (FailureKind.REJECTED, FailureKind.OUTCOME_UNKNOWN)
        if life.may_be_out and not sure:
            failure = unknown(life, failure)
        await life.change(pipeline.failed(life.step, failure, life.now()))

    async def _carry_out(self, task: Task) -> Receipt:
        step = self._life.step
        if step.name == MEDIA_STEP:
            return await self._look(task)
        if step.name == PREFLIGHT_STEP:
            self._check_media(task)
            await self._afford(task)
        spec = _looked_at(task, pipeline.rendered(task, step))
        return await (publish if spec.visible else upload)(self._life, task, spec)

    async def _look(self, task: Task) -> Receipt:
        """Look at each file of the task once."""
        found = {}
        await self._life.change(self._life.step)  # it may take a while
        for media in {step.spec.media.uri: step.spec.media for step in task.steps if step.spec.media}.values():
            found[media.uri] = asdict(await self._life.work(partial(self._ports.probe.look, media)))
        return Receipt(None, extra={"media": found})

    async def _afford(self, task: Task) -> None:
        """What the target's steps must have of its quotas is left, or it is waited for, or the task ends here."""
        life = self._life
        required = [step for step in task.of(life.target) if step.spec.required]
        while short := shortage(required, self._ports.adapters.quotas(life.target, life.now())):
            await life.recover(exhausted(short))

    def _check_media(self, task: Task) -> None:
        """What a platform does not take ends the task before anything is sent."""
        specs = tuple(_looked_at(task, step.spec) for step in task.of(self._life.target))
        problem = self._ports.adapters.rules(self._life.target).check(specs)
        if problem is not None:
            raise PlatformError(Failure(FailureKind.REJECTED, problem.says, no_effect=True))


def _looked_at(task: Task, spec: StepSpec) -> StepSpec:
    """The spec with its media as the task's first step found them."""
    if spec.media is None:
        return spec
    for step in task.of(None):
        found = step.receipt.extra["media"].get(spec.media.uri) if step.receipt else None
        if found:
            return replace(spec, media=Media(**{**found, "kind": MediaKind(found["kind"])}))
    return spec


def _media_failure(error: MediaError) -> Failure:
    todo = "Publish it again once the file is complete." if isinstance(error, MediaChanged) else ""
    return Failure(FailureKind.REJECTED, str(error), MEDIA_CODE, todo=todo)
