"""Bandwidth limits, on a clock that moves only when someone waits."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from medusa.domain.bandwidth import EVERY_TARGET, UNLIMITED, Hours, Timetable
from medusa.domain.failures import MedusaError, Stopped
from medusa.runner.throttle import Throttle

MIB = 2**20


class Clock(threading.Event):
    """A steady clock; to wait on it is to move it. It is never set."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1000.0
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        self.at += timeout or 0.0
        return False


@pytest.fixture
def clock() -> Clock:
    return Clock()


def throttle(clock: Clock, tables: Mapping[str, float], **more: object) -> Throttle:
    timetables = {name: Timetable(otherwise=rate) for name, rate in tables.items()}
    return Throttle(timetables, now=lambda: clock.at, **more)  # type: ignore[arg-type]


def sent(throttle: Throttle, clock: Clock, target: str, seconds: float) -> int:
    """Bytes that one sender hands out in so many seconds."""
    end, count = clock.at + seconds, 0
    while clock.at < end:
        count += throttle.take(target, 256 * 1024, clock)
    return count


@pytest.mark.parametrize("rate", [2048.0, 100_000.0, 2.0 * MIB, 300.0 * MIB])
def test_it_keeps_its_rate_within_a_twentieth_over_five_seconds(clock: Clock, rate: float) -> None:
    assert sent(throttle(clock, {EVERY_TARGET: rate}), clock, "youtube", 5.0) == pytest.approx(5 * rate, rel=0.05)
    assert clock.waits <= 5 * max(25, rate / 256 / 1024 + 25), "it waits for its turn, it does not spin"


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    assert throttle(clock, {}).take("youtube", 256 * 1024, clock) == 256 * 1024
    assert clock.waits == 0


def test_the_narrower_limit_counts(clock: Clock) -> None:
    limits = throttle(clock, {EVERY_TARGET: 10.0 * MIB, "youtube": 1.0 * MIB})
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(5 * MIB, rel=0.05)
    limits = throttle(clock, {EVERY_TARGET: 1.0 * MIB, "youtube": 10.0 * MIB})
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(5 * MIB, rel=0.05)


class _Asleep(threading.Event):
    """Notes how long one sender would have to wait."""

    seconds = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds = timeout or 0.0
        return False


def turns(limits: Throttle, clock: Clock, targets: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(sender, bytes) as a sender for each of these targets asks, each as soon as its own wait is over."""
    asleep = _Asleep()
    due = [(clock.at, number, 0) for number in range(len(targets))]
    while True:
        clock.at, number, count = heapq.heappop(due)
        yield number, count
        asleep.seconds = 0.0
        count = limits.take(targets[number], 256 * 1024, asleep)
        heapq.heappush(due, (clock.at + asleep.seconds, number, count))


def test_those_who_share_a_limit_share_it_evenly(clock: Clock) -> None:
    shares = shared(throttle(clock, {EVERY_TARGET: 2.0 * MIB}), clock, ["youtube"] * 8)
    total, squares = sum(shares), sum(share**2 for share in shares)
    assert total**2 / (8 * squares) > 0.99, f"Jain's index of {shares}"
    assert total == pytest.approx(20 * MIB, rel=0.05)


@pytest.mark.parametrize(("own", "others"), [(0.2, 6), (0.5, 1), (0.01, 8), (1.5, 1), (0.6, 2)])
def test_a_narrow_target_gets_its_rate_among_the_others(clock: Clock, own: float, others: int) -> None:
    limits = throttle(clock, {EVERY_TARGET: 2.0 * MIB, "youtube": own * MIB})
    narrow, *wide = shared(limits, clock, ["youtube", *["vimeo"] * others])
    fair = 10 * MIB * min(own, 2.0 / (1 + others))
    assert 0.8 * fair < narrow < 1.05 * fair
    assert sum(wide) == pytest.approx(20 * MIB - narrow, rel=0.05)


def test_two_of_a_narrow_target_share_its_rate(clock: Clock) -> None:
    limits = throttle(clock, {EVERY_TARGET: 2.0 * MIB, "youtube": 0.4 * MIB})
    first, second, *_ = shared(limits, clock, ["youtube", "youtube", *["vimeo"] * 4])
    assert first + second == pytest.approx(4 * MIB, rel=0.05)
    assert first == pytest.approx(second, rel=0.2)


def shared(limits: Throttle, clock: Clock, targets: Sequence[str]) -> list[int]:
    """Bytes of a sender for each of these targets in ten seconds."""
    shares, end = [0] * len(targets), clock.at + 10.0
    for number, count in turns(limits, clock, targets):
        if clock.at >= end:
            break
        shares[number] += count
    return shares


def test_an_hour_without_sending_gives_no_burst(clock: Clock) -> None:
    limits = throttle(clock, {EVERY_TARGET: 1.0 * MIB})
    sent(limits, clock, "youtube", 1.0)
    clock.at += 3600.0
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(5 * MIB, rel=0.05)


def test_the_timetable_changes_the_rate_while_it_runs(clock: Clock) -> None:
    minute = [500]
    limits = Throttle(
        {EVERY_TARGET: Timetable((Hours(480, 1080, 1.0 * MIB),), otherwise=4.0 * MIB)},
        now=lambda: clock.at,
        minute=lambda: minute[0],
    )
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(5 * MIB, rel=0.05)
    minute[0] = 1080
    clock.at += 1.0
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(20 * MIB, rel=0.05)


def test_what_is_set_by_hand_goes_before_the_timetable(clock: Clock) -> None:
    by_hand: dict[str, float] = {}
    limits = throttle(clock, {EVERY_TARGET: 1.0 * MIB}, set_by_hand=lambda: dict(by_hand))
    sent(limits, clock, "youtube", 2.0)
    by_hand[EVERY_TARGET] = 4.0 * MIB
    clock.at += 1.0
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(20 * MIB, rel=0.05)
    by_hand[EVERY_TARGET] = UNLIMITED
    clock.at += 1.0
    assert limits.take("youtube", 256 * 1024, clock) == 256 * 1024
    assert limits.rates(("youtube",)) == {EVERY_TARGET: UNLIMITED, "youtube": UNLIMITED}


def test_what_this_process_sets_by_hand_is_seen_at_once(clock: Clock) -> None:
    by_hand: dict[str, float] = {}
    limits = throttle(clock, {}, set_by_hand=lambda: dict(by_hand))
    assert limits.take("youtube", MIB, clock) == MIB
    by_hand[EVERY_TARGET] = 1.0 * MIB
    limits.changed()
    assert limits.take("youtube", MIB, clock) < MIB


def test_a_limit_that_cannot_be_read_stays_as_it_was(clock: Clock) -> None:
    broken = [False]

    def read() -> dict[str, float]:
        if broken[0]:
            raise MedusaError("the file of tasks is locked")
        return {"youtube": 1.0 * MIB}

    limits = throttle(clock, {}, set_by_hand=read)
    sent(limits, clock, "youtube", 2.0)
    broken[0] = True
    assert sent(limits, clock, "youtube", 5.0) == pytest.approx(5 * MIB, rel=0.05)


def test_who_waits_is_stopped_at_once() -> None:
    limits = Throttle({EVERY_TARGET: Timetable(otherwise=2048.0)}, now=lambda: 0.0)
    stopped = threading.Event()
    stopped.set()
    limits.take("youtube", 256, stopped)  # the first may go at once
    with pytest.raises(Stopped):
        limits.take("youtube", 256, stopped)
