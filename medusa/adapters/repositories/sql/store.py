"""An open database: any number of readers, one writer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from medusa.adapters.repositories.sql.batch import Save
from medusa.adapters.repositories.sql.database import Connection, Database, Row
from medusa.adapters.repositories.sql.outcome import Outcome
from medusa.adapters.repositories.sql.reader import Reader
from medusa.adapters.repositories.sql.writer import Told, Writer

T = TypeVar("T")


class Store:
    """What a process's SqlRepository and SqlAccounts share. The repository closes it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._reader = Reader(database)
        self._undone: list[Callable[[], None]] = []
        self._elsewhere: list[Callable[[], None]] = []
        self._writer = Writer(database, Told(partial(_call, self._undone), partial(_call, self._elsewhere)))

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one instant. Raises StorageFailed."""
        return self._reader.reading()

    def row(self, sql: str, *values: object) -> Row | None:
        """The first row of one query. Raises MedusaError when the database fails."""
        return self._reader.row(sql, *values)

    def write(self, work: Callable[[Connection], T], *, of: str | None = None) -> T:
        """What `work` returns, once its change is on disk. `of`: the one task that it touches.

        Raises StorageFailed, or what `work` raises: then nothing is changed. `work` may be called more than once before
        it is committed.
        """
        return self._writer.write(work, of)

    def write_soon(self, work: Callable[[Connection], T], *, of: str | None = None) -> Outcome[T]:
        """The same, without waiting."""
        return self._writer.write_soon(work, of)

    def save_soon(self, save: Save) -> Outcome[Any]:
        """The same for what is done together with others of its kind."""
        return self._writer.save_soon(save)

    def when_undone(self, forget: Callable[[], None]) -> None:
        """`forget` is called, in the writer's thread, whenever changes that were carried out are not committed."""
        self._undone.append(forget)

    def when_elsewhere(self, doubt: Callable[[], None]) -> None:
        """`doubt` is called there before changes are carried out when others may have written since the last ones."""
        self._elsewhere.append(doubt)

    def close(self, last: Callable[[Connection], object]) -> None:
        """Write what was asked for, then `last` if that still can be, and give all files back."""
        self._writer.close(last)
        self._reader.close()
        self.database.close()


def _call(all_of_them: list[Callable[[], None]]) -> None:
    for one in all_of_them:
        one()
