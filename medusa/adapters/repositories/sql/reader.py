"""Reading: each time of one instant, by as many threads as there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from medusa.adapters.repositories.sql.database import Connection, Database, Row
from medusa.domain.failures import MedusaError, StorageFailed


class Reader:
    """Lends connections, and keeps those that were given back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._free: list[Connection] = []
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection in a transaction. Raises StorageFailed."""
        connection: Connection | None = None
        try:
            connection = self._lent()
            connection.begin(write=False)
            try:
                yield connection
            finally:
                connection.rollback()
        except self._database.errors as error:
            self._drop(connection)
            connection = None
            raise self._failed(error) from None
        finally:
            if connection is not None:
                self._give_back(connection)

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of one query, which needs no transaction. Raises MedusaError when the database fails."""
        connection: Connection | None = None
        try:
            connection = self._lent()
            found = connection.row(sql, *values)
        except self._database.errors as error:
            self._drop(connection)
            raise self._failed(error) from None
        self._give_back(connection)
        return found

    def _drop(self, connection: Connection | None) -> None:
        """It failed: those that are free may be broken as well, as after a restart of the server."""
        with self._lock:
            free, self._free = self._free, []
        for one in (*free, *([connection] if connection else [])):
            one.close()

    def _failed(self, error: Exception) -> Exception:
        if isinstance(error, self._database.bugs):
            return error
        return StorageFailed(f"{self._database.name} cannot be read: {error}")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    def _lent(self) -> Connection:
        with self._lock:
            if self._closed:
                raise MedusaError("the tasks are closed")
            if self._free:
                return self._free.pop()
        return self._database.connect()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._closed:
                self._free.append(connection)
                return
        connection.close()
