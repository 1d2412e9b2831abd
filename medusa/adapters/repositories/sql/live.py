"""The tasks that are carried here, as they stand: read once, then kept up with what is saved."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

from medusa.adapters.repositories.sql.changes import Saved
from medusa.domain.task import Task

_MANY: Final = 256
"""So many tasks are remembered, those that were taken last."""


@dataclass(slots=True)
class _Live:
    epoch: int
    saves: int = 0
    """How many there were, so that what was read before one of them is not taken for newer."""
    task: Task | None = None


class LiveTasks:
    """From `follow` on only this process writes a task's steps, until another epoch tells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, _Live] = {}

    def follow(self, task_id: str, epoch: int) -> None:
        """It was taken here."""
        with self._lock:
            self._live.pop(task_id, None)
            self._live[task_id] = _Live(epoch)
            if len(self._live) > _MANY:
                del self._live[next(iter(self._live))]

    def found(self, task_id: str, epoch: int, revision: int) -> Task | None:
        """The task, if it is known and still has this epoch and revision."""
        live = self._live.get(task_id)
        task = live.task if live is not None and live.epoch == epoch else None
        return task if task is not None and task.revision == revision else None

    def task(self, task_id: str) -> Task | None:
        """The task, if it is known."""
        live = self._live.get(task_id)
        return live.task if live is not None else None

    def forget(self, task_id: str) -> None:
        """Others have asked something of it: it has to be read again."""
        with self._lock:
            live = self._live.get(task_id)
            if live is not None:
                live.saves += 1
                live.task = None

    def mark(self, task_id: str) -> int:
        """How many saves there were: to be given to `read`."""
        live = self._live.get(task_id)
        return live.saves if live is not None else -1

    def read(self, task: Task, epoch: int, mark: int) -> None:
        """It was read in full, in a transaction that began after `mark` was taken."""
        with self._lock:
            live = self._live.get(task.id)
            if live is not None and (live.epoch, live.saves) == (epoch, mark):
                live.task = task

    def saved(self, task_id: str, epoch: int, saved: Saved) -> None:
        """A step is on disk."""
        with self._lock:
            live = self._live.get(task_id)
            if live is None or live.epoch != epoch:
                return
            live.saves += 1
            task, live.task = live.task, None
            if task is not None and task.revision == saved.before and not saved.ended:
                live.task = _with(task, saved)  # at its end a task forgets more than one step's secrets


def _with(task: Task, saved: Saved) -> Task:
    steps = tuple(saved.step if step.key == saved.step.key else step for step in task.steps)
    return replace(task, steps=steps, revision=saved.revision, updated_at=saved.updated_at or task.updated_at)
