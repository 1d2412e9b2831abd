"""Bandwidth limits: whoever sends asks here for its next bytes, and waits for its turn.

Each limit is a line of time on which grains are booked one after the other, so that those who share it take turns. A
grain is small against the seconds over which a limit is judged, and large against the cost of a wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from medusa.domain.bandwidth import EVERY_TARGET, UNLIMITED, Timetable
from medusa.domain.failures import MedusaError, Stopped

GRAIN_S: Final = 0.05
"""A grain takes so long at the limit's rate."""
AHEAD_S: Final = 1.0
"""A target that has a narrower limit of its own books at most so many seconds of it ahead on the one that it shares."""
CREDIT_S: Final = 0.1
"""What a sender missed by being late, it may make up for within so many seconds."""
LOOK_EVERY_S: Final = 1.0
"""How soon a change of a limit, or of the hour, is seen."""
_LEAST: Final = 256
"""Bytes of a grain."""


@dataclass(slots=True)
class _Line:
    """One limit: when its next grain may go."""

    rate: float = UNLIMITED
    """Bytes a second."""
    free: float = 0.0
    """Seconds of the steady clock."""
    ahead: int = 0
    """Bytes of this target that are booked already on the limit that it shares."""

    def book(self, now: float, count: int) -> float:
        """When `count` bytes may go."""
        if self.rate == UNLIMITED:
            return now
        at = max(self.free, now - CREDIT_S)
        self.free = at + count / self.rate
        return at


def _book_shared(shared: _Line, own: _Line, now: float, count: int, want: int) -> float:
    """When `count` bytes of a target may go by the limit that it shares.

    Turns are even only if all book as much in theirs: a target with a narrower limit of its own, which sends in smaller
    grains, books several of them at once.
    """
    at = now
    if own.ahead < count:
        turn = max(count, int(min(want, shared.rate * GRAIN_S, own.rate * AHEAD_S)))
        at = shared.book(now, turn)
        own.ahead += turn
    own.ahead -= count
    return at


def _minute_of_day() -> int:
    local = time.localtime()
    return local.tm_hour * 60 + local.tm_min


@dataclass
class Throttle:
    """The limits of this process: one for all targets together, and one each. Usable from any thread."""

    timetables: Mapping[str, Timetable] = field(default_factory=dict)
    """Target key, or EVERY_TARGET -> what the configuration says."""
    set_by_hand: Callable[[], Mapping[str, float]] = dict
    """Target key, or EVERY_TARGET -> bytes a second, in place of the timetable."""
    now: Callable[[], float] = time.monotonic
    minute: Callable[[], int] = _minute_of_day

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._looked_at = float("-inf")
        self._by_hand: Mapping[str, float] = {}

    def take(self, target: str, want: int, stopped: threading.Event) -> int:
        """So many bytes, `want` at most, may go now; waits for that. Raises Stopped as soon as `stopped` is set."""
        with self._lock:
            now = self.now()
            shared, own = self._present(target, now)
            rate = min(shared.rate, own.rate)
            if rate == UNLIMITED:
                return want
            count = min(want, max(_LEAST, int(rate * GRAIN_S)))
            at = max(own.book(now, count), _book_shared(shared, own, now, count, want))
        if at > now and stopped.wait(at - now):
            raise Stopped
        return count

    def changed(self) -> None:
        """A limit was set by this process: it is seen at once."""
        with self._lock:
            self._looked_at = float("-inf")

    def rates(self, targets: tuple[str, ...]) -> dict[str, float]:
        """The bytes a second that hold now, for all targets together (EVERY_TARGET) and for each."""
        with self._lock:
            self._looked_at = float("-inf")
            for target in targets:
                self._present(target, self.now())
            return {name: self._line(name).rate for name in (EVERY_TARGET, *targets)}

    def _present(self, target: str, now: float) -> tuple[_Line, _Line]:
        lines = self._line(EVERY_TARGET), self._line(target)
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return lines

    def _look(self) -> None:
        minute = self.minute()
        with suppress(MedusaError):  # what was read last still holds
            self._by_hand = self.set_by_hand()
        for name, line in self._lines.items():
            line.rate = self._by_hand.get(name, self.timetables.get(name, Timetable()).rate(minute))

    def _line(self, name: str) -> _Line:
        if name not in self._lines:
            self._looked_at = float("-inf")
            self._lines[name] = _Line()
        return self._lines[name]
