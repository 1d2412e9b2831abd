"""Carries an invisible step to its receipt: open, advance from checkpoint to checkpoint, ask after each trouble."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import UploaderPort
from medusa.domain.task import Task
from medusa.domain.values import Checkpoint, Receipt, StepSpec
from medusa.runner.call import RunnerCall
from medusa.runner.publication import unknown
from medusa.runner.step_life import StepLife

_log = logging.getLogger("medusa.runner")


async def upload(life: StepLife, task: Task, spec: StepSpec) -> Receipt:
    """The step's receipt. Raises PlatformError, MediaError or Stopped; the step's checkpoint stays."""
    uploader = await life.adapter(life.ports.adapters.uploader)
    made = pipeline.made(task, life.step)
    asking = life.step.checkpoint is not None
    while True:
        at = life.step.checkpoint
        try:
            if at is None:
                life.raise_if_stopped()
                moved: Checkpoint | Receipt = uploader.open(RunnerCall(life.lent), spec, made)
            elif asking:
                moved = await _ask(life, uploader, spec, at)
            else:
                moved = await _advance(life, uploader, spec, at)
        except PlatformError as error:
            if not asking and _may_have_finished(life, at, error.failure):
                asking = True  # one question more: its last block may have taken effect
                continue
            try:
                await _recover(life, uploader, error.failure)
            except PlatformError:
                if asking or not life.step.committed:
                    raise
                moved = await _ask(life, uploader, spec, life.step.checkpoint or Checkpoint())
                if isinstance(moved, Receipt):
                    return moved
                # If it wants bytes again, it is sure that nothing came of it.
                await _save(life, spec, moved, asked=True)
                raise
            asking = life.step.checkpoint is not None
            continue
        if isinstance(moved, Receipt):
            return moved
        await _save(life, spec, moved, asked=asking)
        asking = False


async def _ask(life: StepLife, uploader: UploaderPort, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
    """Where the platform says that it stands. A refused question proves nothing about what was sent before it.

    As long as its last block was not handed out, what looks like its thing is somebody else's: it is not looked for.
    """
    asked = at if life.step.committed else replace(at, commits=False)
    try:
        found = await life.once(partial(uploader.ask, spec=spec, at=asked))
        return at if found is asked else found
    except PlatformError as error:
        refused = error.failure.kind is FailureKind.REJECTED and life.step.committed
        proves = unknown(life, error.failure) if refused else replace(error.failure, no_effect=False)
        raise PlatformError(proves) from None


def _may_have_finished(life: StepLife, at: Checkpoint | None, failure: Failure) -> bool:
    """Its last block was out when the call failed, and there is no going on from there."""
    if at is None or at.want is None or not life.step.committed:
        return False
    return life.stopping or failure.kind is FailureKind.SESSION_LOST


async def _advance(life: StepLife, uploader: UploaderPort, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
    await life.pause(life.now() + at.wait_s, at.note)
    begun = pipeline.trying(life.step)
    silent = at.want is None
    await life.change(pipeline.committed(begun) if at.commits and silent else begun, announce=not silent)
    return await life.once(partial(uploader.advance, spec=spec, at=at), media=None if silent else spec.media)


async def _save(life: StepLife, spec: StepSpec, at: Checkpoint, *, asked: bool) -> None:
    """A new checkpoint, on disk before the next call: unless there is a wait first, it is saved as that one begins.

    If the platform wants bytes again, be it asked or not, then the last block did not take effect.
    """
    if not asked:  # of some steps nobody is asked, so that an answer proves nothing about credentials
        life.went_well()
    step = pipeline.advanced(life.step, at, asked=asked)
    total = spec.media.size if at.want and spec.media else step.total
    committed = step.committed and at.want is None
    if (total, committed) != (step.total, step.committed):
        step = replace(step, total=total, committed=committed)
    if at.note or at.wait_s:
        await life.change(step, announce=bool(at.note))
    else:
        life.amend(step)


async def _recover(life: StepLife, uploader: UploaderPort, failure: Failure) -> None:
    """Open anew, once, what was lost and surely does not exist; else renew, wait, or raise."""
    lost = life.step.checkpoint
    if failure.kind is not FailureKind.SESSION_LOST or life.step.committed or life.step.reopened or lost is None:
        await life.recover(failure)
        return
    await _abandon(life, uploader, lost)
    await life.change(pipeline.reopened(life.step))


async def clear_away(life: StepLife) -> None:
    """After a cancel, or when the file has changed: remove what the upload has left on the platform, if that goes."""
    at = life.step.checkpoint
    if at is not None and not life.may_be_out:
        life.go_on()
        uploader = await life.adapter(life.ports.adapters.uploader)
        await _abandon(life, uploader, at)


async def _abandon(life: StepLife, uploader: UploaderPort, at: Checkpoint) -> None:
    try:
        await life.once(partial(uploader.abandon, at=at))
    except PlatformError as error:
        _log.info("an orphan of step %s stays on the platform: %s", life.step.name, error)
