"""The file of tasks cannot be written for a while: nothing is lost, nothing is published twice, and it goes on."""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.adapters.repositories.sql import sqlite
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.domain.failures import StorageFailed
from medusa.sandbox import Sandbox
from tests.e2e.conftest import OpenCore
from tests.e2e.instants import Instant, Kind, Passing
from tests.e2e.talk import ASKED, ONCE, existing, talk
from tests.support import SOAK

WITHIN_S = 60.0
STEPS = 12
"""Of a task that is asked for `ASKED`."""
NUMBERS: dict[Kind, Iterable[int]] = {
    "opened": (1, 2, 3),
    "intent": (1, 2),
    "done": range(1 if SOAK else 4, STEPS + 1, 1 if SOAK else 4),
}
LINES = [Instant(kind, number, "before") for kind, numbers in NUMBERS.items() for number in (*numbers,)]
"""Those that are struck: each of them is saved, however fast the task goes and whatever else is saved with it."""


class Warned(logging.Handler):
    """Knows when the engine has said so often what it says of a task that has to wait, or `words`."""

    def __init__(self, times: int, words: str = "has to wait") -> None:
        super().__init__(logging.WARNING)
        self._words = words
        self.enough = threading.Event()
        self._left = times

    def emit(self, record: logging.LogRecord) -> None:
        self._left -= self._words in record.getMessage()
        if self._left <= 0:
            self.enough.set()


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned(2)
    logging.getLogger("medusa.engine").addHandler(handler)
    yield handler
    logging.getLogger("medusa.engine").removeHandler(handler)


def begun(core: MedusaCore, folder: Path) -> str:
    """The task's id; who is told that it cannot be kept asks once more."""
    for _ in range(10):
        try:
            return core.publish_async(talk(folder, size=0), list(ASKED), ASKED, idempotency_key="talk")
        except StorageFailed as error:
            last = str(error)
    raise AssertionError(last)


def either(event: threading.Event, core: MedusaCore, task_id: str) -> None:
    """Until it happens, or the task has ended before."""
    deadline = time.monotonic() + WITHIN_S
    while not event.wait(0.02) and not core.get_task(task_id).ended:
        assert time.monotonic() < deadline


def fill(connection: Connection | None) -> None:
    """The disk is full: what this line needs is one page too many."""
    assert connection
    pages = connection.row("PRAGMA page_count")
    assert pages
    connection.run(f"PRAGMA max_page_count = {pages[0]}")
    try:
        connection.run("CREATE TABLE filling AS SELECT zeroblob(1000000)")
    finally:
        connection.run("PRAGMA max_page_count = 4294967294")


def test_who_asks_for_a_task_is_told_that_the_disk_is_full(
    core_on: OpenCore, stage: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = core_on()
    Passing(lambda _: True, fill).watch(monkeypatch.setattr)
    with pytest.raises(StorageFailed, match=r"tasks\.db cannot be written: database or disk is full"):
        core.publish_async(None, ["facebook"], {"facebook": {"message": "It is out"}})
    assert core.list_tasks() == ()
    assert stage.log() == []


def assert_published_once(sandbox: Sandbox, reply: dict[str, Any]) -> None:
    assert reply["status"] == "completed", reply
    assert "warnings" not in reply
    assert existing(sandbox) == ONCE


class From:
    """Strikes from an instant on, at so many lines."""

    def __init__(self, instant: Instant, lines: float) -> None:
        self._instant = instant
        self._left = lines
        self.begun = threading.Event()

    def __call__(self, at: Instant) -> bool:
        if at == self._instant:
            self.begun.set()
        elif at.kind != "line" or at.side != "before" or not self.begun.is_set():
            return False
        self._left -= 1
        return self._left >= 0


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_disk_that_is_full_for_three_lines(
    core_on: OpenCore, stage: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: Instant
) -> None:
    core, strikes = core_on(), From(line, lines=3)
    Passing(strikes, fill).watch(monkeypatch.setattr)
    assert_published_once(stage, core.wait(begun(core, tmp_path), WITHIN_S))
    assert strikes.begun.is_set()


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_disk_that_is_full_until_the_next_process(
    core_on: OpenCore, stage: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: Warned, line: Instant
) -> None:
    core, strikes = core_on(), From(line, lines=math.inf)
    with monkeypatch.context() as patch:
        Passing(strikes, fill).watch(patch.setattr)
        task_id = begun(core, tmp_path)
        assert warned.enough.wait(WITHIN_S)
        assert not core.get_task(task_id).ended
        core.close(0.0)
    assert_published_once(stage, core_on().wait(task_id, WITHIN_S))


def test_the_id_of_a_post_is_not_forgotten_while_the_disk_is_full(
    core_on: OpenCore, stage: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it could not be looked for."""
    core, strikes = core_on(), From(Instant("send", 1, "after"), lines=6)
    stage.fault(platform="facebook", operation="published_posts", kind="status", code=400, times=-1)
    Passing(lambda at: strikes(at) and at.kind == "line", fill).watch(monkeypatch.setattr)
    task_id = core.publish_async(None, ["facebook"], {"facebook": {"message": "It is out"}})
    reply = core.wait(task_id, WITHIN_S)
    assert strikes.begun.is_set()
    (post,) = stage.state()["facebook"]["posts"]
    assert reply == {"status": "completed", "results": {"facebook_post_id": post["id"]}}


@pytest.mark.parametrize("line", LINES[::3], ids=str)
def test_a_file_that_another_program_locks(
    core_on: OpenCore, stage: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warned: Warned, line: Instant
) -> None:
    """For longer than a writer waits; in `make soak` for the true time."""
    if not SOAK:
        monkeypatch.setattr(sqlite, "SqliteDatabase", partial(SqliteDatabase, patience_s=0.05))
    core, locked = core_on(), threading.Event()
    other = sqlite3.connect(tmp_path / "tasks.db", isolation_level=None, check_same_thread=False)

    def lock(_: Connection | None) -> None:
        other.execute("BEGIN IMMEDIATE")
        locked.set()

    Passing(replace(line, side="after").__eq__, lock).watch(monkeypatch.setattr)
    task_id = begun(core, tmp_path)
    assert locked.wait(WITHIN_S)
    if SOAK:
        time.sleep(10.0)
    else:
        either(warned.enough, core, task_id)
    other.close()
    assert_published_once(stage, core.wait(task_id, WITHIN_S))


def test_a_wrong_statement_is_not_tried_for_ever(
    core_on: OpenCore, stage: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The task is left, and the log says why; a program without the bug goes on with it."""

    def break_rules(_: Connection | None) -> None:
        raise sqlite3.IntegrityError("NOT NULL constraint failed")

    core, left = core_on(), Warned(1, "it is left where it stands")
    logging.getLogger("medusa.engine").addHandler(left)
    try:
        with monkeypatch.context() as patch:
            Passing(From(LINES[0], lines=math.inf), break_rules).watch(patch.setattr)
            task_id = begun(core, tmp_path)
            assert left.enough.wait(WITHIN_S)
        core.close(0.0)
    finally:
        logging.getLogger("medusa.engine").removeHandler(left)
    assert "has to wait" not in caplog.text
    assert "NOT NULL constraint failed" in caplog.text
    assert_published_once(stage, core_on().wait(task_id, WITHIN_S))
