"""The changes of one commit: in their order, but saves of many tasks together, with a few statements."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.outcome import Outcome

T = TypeVar("T")
Work = Callable[[Connection], T]


class Save(Protocol):
    """A change of one task which is carried out together with those of its kind."""

    @property
    def task_id(self) -> str: ...

    @property
    def rank(self) -> int:
        """Kinds are carried out in this order, where that is not against the order of one task's changes."""
        ...

    @property
    def place(self) -> Hashable:
        """Equal for changes of which the later one takes the place of the earlier, if that is not committed yet."""
        ...

    def after(self, earlier: Any, /) -> Save:
        """Both in one."""
        ...

    @property
    def together(self) -> Callable[[Connection, Sequence[Any]], Sequence[Any]]:
        """Carries out all of a kind: an answer for each, which is an exception if it cannot be carried out."""
        ...

    def committed(self, answer: Any) -> None:
        """It is on disk, with this answer; called before anyone who waits for it is told."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """A change that is carried out by itself."""

    work: Work[Any]
    task_id: str | None
    """The one task that it touches; None: it may touch any."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked for."""

    what: Alone | Save
    done: Outcome[Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is carried out at once, for all who asked for it."""

    what: Alone | Save
    changes: tuple[Change, ...]

    def settle(self, answer: Any) -> None:
        """It is on disk, with this answer."""
        error = answer if isinstance(answer, Exception) else self._committed(answer)
        for change in self.changes:
            change.done.settle(*((None, error) if error else (answer, None)))

    def _committed(self, answer: Any) -> Exception | None:
        """A bug in whoever is told of it: it concerns those alone who wait for this, and not the writer."""
        if isinstance(self.what, Alone):
            return None
        try:
            self.what.committed(answer)
        except Exception as error:
            return error
        return None


def units(changes: Sequence[Change]) -> list[Unit]:
    """Saves of one place become one, where the last of them stands."""
    found: dict[Hashable, Unit] = {}
    for number, change in enumerate(changes):
        if isinstance(change.what, Alone):
            found[number] = Unit(change.what, (change,))
            continue
        earlier = found.pop(change.what.place, None)
        what = change.what.after(earlier.what) if earlier else change.what
        found[change.what.place] = Unit(what, (*(earlier.changes if earlier else ()), change))
    return list(found.values())


class Batch:
    """Carries out units in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, Save] = {}
        """Saves that are carried out together, by their number."""
        self._ranks: dict[str, int] = {}
        """Task -> the highest rank of its saves among them."""
        self._answers: dict[int, Any] = {}

    def answers(self, them: Sequence[Unit]) -> list[Any]:
        """For each what has come of it."""
        for number, unit in enumerate(them):
            if isinstance(unit.what, Alone):
                self._alone(number, unit.what)
            else:
                self._wait(number, unit.what)
        self._carry_out()
        return [self._answers[number] for number in range(len(them))]

    def _alone(self, number: int, change: Alone) -> None:
        if change.task_id is None or change.task_id in self._ranks:
            self._carry_out()
        self._answers[number] = change.work(self._connection)

    def _wait(self, number: int, save: Save) -> None:
        if self._ranks.get(save.task_id, save.rank) > save.rank:
            self._carry_out()
        self._ranks[save.task_id] = save.rank
        self._waiting[number] = save

    def _carry_out(self) -> None:
        kinds: dict[tuple[int, Any], list[int]] = {}
        for number, save in self._waiting.items():
            kinds.setdefault((save.rank, save.together), []).append(number)
        for (_, together), numbers in sorted(kinds.items(), key=lambda kind: kind[0][0]):
            saves = [self._waiting[number] for number in numbers]
            self._answers.update(zip(numbers, together(self._connection, saves), strict=True))
        self._waiting.clear()
        self._ranks.clear()
