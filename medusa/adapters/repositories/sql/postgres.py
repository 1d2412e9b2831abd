"""A PostgreSQL database, shared by the processes of many machines. Needs the extra `postgres` (psycopg)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from medusa.adapters.repositories.sql.address import Address
from medusa.adapters.repositories.sql.database import Row, insertion
from medusa.adapters.repositories.sql.schema import migrate
from medusa.adapters.repositories.sql.session import Session
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

_SPACE: Final = 0x4D454455
"""Of the advisory locks in the database, that of the one who writes has this as its first half."""


class PostgresConnection:
    """Connection over psycopg, in a schema of its own."""

    def __init__(self, address: Address, schema: str, patience_s: float) -> None:
        settings = f"-c search_path={schema} -c lock_timeout={int(patience_s * 1000)} -c synchronous_commit=on"
        self._connection = address.connect(settings)
        self._schema = schema
        self._listening = False
        self._writing = False

    def run(self, statement: str, *values: object) -> int:
        return self._execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list[Row]:
        return self._execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> Row | None:
        return self._execute(statement, values).fetchone()

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._connection.cursor().executemany(insertion(table, columns, 1).replace("?", "%s").encode(), rows)

    def update(self, table: str, keys: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> None:
        new, same = ", ".join(f"{name} = %s" for name in columns), " AND ".join(f"{name} = %s" for name in keys)
        statement = f"UPDATE {table} SET {new} WHERE {same}"  # noqa: S608 - names of ours
        values = [(*row[len(keys) :], *row[: len(keys)]) for row in rows]
        self._connection.cursor().executemany(statement.encode(), values)

    def begin(self, *, write: bool) -> None:
        """Writers go one after the other, as in SQLite: what they read stays true until they commit."""
        self._writing = write
        if not write:
            self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return
        self.run("BEGIN")
        self.rows("SELECT pg_advisory_xact_lock(?, hashtext(?))", _SPACE, self._schema)

    def commit(self) -> None:
        if self._writing:
            self._connection.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(self._schema)))
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            self.run("ROLLBACK")

    def changed(self) -> bool:
        if not self._listening:
            self._connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._schema)))
            self._listening = True
            return True
        return bool(list(self._connection.notifies(timeout=0)))

    def written_elsewhere(self) -> bool:
        """It cannot be told: what others notify while this one waits for its turn comes after the transaction."""
        return True

    def close(self) -> None:
        self._connection.close()

    def _execute(self, statement: str, values: tuple[object, ...]) -> psycopg.Cursor[Any]:
        return self._connection.execute(statement.replace("?", "%s").encode(), values or None)


class PostgresDatabase:
    """Database on a PostgreSQL server. A holder lives as long as its process's session does."""

    errors: tuple[type[Exception], ...] = (psycopg.Error,)
    bugs: tuple[type[Exception], ...] = (
        psycopg.IntegrityError,
        psycopg.ProgrammingError,
        psycopg.DataError,
        psycopg.NotSupportedError,
    )
    shared = True

    def __init__(self, url: str, schema: str = "medusa", patience_s: float = 10.0) -> None:
        """Make the schema if there is none, and bring its tables up to date.

        `url`: a libpq connection URI. `patience_s`: how long others may hold the database before an operation fails.
        Raises ConfigError when it cannot be reached or was written by a newer program.
        """
        self.name = "the PostgreSQL database"
        try:
            self._address = Address(url)
        except ValueError as error:
            raise self._unusable(str(error)) from None
        self.name = f"{self.name} {self._address.name}"
        self._schema = schema
        self._patience_s = patience_s
        try:
            self._session = Session(self._address, f"medusa holder {schema}")
            try:
                self._prepare()
            except BaseException:
                self._session.close()
                raise
        except psycopg.Error as error:
            raise self._failed(error) from None

    def connect(self) -> PostgresConnection:
        """A new one is asked for after a break: then the session may be gone as well, and is made anew."""
        self._session.keep()
        return PostgresConnection(self._address, self._schema, self._patience_s)

    def claim(self, holder: int) -> None:
        self._session.claim(holder)

    def lives(self, holder: int) -> bool:
        return self._session.lives(holder)

    def sole(self, who: str) -> str | None:
        """Keep others that ask for this off until `close`; who is it already, or None. `who`: of 63 bytes at most.

        Raises ConfigError when the server cannot be asked.
        """
        try:
            return self._session.sole(who)
        except psycopg.Error as error:
            raise self._failed(error) from None

    def close(self) -> None:
        self._session.close()

    def _prepare(self) -> None:
        """Tables in one transaction, so that they are never half made."""
        with closing(self.connect()) as connection:
            connection.begin(write=True)
            try:
                connection.run(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
                migrate(connection, self.name, "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "BYTEA")
                connection.commit()
            finally:
                connection.rollback()

    def _failed(self, error: psycopg.Error) -> ConfigError:
        return self._unusable(" ".join(self._address.masked(str(error)).split()))

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError([Problem("medusa.engine.database_url", f"{self.name} cannot be used: {why}")])
