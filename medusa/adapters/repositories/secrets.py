"""What gives access to an account is forgotten once nothing needs it any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from medusa.domain.task import Step, TaskStatus
from medusa.domain.values import Checkpoint

SESSION_LIVES_S: Final = 7 * 86_400.0
"""No platform keeps an unfinished upload's session longer than Google, which does it a week (facts: Google 2)."""


def forgotten(step: Step, status: TaskStatus, cancel_asked: bool) -> Step:
    """The step as it is kept in a task of this status: without its checkpoint and intent, if they are of no use.

    A step that has succeeded needs neither any more. A failed task keeps them for `retry`. In every ended task, what
    may be out without a receipt keeps them as well: by them it is found, and without them a retry would publish it a
    second time. An id that is certain already is kept whatever happens.
    """
    if step.checkpoint is None and step.intent is None:
        return step
    if not status.ended and not step.succeeded:
        return step
    retriable = status is TaskStatus.FAILED and not cancel_asked
    if step.succeeded:
        return replace(step, checkpoint=None, intent=None)
    return step if retriable else outlived(step)


def outlived(step: Step) -> Step:
    """A step that did not succeed, once its session's life is over: only an id that is certain already is kept.

    What may be out without a receipt keeps all: it is found by that. So does what has an id and all its bytes: it
    exists, and a retry that began anew would make it a second time.
    """
    at = step.checkpoint
    if at is None or step.committed or step.intent is not None:
        return step
    if at.known is not None and at.want is None:
        return step
    return replace(step, checkpoint=Checkpoint(known=at.known) if at.known else None)
