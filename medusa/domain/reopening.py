"""A task that has ended goes on: what had succeeded stays as it is, the rest is done from where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medusa.domain.failures import FailureKind, TaskConflict
from medusa.domain.policy import Trouble
from medusa.domain.task import Step, StepState, Task
from medusa.domain.values import Receipt, StepSpec

Found = Callable[[str, StepSpec, str], Receipt]
"""The receipt for what a person has found, by (target, spec, what they say of it)."""


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


def resolved(task: Task, posted: str | None, found: Found, target: str | None = None) -> Task:
    """The task with one step of unknown outcome settled by hand, ready to go on.

    `posted`: the id or the address under which it is on the platform, or None when it surely is not there and is to be
    sent anew. `target`: whose step, where several are unknown. Raises TaskConflict when there is not exactly one such
    step, and what `found` raises.
    """
    step = _unsure(task, target)
    settled = _not_posted(step) if posted is None else _posted(step, found(step.target or "", step.spec, posted))
    steps = tuple(settled if one is step else _again(one) for one in task.steps)
    return replace(task, steps=steps, cancel_asked=False, paused=False)


def _unsure(task: Task, target: str | None) -> Step:
    found = [step for step in task.steps if step.failure and step.failure.kind is FailureKind.OUTCOME_UNKNOWN]
    fit = [step for step in found if target in (None, step.target)]
    if len(fit) == 1:
        return fit[0]
    named = ", ".join(sorted({step.target or "" for step in found}))
    if fit:
        raise TaskConflict(f"task {task.id} has {len(fit)} steps whose outcome is unknown: name the target ({named})")
    of = f" of {target}" if target else ""
    raise TaskConflict(f"task {task.id} has no step{of} whose outcome is unknown{named and f' (there: {named})'}")


def _again(step: Step) -> Step:
    if step.succeeded:
        return step
    waiting = replace(
        step, state=StepState.WAITING, failure=None, trouble=Trouble(), reopened=False, note="", ended_at=None
    )
    if step.checkpoint and step.checkpoint.cursor:
        return waiting
    return replace(waiting, checkpoint=None, done=0)  # its session's life was over, or it was cancelled


def _posted(step: Step, found: Receipt) -> Step:
    known = step.known.url if step.known else None
    receipt = replace(found, url=known or found.url)
    return replace(step, state=StepState.SUCCEEDED, receipt=receipt, failure=None)


def _not_posted(step: Step) -> Step:
    """Nothing of it is out: an upload begins with a new session, a post with a new intent."""
    first = step.first_sent_at or (step.intent.sent_at if step.intent else None)
    return replace(_again(step), checkpoint=None, intent=None, committed=False, done=0, first_sent_at=first)
