"""What waits for a change is told once, whenever it asks."""

from __future__ import annotations

import threading

import pytest

from medusa.adapters.repositories.sql.outcome import Outcome

PATIENCE_S = 20.0


def test_who_waits_gets_the_answer() -> None:
    outcome = Outcome[int]()
    threading.Timer(0.0, outcome.settle, (7,)).start()
    assert outcome.result(PATIENCE_S) == 7
    assert outcome.exception() is None
    assert outcome.done()


def test_who_waits_gets_the_error() -> None:
    outcome = Outcome[int]()
    threading.Timer(0.0, outcome.settle, (), {"error": ValueError("full")}).start()
    with pytest.raises(ValueError, match="full"):
        outcome.result(PATIENCE_S)
    assert str(outcome.exception()) == "full"


def test_who_has_waited_long_enough_is_told_so() -> None:
    outcome = Outcome[int]()
    with pytest.raises(TimeoutError):
        outcome.result(0.0)
    assert not outcome.done()


def test_all_are_told_in_their_order_and_a_late_one_at_once(caplog: pytest.LogCaptureFixture) -> None:
    outcome, told = Outcome[int](), list[str]()

    def fails(_: object) -> None:
        told.append("fails")
        raise ValueError("no")

    outcome.add_done_callback(fails)
    outcome.add_done_callback(lambda one: told.append(f"second {one.result()}"))
    outcome.settle(7)
    outcome.add_done_callback(lambda _: told.append("late"))
    assert told == ["fails", "second 7", "late"]
    assert "could not be told" in caplog.text
