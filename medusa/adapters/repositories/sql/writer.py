"""All that is written, by one thread: what piles up while a commit is under way goes into the next one together."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from medusa.adapters.repositories.sql.batch import Alone, Batch, Change, Save, Work, units
from medusa.adapters.repositories.sql.database import Connection, Database
from medusa.adapters.repositories.sql.outcome import Outcome
from medusa.domain.failures import MedusaError, StorageFailed

T = TypeVar("T")
_GROUP: Final = 256
"""So many changes go into one commit at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who remembers what is written is told when that may not hold any more. Called in the writer's thread."""

    undone: Callable[[], None]
    """Changes that were carried out are not committed."""
    elsewhere: Callable[[], None]
    """Others may have written."""


class Writer:
    """Carries out changes, each of them whole or not at all. One may be begun more than once before it is committed."""

    def __init__(self, database: Database, told: Told) -> None:
        self._lock = threading.Lock()
        self._changes: SimpleQueue[Change | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=_serve, args=(database, self._changes, told), name="medusa-writer", daemon=True
        )
        self._thread.start()
        self._stop = weakref.finalize(self, self._changes.put, None)
        self._stop.atexit = False  # tasks may still run at the interpreter's exit

    def write(self, work: Work[T], of: str | None = None) -> T:
        """What `work` returns, once its change is on disk. Raises StorageFailed, and then there is no change.

        `of`: the one task that it touches.
        """
        return self.write_soon(work, of).result()

    def write_soon(self, work: Work[T], of: str | None = None) -> Outcome[T]:
        """The same, without waiting."""
        return self._put(Change(Alone(work, of), Outcome()))

    def save_soon(self, save: Save) -> Outcome[Any]:
        """The same for what is done together with others of its kind."""
        return self._put(Change(save, Outcome()))

    def _put(self, change: Change) -> Outcome[Any]:
        with self._lock:  # nothing is put behind the end
            if not self._stop.alive:
                raise MedusaError("the tasks are closed")
            self._changes.put(change)
        return change.done

    def close(self, last: Work[object]) -> None:
        """Write what was asked for, and `last` if that still can be, then end."""
        try:
            with suppress(MedusaError):
                self.write(last)
        finally:
            with self._lock:
                self._stop()
            self._thread.join()


def _serve(database: Database, changes: SimpleQueue[Change | None], told: Told) -> None:
    connection: Connection | None = None
    while (first := changes.get()) is not None:
        group, last = _gathered(first, changes)
        try:
            connection = connection or database.connect()
            _carry_out(connection, group, database, told)
        except Exception as error:  # a bug as well: others go on writing
            _refuse(group, database, error, unsure=connection is not None)
            told.undone()
            _give_up(connection, database)
            connection = None
        if last:
            break
    if connection is not None:
        connection.close()


def _give_up(connection: Connection | None, database: Database) -> None:
    """It is broken: the next change has a new one."""
    with suppress(*database.errors):
        if connection is not None:
            connection.close()


def _gathered(first: Change, changes: SimpleQueue[Change | None]) -> tuple[list[Change], bool]:
    """What waits already, and whether it is the last."""
    group = [first]
    while len(group) < _GROUP:
        try:
            change = changes.get_nowait()
        except Empty:
            break
        if change is None:
            return group, True
        group.append(change)
    return group, False


def _carry_out(connection: Connection, group: list[Change], database: Database, told: Told) -> None:
    """Commit them together; if that fails, in halves, so that a change fails for nobody else's sake."""
    try:
        connection.begin(write=True)
    except database.errors as error:  # others write all the time: no use in asking again for each
        connection.rollback()
        _refuse(group, database, error)
        return
    together = units(group)
    try:
        if connection.written_elsewhere():
            told.elsewhere()
        answers = Batch(connection).answers(together)
        connection.commit()
    except Exception as error:
        connection.rollback()
        told.undone()
        if len(group) == 1:
            _refuse(group, database, error)
            return
        half = len(group) // 2
        _carry_out(connection, group[:half], database, told)
        _carry_out(connection, group[half:], database, told)
        return
    for unit, answer in zip(together, answers, strict=True):
        unit.settle(answer)


def _refuse(group: list[Change], database: Database, error: Exception, *, unsure: bool = False) -> None:
    for change in group:
        if not change.done.done():
            failed = isinstance(error, database.errors) and not isinstance(error, database.bugs)
            said = f"{database.name} cannot be written: {error}"
            change.done.settle(error=StorageFailed(said, unsure=unsure) if failed else error)
