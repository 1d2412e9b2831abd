"""Tasks in memory: the library's default. They end with the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import TypeVar

from medusa.adapters.repositories.secrets import forgotten
from medusa.domain.failures import IdempotencyConflict, MedusaError, TaskConflict, TaskLost, TaskNotFound
from medusa.domain.ports import Changed, ChangesPort
from medusa.domain.task import Step, Task, TaskFilter, TaskStatus

T = TypeVar("T")


@dataclass(slots=True)
class _Row:
    """A task in parts, so that saving a step touches nothing else."""

    born: Task
    steps: dict[str, Step]
    revision: int
    updated_at: float
    cancel_asked: bool
    paused: bool
    key: str | None = None
    fingerprint: str = ""
    epoch: int = 0

    @property
    def task(self) -> Task:
        born = self.born
        return Task(
            born.id,
            born.request,
            tuple(self.steps.values()),
            born.created_at,
            revision=self.revision,
            cancel_asked=self.cancel_asked,
            paused=self.paused,
            updated_at=self.updated_at,
        )


class _Changes:
    """ChangesPort over the condition that all changes are told by."""

    def __init__(self, changed: threading.Condition, readers: set[_Changes]) -> None:
        self._changed = changed
        self._readers = readers
        self.ids: set[str] = set()
        self._closed = False

    def wait(self, timeout: float | None) -> Changed:
        with self._changed:
            self._changed.wait_for(lambda: self.ids or self._closed, timeout)
            found = Changed(frozenset(self.ids))
            self.ids.clear()
        return found

    def close(self) -> None:
        with self._changed:
            self._readers.discard(self)
            self._closed = True
            self._changed.notify_all()


class MemoryRepository:
    """TaskRepositoryPort over dictionaries.

    keep_finished: past so many finished tasks, those that finished first are dropped. A step saved for a task that was
    dropped is ignored.
    """

    shared = False

    def __init__(self, keep_finished: int = 1000, now: Callable[[], float] = time.time) -> None:
        self._keep_finished = keep_finished
        self._now = now
        self._changed = threading.Condition()
        self._rows: dict[str, _Row] = {}
        self._finished: dict[str, None] = {}  # a set that keeps the order in which they finished
        self._keys: dict[str, str] = {}
        self._readers: set[_Changes] = set()

    # ------------------------------------------------------------ keeping

    def create(self, task: Task, key: str | None = None, fingerprint: str = "") -> str:
        with self._changed:
            if key is not None and key in self._keys:
                return self._same(key, fingerprint)
            if task.id in self._rows:
                raise TaskConflict(f"there is a task {task.id!r} already")
            steps = {step.key: step for step in task.steps}
            row = _Row(task, steps, task.revision, task.updated_at, task.cancel_asked, task.paused, key, fingerprint)
            self._rows[task.id] = row
            if key is not None:
                self._keys[key] = task.id
            self._file(row)
            self._tell(task.id)
            return task.id

    def get(self, task_id: str) -> Task:
        with self._changed:
            return self._row(task_id).task

    def carried(self, task_id: str) -> Task:
        return self.get(task_id)

    def recent(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]:
        wanted = TaskFilter(status, target, since)
        with self._changed:
            return tuple(islice(filter(wanted.takes, self._newest(before)), limit))

    def revisions(self, task_ids: Collection[str], newest: int = 0) -> dict[str, int]:
        with self._changed:
            chosen = [*task_ids, *islice(reversed(self._rows), newest)]
            return {task_id: self._rows[task_id].revision for task_id in chosen if task_id in self._rows}

    def counts(self) -> dict[str, int]:
        counted = {status.value: 0 for status in TaskStatus}
        with self._changed:
            for row in self._rows.values():
                counted[row.task.status.value] += 1
        return counted

    def unfinished(self) -> tuple[str, ...]:
        with self._changed:
            return tuple(
                task_id
                for task_id, row in self._rows.items()
                if task_id not in self._finished and (row.cancel_asked or not row.paused or row.task.running)
            )

    def in_doubt(self) -> tuple[Step, ...]:
        with self._changed:
            return tuple(step for row in self._rows.values() for step in row.steps.values() if step.may_be_out)

    def publisher_of(self, id_: str) -> str | None:
        with self._changed:
            steps = (step for row in self._rows.values() for step in row.steps.values())
            return next((step.key for step in steps if step.published == id_), None)

    def called_off(self) -> dict[str, bool]:
        with self._changed:
            wanted = {key: row for key, row in self._rows.items() if row.cancel_asked or row.paused}
            return {key: row.cancel_asked for key, row in wanted.items() if row.epoch and not row.task.ended}

    def save_step(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        with self._changed:
            row = self._rows.get(task_id)
            if row is None:
                return
            if epoch < row.epoch:
                raise TaskLost(task_id)
            turned = row.steps[step.key].state is not step.state
            row.steps[step.key] = step
            if announce:
                self._announce(row)
            if turned or step.ended:
                self._file(row)

    def save_step_soon(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> Future[None]:
        return _done(lambda: self.save_step(task_id, step, epoch, announce))

    # ------------------------------------------------------------ what users ask of a task

    def ask_cancel(self, task_id: str) -> bool:
        with self._changed:
            row = self._row(task_id)
            if row.task.ended:
                return False
            row.cancel_asked = True
            self._announce(row)
            self._file(row)
            return True

    def set_paused(self, task_id: str, paused: bool) -> bool:
        with self._changed:
            row = self._row(task_id)
            if row.task.ended:
                return False
            if row.paused is not paused:
                row.paused = paused
                self._announce(row)
            return True

    def reopen(self, task: Task) -> Task:
        with self._changed:
            row = self._row(task.id)
            if not row.task.ended:
                raise TaskConflict(f"task {task.id} has not ended")
            if row.revision != task.revision:
                raise TaskConflict(f"task {task.id} has changed meanwhile")
            row.steps = {step.key: step for step in task.steps}
            row.cancel_asked, row.paused = task.cancel_asked, task.paused
            row.epoch += 1
            self._announce(row)
            self._finished.pop(task.id, None)
            self._file(row)
            return row.task

    def delete(self, task_id: str) -> None:
        with self._changed:
            if not self._row(task_id).task.ended:
                raise TaskConflict(f"task {task_id} has not ended: cancel it first")
            self._drop(task_id)

    # ------------------------------------------------------------ one writer, many watchers

    def take(self, task_id: str, *, force: bool = False) -> int:  # noqa: ARG002  # no other process sees these tasks
        with self._changed:
            row = self._row(task_id)
            row.epoch += 1
            return row.epoch

    def take_soon(self, task_id: str) -> Future[int]:
        return _done(lambda: self.take(task_id))

    def release(self, task_id: str) -> None:
        """Nobody else could take it anyway."""

    def release_soon(self, task_id: str) -> Future[None]:
        return _done(lambda: self.release(task_id))

    def wait(self, task_id: str, after_revision: int, timeout: float | None) -> Task | None:
        """Raises TaskNotFound, also when the task is dropped meanwhile."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._row(task_id).revision > after_revision, timeout):
                return None
            return self._row(task_id).task

    def changes(self) -> ChangesPort:
        with self._changed:
            reader = _Changes(self._changed, self._readers)
            self._readers.add(reader)
        return reader

    def close(self) -> None:
        """There is nothing to give back."""

    # ------------------------------------------------------------ rows

    def _row(self, task_id: str) -> _Row:
        try:
            return self._rows[task_id]
        except KeyError:
            raise TaskNotFound(task_id) from None

    def _same(self, key: str, fingerprint: str) -> str:
        """The task that was made with this key."""
        row = self._rows[self._keys[key]]
        if row.fingerprint != fingerprint:
            said = f"the idempotency key {key!r} was used with other content, for task {row.born.id}"
            raise IdempotencyConflict(said)
        return row.born.id

    def _newest(self, before: str | None) -> Iterator[Task]:
        rows: Iterator[_Row] = reversed(self._rows.values())
        if before is not None:
            self._row(before)
            rows = islice(dropwhile(lambda row: row.born.id != before, rows), 1, None)
        return (row.task for row in rows)

    def _announce(self, row: _Row) -> None:
        row.revision += 1
        row.updated_at = self._now()
        self._tell(row.born.id)

    def _tell(self, task_id: str) -> None:
        for reader in self._readers:
            reader.ids.add(task_id)
        self._changed.notify_all()

    def _file(self, row: _Row) -> None:
        """Among the finished, or not; drop what is too much."""
        task = row.task
        if not task.ended:
            self._finished.pop(task.id, None)
            return
        row.steps = {key: forgotten(step, task.status, task.cancel_asked) for key, step in row.steps.items()}
        self._finished.setdefault(task.id)
        while len(self._finished) > self._keep_finished:
            self._drop(next(iter(self._finished)))

    def _drop(self, task_id: str) -> None:
        self._finished.pop(task_id, None)
        row = self._rows.pop(task_id)
        if row.key is not None:
            del self._keys[row.key]
        self._tell(task_id)


def _done(work: Callable[[], T]) -> Future[T]:
    """What `work` gives, or raises: in memory nothing takes time."""
    done: Future[T] = Future()
    try:
        done.set_result(work())
    except MedusaError as error:
        done.set_exception(error)
    return done
