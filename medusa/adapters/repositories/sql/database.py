"""What the repository needs of an SQL database.

Statements are portable, with `?` for values; where databases differ, they say so here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, Protocol

Row = Sequence[Any]
_AT_ONCE: Final = 500
"""Values of one statement; SQLite takes no more than 999 where it is old."""


class Connection(Protocol):
    """One connection, used by one thread at a time. Its methods raise one of the database's `errors`."""

    def run(self, sql: str, *values: object) -> int:
        """Carry out one statement; the number of rows that it changed."""
        ...

    def rows(self, sql: str, *values: object) -> Sequence[Row]:
        """All rows of a query."""
        ...

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of a query; None when it has none."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows to a table, each with the values of these columns."""
        ...

    def update(self, table: str, keys: Sequence[str], columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Set these columns in the rows of a table that have these keys. Each of `rows`: the keys, then the values."""
        ...

    def begin(self, *, write: bool) -> None:
        """Begin a transaction: what it reads is of one instant, and one writes at a time."""
        ...

    def commit(self) -> None:
        """On disk when this returns."""
        ...

    def rollback(self) -> None:
        """As if the transaction had not begun. Does nothing outside of one."""
        ...

    def changed(self) -> bool:
        """Whether anyone may have committed since this was last asked here."""
        ...

    def written_elsewhere(self) -> bool:
        """In a writing transaction: whether anyone else may have committed since this was last asked here."""
        ...

    def close(self) -> None: ...


def marks(values: Sequence[object]) -> str:
    """A place in a statement for each of these values."""
    return ", ".join("?" * len(values))


def insertion(table: str, columns: Sequence[str], count: int) -> str:
    """The statement that adds so many rows."""
    every = ", ".join([f"({marks(columns)})"] * count)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {every}"  # noqa: S608 - names of ours


def rows_of(connection: Connection, asked: str, values: Collection[object]) -> Iterator[Row]:
    """All rows of a query with an `IN ({})` for any number of values."""
    every = tuple(values)
    for start in range(0, len(every), _AT_ONCE):
        some = every[start : start + _AT_ONCE]
        yield from connection.rows(asked.format(marks(some)), *some)


class Database(Protocol):
    """A place for tables, made ready: the schema is in it."""

    name: str
    """For messages: the path of the file."""
    shared: bool
    """Whether processes of other machines may use it as well."""
    errors: tuple[type[Exception], ...]
    """What its connections raise."""
    bugs: tuple[type[Exception], ...]
    """Those of them that say that a statement is wrong: no later try of it does better."""

    def connect(self) -> Connection: ...

    def claim(self, holder: int) -> None:
        """Show to all, until this process ends or `close` is called, that this holder lives."""
        ...

    def lives(self, holder: int) -> bool:
        """Whether someone has claimed this holder and lives."""
        ...

    def close(self) -> None:
        """Give up what was claimed."""
        ...
