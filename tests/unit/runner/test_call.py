"""What an adapter is lent for one call: cancelled at once, unless what it does may be taking effect."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest

from medusa.domain.failures import PlatformError, Stopped
from medusa.domain.values import Media, Span
from medusa.runner.call import RunnerCall


class Lender:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.at_last: Callable[[], None] = lambda: None

    def now(self) -> float:
        return 1234.5

    def open(self, media: Media) -> FileIO:
        return FileIO(media.uri)

    def take(self, want: int, stopped: threading.Event) -> int:
        return want

    def before_last_block(self) -> None:
        self.at_last()
        self.told.append("last")

    def budget(self, scope: str, left: float, resets_at: float) -> None:
        self.told.append((scope, left, resets_at))


@pytest.fixture
def lender() -> Lender:
    return Lender()


@pytest.fixture
def media(tmp_path: Path) -> Media:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"0123456789")
    return Media(str(path), 10, f"10:{path.stat().st_mtime_ns}:hash")


def test_it_tells_its_lender(lender: Lender) -> None:
    call = RunnerCall(lender)
    call.budget("fake:studio", 0.25, 99.0)
    assert call.now() == 1234.5
    assert lender.told == [("fake:studio", 0.25, 99.0)]


def test_nothing_is_sent_too_late(lender: Lender) -> None:
    RunnerCall(lender).check_in_time()
    RunnerCall(lender, send_by=1234.5).check_in_time()
    with pytest.raises(PlatformError, match="too slow") as caught:
        RunnerCall(lender, send_by=1234.4).check_in_time()
    assert caught.value.failure.no_effect


def test_cancel_ends_what_was_begun_and_what_begins_later(lender: Lender) -> None:
    call, ended = RunnerCall(lender), list[str]()
    call.on_cancel(lambda: ended.append("before"))
    call.cancel()
    assert ended == ["before"]
    call.on_cancel(lambda: ended.append("later"))
    assert ended == ["before", "later"]
    assert not call.given_up


def test_a_cancelled_call_reads_no_more(lender: Lender, media: Media) -> None:
    call = RunnerCall(lender, media)
    body = call.body(Span(0, 10))
    call.cancel()
    with pytest.raises(Stopped):
        body.readinto(memoryview(bytearray(5)))
    call.release()


@pytest.mark.parametrize("how", ["visible from the beginning", "from its last block on"])
def test_what_may_be_taking_effect_is_not_cancelled_but_may_be_given_up(lender: Lender, how: str) -> None:
    call, ended = RunnerCall(lender, preemptible=how != "visible from the beginning"), list[str]()
    call.on_cancel(lambda: ended.append("ended"))
    if how == "from its last block on":
        call.cannot_stop()
    call.cancel()
    assert ended == []
    call.give_up()
    assert ended == ["ended"]
    assert call.given_up


def test_a_call_that_was_cancelled_does_not_hand_out_its_last_block(lender: Lender, media: Media) -> None:
    call = RunnerCall(lender, media)
    body = call.body(Span(0, 10))

    def cancelled_just_then() -> None:
        call.cancel()
        call.cannot_stop()

    lender.at_last = cancelled_just_then
    with pytest.raises(Stopped):
        body.readinto(memoryview(bytearray(10)))
    assert "last" not in lender.told
    call.release()


def test_files_are_given_back_with_the_call(lender: Lender, media: Media) -> None:
    call = RunnerCall(lender, media)
    body = call.body(Span(0, 10))
    call.release()
    with pytest.raises(ValueError, match="closed"):
        body.readinto(memoryview(bytearray(5)))


def test_a_step_without_media_has_no_body(lender: Lender) -> None:
    with pytest.raises(AssertionError):
        RunnerCall(lender).body(Span(0, 1))
