"""What is written of tasks, each change in a writing transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from medusa.adapters.repositories.codec import to_json
from medusa.adapters.repositories.secrets import forgotten
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.holders import Holders
from medusa.adapters.repositories.sql.retention import ENDED, Retention, drop
from medusa.adapters.repositories.sql.rows import StepRows
from medusa.adapters.repositories.sql.standing import Standing, Standings, standing
from medusa.adapters.repositories.sql.sweep import Sweep
from medusa.domain.failures import IdempotencyConflict, TaskConflict, TaskLost, TaskNotFound
from medusa.domain.task import Step, Task, TaskStatus

Wish = Literal["cancel_asked", "paused"]
_REMEMBER: Final[dict[Wish, str]] = {
    "cancel_asked": "UPDATE tasks SET cancel_asked = ? WHERE id = ?",
    "paused": "UPDATE tasks SET paused = ? WHERE id = ?",
}
_REOPEN: Final = "UPDATE tasks SET epoch = epoch + 1, cancel_asked = ?, paused = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving some steps has come to."""

    steps: Mapping[str, Step]
    """By their keys, as they were given."""
    before: int
    """The task's revision until then."""
    revision: int
    updated_at: float | None
    """None when nothing was announced."""
    status: TaskStatus
    """The task's."""
    cancel_asked: bool


class Changes:
    """TaskRepositoryPort's changing methods, within a transaction."""

    def __init__(
        self, rows: StepRows, retention: Retention, sweep: Sweep, holders: Holders, now: Callable[[], float]
    ) -> None:
        self._rows = rows
        self._retention = retention
        self._sweep = sweep
        self._holders = holders
        self._now = now
        self._known = Standings()

    def undone(self) -> None:
        """A transaction was rolled back."""
        self._known.forget_all()
        self._sweep.again()

    def create(self, connection: Connection, task: Task, key: str | None, fingerprint: str) -> str:
        known = connection.row("SELECT id, fingerprint FROM tasks WHERE idempotency_key = ?", key) if key else None
        if known is not None:
            if known[1] != fingerprint:
                said = f"the idempotency key {key!r} was used with other content, for task {known[0]}"
                raise IdempotencyConflict(said)
            return str(known[0])
        if connection.row("SELECT 1 FROM tasks WHERE id = ?", task.id):
            raise TaskConflict(f"there is a task {task.id!r} already")
        self._sweep(connection)
        self._insert(connection, task, key, fingerprint)
        self._retention.enter(connection, task.id, task.status)
        self._retention.trim(connection)
        return task.id

    def _insert(self, connection: Connection, task: Task, key: str | None, fingerprint: str) -> None:
        connection.run(
            "INSERT INTO tasks (id, status, revision, cancel_asked, paused, created_at, updated_at, idempotency_key,"
            " fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            task.id,
            task.status.value,
            task.revision,
            int(task.cancel_asked),
            int(task.paused),
            task.created_at,
            task.updated_at,
            key,
            fingerprint,
        )
        connection.run("INSERT INTO requests (task_id, body) VALUES (?, ?)", task.id, to_json(task.request))
        for target in {target.key for target in task.request.targets}:
            filed = "INSERT INTO task_targets (target, seq) SELECT ?, seq FROM tasks WHERE id = ?"
            connection.run(filed, target, task.id)
        for place, step in enumerate(task.steps):
            self._rows.insert(connection, task.id, place, step)

    def save_steps(
        self, connection: Connection, task_id: str, steps: Mapping[str, Step], epoch: int, announced: int
    ) -> Saved | None:
        """None when the task is gone. The revision grows by `announced`."""
        before = self._known.standing(connection, task_id)
        if before is None:
            return None
        if epoch < before.epoch:
            raise TaskLost(task_id)
        status = before.after(steps)
        for step in steps.values():
            self._rows.update(connection, task_id, forgotten(step, status, before.cancel_asked))
        updated_at = self._announce(connection, task_id, announced) if announced else None
        self._move(connection, task_id, before, status)
        self._known.saved(task_id, before, steps)
        revision = before.revision + announced
        return Saved(steps, before.revision, revision, updated_at, status, before.cancel_asked)

    def remember(self, connection: Connection, task_id: str, wish: Wish, value: bool) -> bool:
        before = self._standing(connection, task_id)
        if before.ended:
            return False
        if getattr(before, wish) is not value:
            after = replace(before, cancel_asked=value) if wish == "cancel_asked" else replace(before, paused=value)
            connection.run(_REMEMBER[wish], int(value), task_id)
            self._announce(connection, task_id)
            self._move(connection, task_id, after, after.folded())
        return True

    def reopen(self, connection: Connection, task: Task) -> Task:
        before = self._standing(connection, task.id)
        self._holders.check_free(connection, task.id, before.holder)
        if not before.ended:
            raise TaskConflict(f"task {task.id} has not ended")
        if before.revision != task.revision:
            raise TaskConflict(f"task {task.id} has changed meanwhile")
        connection.run("DELETE FROM steps WHERE task_id = ?", task.id)
        for place, step in enumerate(task.steps):
            self._rows.insert(connection, task.id, place, step)
        wishes = (int(task.cancel_asked), int(task.paused))
        connection.run(_REOPEN, *wishes, task.id)
        self._announce(connection, task.id)
        self._move(connection, task.id, replace(before, cancel_asked=task.cancel_asked), task.status)
        return self._rows.found(connection, task.id)

    def delete(self, connection: Connection, task_id: str) -> None:
        if not self._standing(connection, task_id).ended:
            raise TaskConflict(f"task {task_id} has not ended: cancel it first")
        drop(connection, task_id)

    def take(self, connection: Connection, task_id: str, own: int, force: bool) -> int:
        before = self._standing(connection, task_id)
        if not force:
            self._holders.check_free(connection, task_id, before.holder)
        connection.run("UPDATE tasks SET epoch = epoch + 1, holder = ? WHERE id = ?", own, task_id)
        self._known.taken(task_id, before)
        return before.epoch + 1

    def _standing(self, connection: Connection, task_id: str) -> Standing:
        found = standing(connection, task_id)
        if found is None:
            raise TaskNotFound(task_id)
        return found

    def _announce(self, connection: Connection, task_id: str, times: int = 1) -> float:
        said = "UPDATE tasks SET revision = revision + ?, updated_at = ? WHERE id = ?"
        now = self._now()
        connection.run(said, times, now, task_id)
        return now

    def _move(self, connection: Connection, task_id: str, before: Standing, status: TaskStatus) -> None:
        """To another status; at its end a task forgets what gives access, and the oldest make room."""
        if status is before.status:
            return
        self._retention.move(connection, task_id, before.status, status)
        if status in ENDED:
            for step in tuple(self._rows.with_secrets(connection, task_id)):
                self._rows.update(connection, task_id, forgotten(step, status, before.cancel_asked))
            self._retention.trim(connection)
            self._sweep(connection)
