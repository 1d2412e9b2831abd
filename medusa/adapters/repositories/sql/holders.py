"""Who runs a task: one holder at a time, whose life is seen by its lock."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.store import Store
from medusa.domain.failures import TaskConflict


@dataclass(frozen=True, slots=True)
class Release:
    """A task that is to be released by the writer."""

    together: Callable[[Connection, Sequence[Release]], Sequence[None]]
    task_id: str
    rank = 1

    @property
    def place(self) -> tuple[str, str]:
        return self.task_id, "release"

    def after(self, _earlier: Release) -> Release:
        """Both in one: they are the same."""
        return self

    def committed(self, answer: None) -> None:
        """Nobody has to know."""


class Holders:
    """This repository as a holder, and those of other repositories on the same database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._own: int | None = None

    def own(self) -> int:
        """This holder's number, registered on first use. Not to be called in a transaction."""
        with self._lock:
            if self._own is None:
                self._own = self._store.write(self._register)
            return self._own

    def release(self, connection: Connection, task_ids: Sequence[str]) -> None:
        """Let others take those of these tasks that are held here."""
        if self._own is not None:
            held = [(task_id, self._own, None) for task_id in task_ids]
            connection.update("tasks", ("id", "holder"), ("holder",), held)

    def called_off(self, connection: Connection) -> dict[str, bool]:
        """The tasks held here that are to be cancelled (True) or to rest, and have not ended."""
        asked = (
            "SELECT id, cancel_asked FROM tasks WHERE holder = ? AND (cancel_asked = 1 OR paused = 1)"
            " AND status IN ('pending', 'in_progress')"
        )
        return {row[0]: bool(row[1]) for row in connection.rows(asked, self._own)} if self._own is not None else {}

    def others_alive(self, connection: Connection) -> frozenset[int]:
        """The other holders that live."""
        found = (int(row[0]) for row in connection.rows("SELECT id FROM holders"))
        return frozenset(number for number in found if self._is_other(number))

    def has(self, connection: Connection, task_id: str) -> bool:
        """Whether somebody who lives holds the task, here or elsewhere."""
        row = connection.row("SELECT holder FROM tasks WHERE id = ?", task_id)
        return row is not None and row[0] is not None and (row[0] == self._own or self._is_other(row[0]))

    def check_free(self, connection: Connection, task_id: str, holder: int | None) -> None:
        """Raises TaskConflict, with the holder's name, if it is another one and lives."""
        if holder is None or not self._is_other(holder):
            return
        row = connection.row("SELECT pid, host FROM holders WHERE id = ?", holder)
        who = f"process {row[0]} on {row[1]}" if row else "another process"
        raise TaskConflict(f"task {task_id} is run by {who}")

    def leave(self, connection: Connection) -> None:
        """Release all tasks that are held here."""
        if self._own is not None:
            _forget(connection, self._own)

    def _is_other(self, number: int) -> bool:
        return number != self._own and self._store.database.lives(number)

    def _register(self, connection: Connection) -> int:
        self._bury(connection)
        number = 1 + secrets.randbelow(2**31 - 1)  # none is used again: one that is cut off may come back
        self._store.database.claim(number)
        registered = (number, os.getpid(), socket.gethostname(), time.time())
        connection.run("INSERT INTO holders (id, pid, host, since) VALUES (?, ?, ?, ?)", *registered)
        return number

    def _bury(self, connection: Connection) -> None:
        """Holders that did not leave, and do not live."""
        for row in connection.rows("SELECT id FROM holders"):
            if not self._store.database.lives(row[0]):
                _forget(connection, row[0])


def _forget(connection: Connection, number: int) -> None:
    connection.run("UPDATE tasks SET holder = NULL WHERE holder = ?", number)
    connection.run("DELETE FROM holders WHERE id = ?", number)
