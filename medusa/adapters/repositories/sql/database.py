"""What the repository needs of an SQL database.

Statements are portable, with `?` for values; where databases differ, they say so here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Row = Sequence[Any]


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

    def close(self) -> None: ...


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
