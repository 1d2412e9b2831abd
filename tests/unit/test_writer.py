"""The one thread that writes outlives whatever a change meets, and tells it to those alone who wait for that one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.adapters.repositories.sql.writer import Told, Writer

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Save:
    """A save of which a test says who is told that it is on disk."""

    task_id: str
    tell: Callable[[], object]
    rank = 0

    @property
    def place(self) -> str:
        return self.task_id

    @property
    def together(self) -> Callable[[Connection, Sequence[Any]], Sequence[Any]]:
        return _saved

    def after(self, earlier: Any) -> Save:
        return self

    def committed(self, answer: Any) -> None:
        self.tell()


def _saved(_: Connection, saves: Sequence[Save]) -> list[str]:
    return [save.task_id for save in saves]


def broken() -> None:
    raise ValueError("a bug")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with closing(SqliteDatabase(tmp_path / "tasks.db")) as opened:
        yield opened


def test_a_bug_in_who_is_told_of_a_save_concerns_that_save_alone(database: SqliteDatabase) -> None:
    writer = Writer(database, Told(lambda: None, lambda: None))
    begun: list[Any] = []
    told = [("before", lambda: None), ("broken", broken), ("behind", lambda: None)]
    writer.write(lambda _: begun.extend(writer.save_soon(Save(name, tell)) for name, tell in told))  # into one commit
    assert [one.exception(PATIENCE_S) and str(one.exception()) for one in begun] == [None, "a bug", None]
    assert writer.write_soon(lambda _: "still written").result(PATIENCE_S) == "still written"
    writer.close(last=lambda _: None)


def test_a_bug_in_the_writer_itself_is_told_and_ends_nothing(database: SqliteDatabase) -> None:
    undone: list[str] = []
    writer = Writer(database, Told(lambda: undone.append("undone"), lambda: None))
    unhashable = Save([], lambda: None)  # type: ignore[arg-type]  # no place can be found for it
    with pytest.raises(TypeError, match="unhashable"):
        writer.save_soon(unhashable).result(PATIENCE_S)
    assert undone == ["undone"]
    assert writer.write_soon(lambda _: "still written").result(PATIENCE_S) == "still written"
    writer.close(last=lambda _: None)
