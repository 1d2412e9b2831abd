"""What follows when tasks change their status."""

from __future__ import annotations

from collections.abc import Sequence

from medusa.adapters.repositories.secrets import forgotten
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.retention import Move, Retention
from medusa.adapters.repositories.sql.rows import StepRows
from medusa.adapters.repositories.sql.sweep import Sweep
from medusa.domain.task import Task


class Ends:
    """At its end a task forgets what gives access, and the oldest tasks make room."""

    def __init__(self, rows: StepRows, retention: Retention, sweep: Sweep) -> None:
        self._rows = rows
        self._retention = retention
        self._sweep = sweep

    def entered(self, connection: Connection, task: Task) -> None:
        """A new task."""
        self._retention.enter(connection, task.id, task.status)
        self._make_room(connection)

    def moved(self, connection: Connection, moves: Sequence[Move]) -> None:
        """Tasks have gone from one status to another."""
        self._retention.move(connection, moves)
        ended = {move.task_id: move for move in moves if move.ends}
        if not ended:
            return
        kept = [
            (task_id, forgotten(step, ended[task_id].after, ended[task_id].cancel_asked))
            for task_id in self._rows.secretive(connection, ended)
            for step in self._rows.secrets(connection, task_id)
        ]
        if kept:
            self._rows.update(connection, kept)
        self._make_room(connection)

    def _make_room(self, connection: Connection) -> None:
        self._retention.trim(connection)
        self._sweep(connection)
