"""Medusa publishes one piece of media everywhere in one call: never twice, never lost, never in the dark.

Public names are resolved on first use (PEP 562), so that `import medusa` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medusa.core import MedusaCore
    from medusa.domain.failures import (
        ConfigError,
        Failure,
        FailureKind,
        InvalidRequest,
        MedusaError,
        PlatformError,
        TaskConflict,
        TaskNotFound,
    )
    from medusa.domain.task import Step, StepState, Task, TaskStatus
    from medusa.domain.values import Problem

__version__ = "0.1.0"

_HOMES = {
    "MedusaCore": "medusa.core",
    "ConfigError": "medusa.domain.failures",
    "Failure": "medusa.domain.failures",
    "FailureKind": "medusa.domain.failures",
    "InvalidRequest": "medusa.domain.failures",
    "MedusaError": "medusa.domain.failures",
    "PlatformError": "medusa.domain.failures",
    "TaskConflict": "medusa.domain.failures",
    "TaskNotFound": "medusa.domain.failures",
    "Step": "medusa.domain.task",
    "StepState": "medusa.domain.task",
    "Task": "medusa.domain.task",
    "TaskStatus": "medusa.domain.task",
    "Problem": "medusa.domain.values",
}

__all__ = [
    "ConfigError",
    "Failure",
    "FailureKind",
    "InvalidRequest",
    "MedusaCore",
    "MedusaError",
    "PlatformError",
    "Problem",
    "Step",
    "StepState",
    "Task",
    "TaskConflict",
    "TaskNotFound",
    "TaskStatus",
]


if not TYPE_CHECKING:  # a type checker finds the names above, and would take any other one for good

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
