"""A process's session on a PostgreSQL server: the locks in it show who lives, and end with it."""

from __future__ import annotations

import threading
from typing import Any, Final

import psycopg

from medusa.adapters.repositories.sql.address import Address

_HOLDING = (
    "SELECT (SELECT application_name FROM pg_stat_activity AS session WHERE session.pid = pg_locks.pid)"
    " FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = (hashtext(%s)::bigint & 4294967295)::oid AND objid = %s::oid AND objsubid = 2"
)
"""The name of the other session that holds a lock."""
_TAKE: Final = "SELECT pg_try_advisory_lock(hashtext(%s), %s)"
_SOLE: Final = 0
"""No holder has this number."""


class Session:
    """Advisory locks that are held until it is closed; after a break they are taken anew.

    The server may notice a break later than this process does. Until then the broken connection has the locks, which
    nobody else asks for: they are held in this process's name all the same, and no reason to wait.
    """

    def __init__(self, address: Address, space: str) -> None:
        """`space`: apart from the locks of everything else. Raises psycopg.Error."""
        self._address = address
        self._space = space
        self._lock = threading.Lock()
        self._claimed: set[int] = set()
        self._held: set[int] = set()
        """Those of the claimed whose locks the present connection has."""
        self._connection = address.connect()

    def claim(self, holder: int) -> None:
        """Hold the lock of this holder, which nobody else claims."""
        with self._lock:
            connection = self._alive()
            self._claimed.add(holder)
            self._take(connection)

    def lives(self, holder: int) -> bool:
        """Whether another session has claimed this holder."""
        with self._lock:
            return self._alive().execute(_HOLDING, (self._space, holder)).fetchone() is not None

    def sole(self, who: str) -> str | None:
        """Be the only one that asked for this, for as long as the connection lasts: None, or the name of who is it."""
        lock = (self._space, _SOLE)
        with self._lock:
            connection = self._alive()
            connection.execute("SELECT set_config('application_name', %s, false)", (who,))
            if connection.execute(_TAKE, lock).fetchone() == (True,):
                return None
            other = connection.execute(_HOLDING, lock).fetchone()
        return (other and other[0]) or ""

    def keep(self) -> None:
        """Make it anew if the server has dropped it. Raises psycopg.Error."""
        with self._lock:
            self._alive()

    def close(self) -> None:
        self._connection.close()

    def _alive(self) -> psycopg.Connection[Any]:
        """The connection, or a new one if it broke: a task that was taken over meanwhile is fenced."""
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError:
            self._connection.close()
            self._held.clear()
            self._connection = self._address.connect()
        self._take(self._connection)
        return self._connection

    def _take(self, connection: psycopg.Connection[Any]) -> None:
        for holder in self._claimed - self._held:
            if connection.execute(_TAKE, (self._space, holder)).fetchone() == (True,):
                self._held.add(holder)
