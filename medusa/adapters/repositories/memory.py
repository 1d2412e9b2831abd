"""Tasks in memory: the library's default. They end with the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile, islice

from medusa.domain.failures import TaskConflict, TaskNotFound
from medusa.domain.task import Step, Task


@dataclass(slots=True)
class _Row:
    """A task in parts, so that saving a step touches nothing else."""

    born: Task
    steps: dict[str, Step]
    revision: int
    updated_at: float
    cancel_asked: bool
    epoch: int = 0

    @property
    def task(self) -> Task:
        born, steps = self.born, tuple(self.steps.values())
        return Task(born.id, born.request, steps, born.created_at, self.revision, self.cancel_asked, self.updated_at)


class MemoryRepository:
    """TaskRepositoryPort over dictionaries.

    keep_finished: past so many finished tasks, those that finished first are dropped. A step saved for a task that was
    dropped is ignored.
    """

    def __init__(self, keep_finished: int = 1000, now: Callable[[], float] = time.time) -> None:
        self._keep_finished = keep_finished
        self._now = now
        self._changed = threading.Condition()
        self._rows: dict[str, _Row] = {}
        self._finished: dict[str, None] = {}  # a set that keeps the order in which they finished

    def create(self, task: Task) -> None:
        """Raises TaskConflict if there is a task with this id."""
        with self._changed:
            if task.id in self._rows:
                raise TaskConflict(f"there is a task {task.id!r} already")
            steps = {step.key: step for step in task.steps}
            row = _Row(task, steps, task.revision, task.updated_at, task.cancel_asked)
            self._rows[task.id] = row
            self._file(row)

    def get(self, task_id: str) -> Task:
        with self._changed:
            return self._row(task_id).task

    def recent(self, limit: int = 100, before: str | None = None) -> tuple[Task, ...]:
        with self._changed:
            newest = reversed(self._rows.values())
            if before is not None:
                self._row(before)
                newest = islice(dropwhile(lambda row: row.born.id != before, newest), 1, None)
            return tuple(row.task for row in islice(newest, limit))

    def unfinished(self) -> tuple[str, ...]:
        with self._changed:
            return tuple(task_id for task_id in self._rows if task_id not in self._finished)

    def save_step(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        with self._changed:
            row = self._rows.get(task_id)
            if row is None or epoch < row.epoch:
                return
            turned = row.steps[step.key].state is not step.state
            row.steps[step.key] = step
            if announce:
                self._announce(row)
            if turned:
                self._file(row)

    def ask_cancel(self, task_id: str) -> bool:
        with self._changed:
            row = self._row(task_id)
            if row.task.ended:
                return False
            row.cancel_asked = True
            self._announce(row)
            self._file(row)
            return True

    def take(self, task_id: str) -> int:
        with self._changed:
            row = self._row(task_id)
            row.epoch += 1
            return row.epoch

    def wait(self, task_id: str, after_revision: int, timeout: float | None) -> Task | None:
        """Raises TaskNotFound, also when the task is dropped meanwhile."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._row(task_id).revision > after_revision, timeout):
                return None
            return self._row(task_id).task

    def _row(self, task_id: str) -> _Row:
        try:
            return self._rows[task_id]
        except KeyError:
            raise TaskNotFound(task_id) from None

    def _announce(self, row: _Row) -> None:
        row.revision += 1
        row.updated_at = self._now()
        self._changed.notify_all()

    def _file(self, row: _Row) -> None:
        """Among the finished, or not; drop what is too much."""
        if not row.task.ended:
            self._finished.pop(row.born.id, None)
            return
        self._finished.setdefault(row.born.id)
        while len(self._finished) > self._keep_finished:
            oldest = next(iter(self._finished))
            del self._finished[oldest], self._rows[oldest]
            self._changed.notify_all()
