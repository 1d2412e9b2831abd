"""A task, as `medusa list` and `medusa show` tell it."""

from __future__ import annotations

from datetime import datetime
from textwrap import shorten
from typing import Any, Final

from medusa.cli.progress import Line, lines
from medusa.domain.failures import FailureKind
from medusa.domain.task import Step, StepState, Task, TaskStatus, status_reply

ROW: Final = 80
"""Characters of a row that say what happens."""


def entry(task: Task) -> dict[str, Any]:
    """For scripts: what the list holds of a task."""
    return {
        "id": task.id,
        "created_at": task.created_at,
        "media": task.request.media.uri if task.request.media else None,
        "targets": [target.key for target in task.request.targets],
        **status_reply(task),
    }


def whole(task: Task) -> dict[str, Any]:
    """For scripts: the task with all its steps. Nothing in it gives access to an account."""
    return {
        **entry(task),
        "updated_at": task.updated_at,
        "revision": task.revision,
        "paused": task.paused,
        "cancel_asked": task.cancel_asked,
        "steps": [_step(step) for step in task.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    failure, known = step.failure, step.known
    return {
        "target": step.target,
        "name": step.name,
        "state": step.state.value,
        "calls": step.attempt,
        "attempts": step.trouble.attempts,
        "done": step.done,
        "total": step.total,
        "rate": step.rate,
        "eta_s": step.eta_s,
        "waits": {"for": step.note, "until": step.wait_until} if step.note else None,
        "id": known.id if known else None,
        "url": known.url if known else None,
        "failure": failure
        and {"kind": failure.kind.value, "says": failure.said, "code": failure.code, "todo": failure.todo},
        "warnings": [*step.warnings, *(step.receipt.warnings if step.receipt else ())],
    }


def row(task: Task) -> str:
    """For a person: one line."""
    begun = f"{datetime.fromtimestamp(task.created_at):%Y-%m-%d %H:%M}"
    return f"{task.id}  {begun}  {task.status:11}  {_asked(task)}  {shorten(task.message, ROW, placeholder='…')}"


def page(task: Task) -> str:
    """For a person: how the task stands, each of its steps, and what can be done."""
    begun = f"{datetime.fromtimestamp(task.created_at):%Y-%m-%d %H:%M:%S}"
    said = [f"{task.status}: {task.message}", f"{_asked(task)}, asked for at {begun}"]
    said += [_line(step, line) for step, line in zip(task.steps, lines(task), strict=True)]
    said += [f"Warning: {warning}" for warning in task.warnings]
    return "\n".join([*said, *_todo(task)])


def _asked(task: Task) -> str:
    named = task.request.media.name if task.request.media else "(no media)"
    return f"{named} -> {','.join(target.key for target in task.request.targets)}"


def _line(step: Step, line: Line) -> str:
    calls = f", {step.attempt} calls" if step.attempt > 1 else ""
    detail = f": {line.detail}" if line.detail and line.detail != step.state.value else ""
    return f"  {' '.join(filter(None, (step.target, step.name)))} {step.state.value}{calls}{detail}"


def _todo(task: Task) -> list[str]:
    """The commands that fit."""
    if task.status is TaskStatus.COMPLETED:
        return []
    if task.resting:
        return [f"To go on: medusa unpause {task.id}"]
    if task.status is not TaskStatus.FAILED:
        return [f"To see how it goes: medusa watch {task.id}; if nobody runs it any more: medusa resume"]
    unknown = [step for step in task.steps if step.failure and step.failure.kind is FailureKind.OUTCOME_UNKNOWN]
    if unknown:
        return [f"Once you have looked there: medusa resolve {task.id} --posted ID, or --not-posted"]
    return [f"To try again{_kept(task)}: medusa retry {task.id}"]


def _kept(task: Task) -> str:
    """What a retry finds of it."""
    if task.cancel_asked and any(step.state is StepState.STOPPED and step.total for step in task.steps):
        return ", what was being uploaded from its start"
    kept = any(step.state in (StepState.SUCCEEDED, StepState.STOPPED) and step.target for step in task.steps)
    return ", with what is done left as it is" if kept else ""
