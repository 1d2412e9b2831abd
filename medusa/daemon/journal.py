"""What happens to tasks, as lines of the log."""

from __future__ import annotations

import logging
from typing import Final

from medusa.domain.task import Step, StepState, Task, TaskStatus

_log = logging.getLogger("medusa.tasks")
LEVELS: Final = {StepState.FAILED: logging.WARNING, StepState.STOPPED: logging.WARNING}


def write(before: Task | None, task: Task) -> None:
    """A line for what has changed, where that is more than progress."""
    for was, step in zip(before.steps, task.steps, strict=True) if before else ():
        _write_step(task, was, step)
    if before is None or before.status is not task.status:
        level = logging.WARNING if task.status is TaskStatus.FAILED else logging.INFO
        _log.log(level, "%s: %s", task.status, task.message, extra={"task": task.id})


def _write_step(task: Task, before: Step, step: Step) -> None:
    about = {"task": task.id, "target": step.target, "step": step.name}
    if step.state is not before.state:
        why = f": {task.told(step)}" if step.failure else ""
        _log.log(LEVELS.get(step.state, logging.INFO), "%s%s", step.state, why, extra=about)
    elif step.note and before.note != step.note:
        _log.info(step.note, extra=about)
