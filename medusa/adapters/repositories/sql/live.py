"""The tasks that are carried here, as they stand: read once, then kept up with what is saved."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Final

from medusa.adapters.repositories.secrets import forgotten
from medusa.adapters.repositories.sql.saves import Saved
from medusa.domain.task import Task

_MANY: Final = 256
"""So many tasks are remembered, those that were taken last."""


@dataclass(slots=True)
class _Live:
    epoch: int
    saves: int = 0
    """How many there were, so that what was read before one of them is not taken for newer."""
    task: Task | None = None
    sure: bool = False
    """Nobody else can have changed the task since it was seen so."""


class LiveTasks:
    """From `follow` on only this process writes a task's steps, until another epoch tells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, _Live] = {}
        self._created: dict[str, Task] = {}
        """Those that nobody has taken yet."""

    def created(self, task: Task) -> None:
        """It was made here, and is soon read again to be carried."""
        with self._lock:
            self._created[task.id] = task
            if len(self._created) > _MANY:
                del self._created[next(iter(self._created))]

    def follow(self, task_id: str, epoch: int) -> None:
        """It was taken here."""
        with self._lock:
            self._live.pop(task_id, None)
            self._live[task_id] = _Live(epoch, task=self._created.pop(task_id, None))
            if len(self._live) > _MANY:
                del self._live[next(iter(self._live))]

    def found(self, task_id: str, epoch: int, revision: int) -> Task | None:
        """The task, if it is known and was just seen at this epoch and revision."""
        live = self._live.get(task_id)
        if live is None:
            created = self._created.get(task_id)
            return created if created is not None and (epoch, revision) == (0, created.revision) else None
        task = live.task if live.epoch == epoch else None
        if task is None or task.revision != revision:
            return None
        live.sure = True
        return task

    def task(self, task_id: str) -> Task | None:
        """The task, if it is known for sure."""
        live = self._live.get(task_id)
        return live.task if live is not None and live.sure else None

    def forget(self, task_id: str) -> None:
        """Others have asked something of it: it has to be read again."""
        with self._lock:
            live = self._live.get(task_id)
            if live is not None:
                live.saves += 1
                live.task = None
            self._created.pop(task_id, None)

    def mark(self, task_id: str) -> int:
        """How many saves there were: to be given to `read`."""
        live = self._live.get(task_id)
        return live.saves if live is not None else -1

    def read(self, task: Task, epoch: int, mark: int) -> None:
        """It was read in full, in a transaction that began after `mark` was taken."""
        with self._lock:
            live = self._live.get(task.id)
            if live is not None and (live.epoch, live.saves) == (epoch, mark):
                live.task, live.sure = task, True

    def saved(self, task_id: str, saved: Saved) -> None:
        """Some of its steps are on disk."""
        with self._lock:
            live = self._live.get(task_id)
            if live is None or live.epoch != saved.after.epoch:
                return
            live.saves += 1
            task, live.task = live.task, None
            if task is not None and task.revision == saved.before:
                live.task = _with(task, saved)


def _with(task: Task, saved: Saved) -> Task | None:
    """The task as it is kept now; not what it keeps beyond its end, which others may sweep away."""
    now = saved.after
    steps = tuple(saved.steps.get(step.key, step) for step in task.steps)
    if now.ended:
        steps = tuple(forgotten(step, now.status, now.cancel_asked) for step in steps)
        if any(step.checkpoint or step.intent for step in steps):
            return None
    return replace(task, steps=steps, revision=now.revision, updated_at=now.updated_at)
