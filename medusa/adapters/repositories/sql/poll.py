"""Noticing what other processes have committed."""

from __future__ import annotations

import threading
from contextlib import suppress

from medusa.adapters.repositories.sql.database import Connection, Database


class Poll:
    """A connection that is only asked whether anything has changed; made on first use, and anew when it broke."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._closed = False

    def changed(self) -> bool:
        """Whether anything may have changed since this was last asked: also when that cannot be told."""
        with self._lock:
            if self._closed:
                return True
            try:
                self._connection = self._connection or self._database.connect()
                return self._connection.changed()
            except self._database.errors:
                self._drop()
                return True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(*self._database.errors):
                self._connection.close()
            self._connection = None
