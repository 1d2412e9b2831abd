"""One SQLite file: write-ahead log, each commit on disk before it counts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

from medusa.adapters.repositories.sql.database import Row, insertion, marks
from medusa.adapters.repositories.sql.lockfile import LockFile
from medusa.adapters.repositories.sql.schema import migrate
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

_OPENING: Final = 0
"""The byte of the lock file that is held while the file is made ready; holders have those above."""


_OLDEST: Final = (3, 33)
"""The first SQLite with UPDATE ... FROM."""
_AT_ONCE: Final = 64
"""So many rows are updated with one statement at most, with less than 999 values."""


class SqliteConnection:
    """Connection over the standard library's sqlite3."""

    def __init__(self, path: Path, patience_s: float) -> None:
        self._connection = sqlite3.connect(
            path, timeout=patience_s, isolation_level=None, check_same_thread=False, cached_statements=128
        )
        self._version: object = None
        try:
            self.run("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            self.close()
            raise

    def run(self, sql: str, *values: object) -> int:
        return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: object) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> Row | None:
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            values = tuple(value for row in some for value in row)
            self._connection.execute(insertion(table, columns, len(some)), values)

    def update(self, table: str, keys: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> None:
        """In one statement: each gives the interpreter's lock away, and the wait for it costs more than the update."""
        for start in range(0, len(rows), _AT_ONCE):
            some = [*rows[start : start + _AT_ONCE]]
            some += some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))  # few texts, which are prepared once
            statement = _update(table, tuple(keys), tuple(columns), len(some))
            self._connection.execute(statement, tuple(value for row in some for value in row))

    def begin(self, *, write: bool) -> None:
        self.run("BEGIN IMMEDIATE" if write else "BEGIN")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self.run("ROLLBACK")

    def changed(self) -> bool:
        version = self._connection.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return bool(version != before)

    def written_elsewhere(self) -> bool:
        return self.changed()

    def close(self) -> None:
        self._connection.close()


@cache
def _update(table: str, keys: tuple[str, ...], columns: tuple[str, ...], count: int) -> str:
    mark = f"({marks((*keys, *columns))})"
    given = [f"given.column{place}" for place in range(1, len(keys) + len(columns) + 1)]
    same = " AND ".join(f"{table}.{key} = {value}" for key, value in zip(keys, given, strict=False))
    new = ", ".join(f"{column} = {value}" for column, value in zip(columns, given[len(keys) :], strict=True))
    return f"UPDATE {table} SET {new} FROM (VALUES {', '.join([mark] * count)}) AS given WHERE {same}"  # noqa: S608 - names


class SqliteDatabase:
    """Database in one file, mode 0600, and a lock file beside it."""

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    bugs: tuple[type[Exception], ...] = (
        sqlite3.IntegrityError,
        sqlite3.ProgrammingError,
        sqlite3.DataError,
        sqlite3.NotSupportedError,
    )
    shared = False

    def __init__(self, path: Path, patience_s: float = 10.0) -> None:
        """Make the file if there is none, and bring its tables up to date.

        `patience_s`: how long another process may hold the file before an operation fails. Raises ConfigError when the
        path cannot be used, holds something else, or was written by a newer program.
        """
        self.path = path.absolute()
        self.name = str(self.path)
        self._patience_s = patience_s
        if sqlite3.sqlite_version_info < _OLDEST:
            raise self._unusable(f"SQLite {sqlite3.sqlite_version} is too old, 3.33 or later is needed")
        try:
            _make(self.path)
            self._locks = LockFile(self.path.with_name(f"{self.path.name}.lock"))
        except OSError as error:
            raise self._unusable((error.strerror or "unknown error").lower()) from None
        try:
            self._locks.lock(_OPENING)
            self._prepare()
        except sqlite3.Error as error:
            self._locks.close()
            raise self._unusable(str(error)) from None
        except ConfigError:
            self._locks.close()
            raise
        self._locks.unlock(_OPENING)

    def connect(self) -> SqliteConnection:
        return SqliteConnection(self.path, self._patience_s)

    def claim(self, holder: int) -> None:
        self._locks.lock(holder)

    def lives(self, holder: int) -> bool:
        return self._locks.locked(holder)

    def close(self) -> None:
        self._locks.close()

    def _prepare(self) -> None:
        """Tables in one transaction, so that a file is never half made."""
        with closing(self.connect()) as connection:
            self._check_ours(connection)
            connection.run("PRAGMA journal_mode = WAL")
            in_transaction(
                connection, lambda: migrate(connection, self.name, "INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB")
            )

    def _check_ours(self, connection: SqliteConnection) -> None:
        tables = {row[0] for row in connection.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "medusa_schema" not in tables:
            raise self._unusable("it is the database of another program")

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError([Problem("medusa.engine.path", f"{self.name} cannot be used: {why}")])


def in_transaction(connection: SqliteConnection, work: Callable[[], None]) -> None:
    """All of the work, or nothing of it."""
    connection.begin(write=True)
    try:
        work()
        connection.commit()
    finally:
        connection.rollback()


def _make(path: Path) -> None:
    """The file, for its owner only; SQLite gives the same mode to the files that it puts beside it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
