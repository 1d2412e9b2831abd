"""What a person reads while a step waits, and when Medusa itself is at fault."""

from __future__ import annotations

import logging
from datetime import datetime

from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import Again
from medusa.domain.task import Step

_log = logging.getLogger("medusa.runner")


def why(display: str, again: Again, now: float, act: str = "try") -> str:
    """For example "YouTube is busy (HTTP 503), next try at 14:05:10, attempt 3 of 5"."""
    count = f", attempt {again.trouble.attempts + 1} of {again.of}" if again.of else ""
    return told(display, again.why, again.at, now, act) + count


def told(display: str, what: str, until: float, now: float, act: str = "try") -> str:
    """For example "YouTube is rate limited, next try at 14:05:10", with the day if that is another one."""
    at, today = datetime.fromtimestamp(until), datetime.fromtimestamp(now).date()
    day = "" if at.date() == today else f"{at:%Y-%m-%d} "
    return f"{display} {what}, next {act} at {day}{at:%H:%M:%S}"


def bug(step: Step, task_id: str, error: Exception) -> Failure:
    """What nobody has foreseen; the log has all of it."""
    _log.error("step %s of task %s met a bug", step.name, task_id, exc_info=error)
    said = f"Medusa met a bug in itself ({type(error).__name__}); its log has more"
    return Failure(FailureKind.BUG, said)
