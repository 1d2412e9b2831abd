"""The one clock of a sandbox: every expiry, quota reset, processing time and rate window reads it."""

from __future__ import annotations

import time


class Clock:
    """Real time plus what it has been moved by; it runs on by itself and is never moved back."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead

    @property
    def ahead(self) -> float:
        """Seconds by which this clock is ahead of real time."""
        return self._ahead

    def move(self, seconds: float) -> None:
        """Let `seconds` pass at once. Raises ValueError if they are negative: nothing un-expires."""
        if not seconds >= 0:
            raise ValueError("the clock moves forward only: seconds must be 0 or more")
        self._ahead += seconds

    def reset(self) -> None:
        """Back to real time."""
        self._ahead = 0.0
