"""A task that has ended goes on: what had succeeded stays as it is, the rest is done from where it stands."""

from __future__ import annotations

from dataclasses import replace

from medusa.domain.failures import FailureKind, TaskConflict
from medusa.domain.policy import Trouble
from medusa.domain.task import Step, StepState, Task
from medusa.domain.values import Receipt


def retried(task: Task) -> Task:
    """The task as it is to go on. Raises TaskConflict when there is nothing to repeat.

    Uploads keep their checkpoints and go on at the byte. A post whose outcome is unknown keeps its intent: it is looked
    for again, and still not sent a second time by itself.
    """
    if not task.ended:
        raise TaskConflict(f"task {task.id} has not ended: there is nothing to retry yet")
    if all(step.succeeded for step in task.steps):
        raise TaskConflict(f"task {task.id} has succeeded: there is nothing to retry")
    return replace(task, steps=tuple(map(_again, task.steps)), cancel_asked=False, paused=False)


def resolved(task: Task, posted: str | None) -> Task:
    """The task with its one step of unknown outcome settled by hand, ready to go on.

    `posted`: the id under which it is on the platform, or None when it surely is not there and is to be sent anew.
    Raises TaskConflict when there is not exactly one such step.
    """
    unsure = [step for step in task.steps if step.failure and step.failure.kind is FailureKind.OUTCOME_UNKNOWN]
    if len(unsure) != 1:
        raise TaskConflict(f"task {task.id} has {len(unsure) or 'no'} steps whose outcome is unknown, not one")
    settled = _posted(unsure[0], posted) if posted else _not_posted(unsure[0])
    steps = tuple(settled if step is unsure[0] else _again(step) for step in task.steps)
    return replace(task, steps=steps, cancel_asked=False, paused=False)


def _again(step: Step) -> Step:
    if step.succeeded:
        return step
    waiting = replace(
        step, state=StepState.WAITING, failure=None, trouble=Trouble(), reopened=False, note="", ended_at=None
    )
    lost = step.checkpoint is not None and not step.checkpoint.cursor  # its session's life was over
    return replace(waiting, checkpoint=None, done=0) if lost else waiting


def _posted(step: Step, found: str) -> Step:
    receipt = Receipt(found, step.known.url if step.known else None)
    return replace(step, state=StepState.SUCCEEDED, receipt=receipt, failure=None)


def _not_posted(step: Step) -> Step:
    """Nothing of it is out: an upload begins with a new session, a post with a new intent."""
    return replace(_again(step), checkpoint=None, intent=None, committed=False, done=0)
