"""How fast a step's bytes arrive: steady enough to read, quick enough to show a stall."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp
from typing import Final

MEMORY_S: Final = 4.0
"""What moved so many seconds ago counts for a third of what moves now; and so do the rates that were found then."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Bytes and seconds, older ones counting less and less. Their ratio needs no start-up correction.

    A peer acknowledges in lumps, once in a second or so: what is told is the mean of that ratio over the same memory,
    or the time left would swing with each lump.
    """

    at: float
    """Seconds of any steady clock, when it was last looked at."""
    done: int
    """Bytes that had arrived then."""
    moved: float = 0.0
    took: float = 0.0
    swept: float = 0.0
    """The ratios so far, each by the seconds for which it held."""

    @property
    def rate(self) -> float:
        """Bytes a second; 0.0 while none have moved."""
        return self.swept / self.took if self.took > 0 else 0.0

    def resumed(self, now: float) -> Pace:
        """Nothing was sending until now: that time says nothing about how fast it goes."""
        return replace(self, at=now)

    def seen(self, now: float, done: int) -> Pace:
        """Now `done` bytes have arrived. When that is fewer than before, the count begins anew, and the rate stays."""
        passed = max(now - self.at, 0.0)
        fades = exp(-passed / MEMORY_S)
        more = done - self.done
        if more < 0:
            return replace(self, at=now, done=done)
        moved, took = self.moved * fades + more, self.took * fades + passed
        ratio = moved / took if took > 0 else 0.0
        return Pace(now, done, moved, took, self.swept * fades + ratio * passed)
