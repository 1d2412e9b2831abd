"""What gives access to an account is forgotten once nothing needs it any more."""

from __future__ import annotations

from dataclasses import replace

from medusa.domain.task import Step, TaskStatus


def forgotten(step: Step, status: TaskStatus, cancel_asked: bool) -> Step:
    """The step as it is kept in a task of this status: without its checkpoint and intent, if they are of no use.

    A failed task keeps them for `retry`. In every ended task, what may be out without a receipt keeps them as well: by
    them it is found, and without them a retry would publish it a second time.
    """
    ended = status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
    if not ended or (step.checkpoint is None and step.intent is None):
        return step
    retriable = status is TaskStatus.FAILED and not cancel_asked
    may_be_out = step.committed or step.intent is not None
    needed = retriable or may_be_out or step.known is not None
    if needed and not step.succeeded:
        return step
    return replace(step, checkpoint=None, intent=None)
