"""What happens to tasks, as lines of the log."""

from __future__ import annotations

import logging
from typing import Final

from medusa.domain.task import Step, StepState, Task, TaskStatus

_log = logging.getLogger("medusa.tasks")
LEVELS: Final = {StepState.FAILED: logging.WARNING, StepState.STOPPED: logging.WARNING}


def write(before: Task | None, task: Task) -> None:
    """A line for what has changed, where that is more than progress."""
    known = {step.key: step for step in before.steps} if before else {}
    for step in task.steps:
        _write_step(task, known.get(step.key), step)
    if before is None or before.status is not task.status:
        level = logging.WARNING if task.status is TaskStatus.FAILED else logging.INFO
        _log.log(level, "%s: %s", task.status, task.message, extra={"task": task.id})


def _write_step(task: Task, before: Step | None, step: Step) -> None:
    about = {"task": task.id, "target": step.target, "step": step.name}
    was = before.state if before else StepState.WAITING
    if step.state is not was:
        why = f": {task.told(step)}" if step.failure else ""
        _log.log(LEVELS.get(step.state, logging.INFO), "%s%s", step.state, why, extra=about)
    elif step.note and (before is None or before.note != step.note):
        _log.info("waits: %s", step.note, extra=about)
