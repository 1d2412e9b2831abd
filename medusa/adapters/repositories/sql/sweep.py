"""Forgetting the sessions of failed tasks once they are over on the platforms as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from medusa.adapters.repositories.secrets import SESSION_LIVES_S, outlived
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.rows import StepRows

_EVERY_S: Final = 3600.0
_AT_ONCE: Final = 100
"""So many tasks are looked at with one change at most, so that none takes long."""
_OUTLIVED: Final = (
    "SELECT DISTINCT task_id, finished_at, finish_no FROM steps JOIN tasks ON id = task_id"
    " WHERE may_be_out = 0 AND (checkpoint IS NOT NULL OR intent IS NOT NULL)"
    " AND (finished_at, finish_no) > (?, ?) AND finished_at < ? ORDER BY finished_at, finish_no LIMIT ?"
)


class Sweep:
    """Looks once an hour at the tasks whose time has come since; at a start, at all that is kept."""

    def __init__(self, rows: StepRows, wiped: Callable[[str], None], now: Callable[[], float]) -> None:
        """`wiped` is told the id of each task that forgets something."""
        self._rows = rows
        self._wiped = wiped
        self._now = now
        self._due = 0.0
        self._done_until = (0.0, 0)
        """The end of the last task that was looked at, and its number: many may have ended at one instant."""

    def __call__(self, connection: Connection) -> None:
        now = self._now()
        if now < self._due:
            return
        found = connection.rows(_OUTLIVED, *self._done_until, now - SESSION_LIVES_S, _AT_ONCE)
        for task_id, *_ in found:
            self._wipe(connection, str(task_id))
        more = len(found) == _AT_ONCE
        self._done_until = (found[-1][1], found[-1][2]) if more else (now - SESSION_LIVES_S, 0)
        self._due = 0.0 if more else now + _EVERY_S

    def again(self) -> None:
        """What was done may be undone: begin anew."""
        self._due, self._done_until = 0.0, (0.0, 0)

    def _wipe(self, connection: Connection, task_id: str) -> None:
        for step in self._rows.secrets(connection, task_id):
            kept = outlived(step)
            if kept != step:
                self._rows.update(connection, [(task_id, kept)])
                self._wiped(task_id)
