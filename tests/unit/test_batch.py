"""The order in which the changes of one commit are carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from medusa.adapters.repositories.sql.batch import Alone, Batch, Change, units
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.outcome import Outcome

RANKS = {"save": 0, "release": 1}
ASKED = st.lists(st.tuples(st.sampled_from(["save", "release", "alone", "any"]), st.sampled_from("abc")), max_size=20)


@dataclass(frozen=True)
class Note:
    """A save that only notes what is carried out."""

    journal: list[str]
    task_id: str
    rank: int
    text: str

    @property
    def place(self) -> tuple[str, int]:
        return self.task_id, self.rank

    @property
    def together(self) -> Any:
        return _noted

    def after(self, earlier: Note) -> Note:
        return Note(self.journal, self.task_id, self.rank, f"{earlier.text}, {self.text}")

    def committed(self, answer: Any) -> None:
        """Nobody is told."""


def _noted(_: Connection, notes: Sequence[Note]) -> list[str]:
    for note in notes:
        note.journal.append(note.text)
    return [note.text for note in notes]


def change(journal: list[str], number: int, kind: str, task_id: str) -> Change:
    text = f"{kind} {number}"
    if kind in RANKS:
        return Change(Note(journal, task_id, RANKS[kind], text), Outcome())

    def work(_: Connection) -> str:
        journal.append(text)
        return text

    return Change(Alone(work, task_id if kind == "alone" else None), Outcome())


@given(asked=ASKED)
def test_all_is_carried_out_once_and_what_touches_the_same_task_in_its_order(asked: list[tuple[str, str]]) -> None:
    journal: list[str] = []
    changes = [change(journal, number, *one) for number, one in enumerate(asked)]
    together = units(changes)
    answers = Batch(connection=None).answers(together)  # type: ignore[arg-type]  # nothing is asked of it
    assert sorted(journal) == sorted(answers)
    for unit, answer in zip(together, answers, strict=True):
        unit.settle(answer)
    for number, one in enumerate(changes):
        assert f"{asked[number][0]} {number}" in one.done.result(0).split(", ")
    place = {text: at for at, text in enumerate(journal)}
    for later, unit in enumerate(together):
        for earlier in range(later):
            touched = {unit.what.task_id, together[earlier].what.task_id}
            if len(touched) == 1 or None in touched:
                assert place[answers[earlier]] < place[answers[later]]


def test_saves_of_many_tasks_are_carried_out_together() -> None:
    calls: list[int] = []

    class Counted(Note):
        @property
        def together(self) -> Any:
            return counted

    def counted(connection: Connection, notes: Sequence[Note]) -> list[str]:
        calls.append(len(notes))
        return _noted(connection, notes)

    changes = [Change(Counted([], f"task{number}", 0, str(number)), Outcome()) for number in range(10)]
    taking = Change(Alone(lambda _: "taken", "another"), Outcome())
    Batch(connection=None).answers(units([*changes[:5], taking, *changes[5:]]))  # type: ignore[arg-type]  # not asked
    assert calls == [10]
