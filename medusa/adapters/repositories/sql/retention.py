"""Which tasks have ended, how many there are of each status, and which are dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from medusa.adapters.repositories.sql.database import Connection
from medusa.domain.task import TaskStatus

_AT_ONCE: Final = 100
"""So many tasks are dropped with one change at most, so that none takes long."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Move:
    """A task's way from one status to another."""

    task_id: str
    before: TaskStatus
    after: TaskStatus
    cancel_asked: bool

    @property
    def ends(self) -> bool:
        return self.after.ended and not self.before.ended


class Retention:
    """Keeps the counts, and drops what has ended first: past so many tasks, or after so many days."""

    def __init__(self, keep_finished: int | None, keep_days: float | None, now: Callable[[], float]) -> None:
        self._keep_finished = keep_finished
        self._keep_days = keep_days
        self._now = now

    def enter(self, connection: Connection, task_id: str, status: TaskStatus) -> None:
        """A new task."""
        _count(connection, status, 1)
        if status.ended:
            self._finish(connection, [task_id])

    def move(self, connection: Connection, moves: Sequence[Move]) -> None:
        """Tasks have gone from one status to another."""
        counts: Counter[TaskStatus] = Counter(move.after for move in moves)
        counts.subtract(move.before for move in moves)
        for status, change in counts.items():
            _count(connection, status, change)
        self._finish(connection, [move.task_id for move in moves if move.ends])
        for move in moves:
            if move.before.ended and not move.after.ended:
                reopened = "UPDATE tasks SET finish_no = NULL, finished_at = NULL WHERE id = ?"
                connection.run(reopened, move.task_id)

    def _finish(self, connection: Connection, task_ids: Sequence[str]) -> None:
        if not task_ids:
            return
        row = connection.row("SELECT max(finish_no) FROM tasks WHERE finish_no IS NOT NULL")
        first, now = (row[0] if row and row[0] else 0) + 1, self._now()
        finished = [(task_id, first + place, now) for place, task_id in enumerate(task_ids)]
        connection.update("tasks", ("id",), ("finish_no", "finished_at"), finished)

    def trim(self, connection: Connection) -> None:
        """Drop what is too much or too old."""
        for task_id in self._surplus(connection):
            drop(connection, task_id)

    def _surplus(self, connection: Connection) -> list[str]:
        excess = 0
        if self._keep_finished is not None:
            counts = counted(connection)
            excess = sum(counts[status.value] for status in TaskStatus if status.ended) - self._keep_finished
        if excess <= 0 and self._keep_days is None:
            return []
        oldest = connection.rows(
            "SELECT id, finished_at FROM tasks WHERE finish_no IS NOT NULL ORDER BY finish_no LIMIT ?", _AT_ONCE
        )
        expired = self._now() - self._keep_days * _DAY_S if self._keep_days is not None else 0.0
        return [task_id for place, (task_id, ended) in enumerate(oldest) if place < excess or ended < expired]


def counted(connection: Connection) -> dict[str, int]:
    """The number of tasks of each status."""
    return {str(row[0]): int(row[1]) for row in connection.rows("SELECT status, n FROM counts")}


def drop(connection: Connection, task_id: str) -> None:
    """Forget a task with all that belongs to it."""
    row = connection.row("SELECT seq, status FROM tasks WHERE id = ?", task_id)
    if row is None:
        return
    _count(connection, TaskStatus(row[1]), -1)
    connection.run("DELETE FROM task_targets WHERE seq = ?", row[0])
    connection.run("DELETE FROM steps WHERE task_id = ?", task_id)
    connection.run("DELETE FROM requests WHERE task_id = ?", task_id)
    connection.run("DELETE FROM tasks WHERE id = ?", task_id)


def _count(connection: Connection, status: TaskStatus, change: int) -> None:
    if change:
        connection.run("UPDATE counts SET n = n + ? WHERE status = ?", change, status.value)
