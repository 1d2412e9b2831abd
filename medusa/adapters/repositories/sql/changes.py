"""What is written of tasks, each change in a writing transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

from medusa.adapters.repositories.codec import to_json
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.ends import Ends
from medusa.adapters.repositories.sql.holders import Holders, Release
from medusa.adapters.repositories.sql.retention import Move, drop
from medusa.adapters.repositories.sql.rows import StepRows
from medusa.adapters.repositories.sql.standing import Standing, Standings, standing_of
from medusa.domain.failures import IdempotencyConflict, TaskConflict
from medusa.domain.task import Task, TaskStatus

Wish = Literal["cancel_asked", "paused"]
_REMEMBER: Final[dict[Wish, str]] = {
    "cancel_asked": "UPDATE tasks SET cancel_asked = ? WHERE id = ?",
    "paused": "UPDATE tasks SET paused = ? WHERE id = ?",
}
_REOPEN: Final = "UPDATE tasks SET epoch = epoch + 1, cancel_asked = ?, paused = ? WHERE id = ?"


class Changes:
    """TaskRepositoryPort's changing methods, within a transaction."""

    def __init__(
        self, rows: StepRows, known: Standings, ends: Ends, holders: Holders, now: Callable[[], float]
    ) -> None:
        self._rows = rows
        self._known = known
        self._ends = ends
        self._holders = holders
        self._now = now

    def create(self, connection: Connection, task: Task, key: str | None, fingerprint: str) -> str:
        known = connection.row("SELECT id, fingerprint FROM tasks WHERE idempotency_key = ?", key) if key else None
        if known is not None:
            if known[1] != fingerprint:
                said = f"the idempotency key {key!r} was used with other content, for task {known[0]}"
                raise IdempotencyConflict(said)
            return str(known[0])
        if connection.row("SELECT 1 FROM tasks WHERE id = ?", task.id):
            raise TaskConflict(f"there is a task {task.id!r} already")
        self._insert(connection, task, key, fingerprint)
        self._ends.entered(connection, task)
        self._known.note(task.id, standing_of(task))
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
        self._rows.insert(connection, task)

    def remember(self, connection: Connection, task_id: str, wish: Wish, value: bool) -> bool:
        before = self._known.one(connection, task_id)
        if before.ended:
            return False
        if getattr(before, wish) is not value:
            after = replace(before, cancel_asked=value) if wish == "cancel_asked" else replace(before, paused=value)
            connection.run(_REMEMBER[wish], int(value), task_id)
            self._changed(connection, task_id, before, after.folded(), after.cancel_asked)
        return True

    def reopen(self, connection: Connection, task: Task) -> Task:
        before = self._known.one(connection, task.id)
        self._holders.check_free(connection, task.id, before.holder)
        if not before.ended:
            raise TaskConflict(f"task {task.id} has not ended")
        if before.revision != task.revision:
            raise TaskConflict(f"task {task.id} has changed meanwhile")
        connection.run("DELETE FROM steps WHERE task_id = ?", task.id)
        self._rows.insert(connection, task)
        wishes = (int(task.cancel_asked), int(task.paused))
        connection.run(_REOPEN, *wishes, task.id)
        self._changed(connection, task.id, before, task.status, task.cancel_asked)
        return self._rows.found(connection, task.id)

    def delete(self, connection: Connection, task_id: str) -> None:
        if not self._known.one(connection, task_id).ended:
            raise TaskConflict(f"task {task_id} has not ended: cancel it first")
        drop(connection, task_id)
        self._known.forget(task_id)

    def take(self, connection: Connection, task_id: str, own: int, force: bool) -> int:
        before = self._known.one(connection, task_id)
        if not force:
            self._holders.check_free(connection, task_id, before.holder)
        taken = replace(before, epoch=before.epoch + 1, holder=own)
        connection.run("UPDATE tasks SET epoch = ?, holder = ? WHERE id = ?", taken.epoch, own, task_id)
        self._known.note(task_id, taken)
        return taken.epoch

    def release(self, connection: Connection, releases: Sequence[Release]) -> list[None]:
        self._holders.release(connection, [release.task_id for release in releases])
        for release in releases:
            self._known.forget(release.task_id)
        return [None] * len(releases)

    def _changed(
        self, connection: Connection, task_id: str, before: Standing, status: TaskStatus, cancel_asked: bool
    ) -> None:
        """It is another revision, and may have another status."""
        said = "UPDATE tasks SET revision = revision + 1, updated_at = ?, status = ? WHERE id = ?"
        connection.run(said, self._now(), status.value, task_id)
        self._known.forget(task_id)
        if status is not before.status:
            self._ends.moved(connection, [Move(task_id, before.status, status, cancel_asked)])
