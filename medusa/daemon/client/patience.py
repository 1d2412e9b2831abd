"""Whether and when a call that failed is tried again."""

from __future__ import annotations

import random
import time
from typing import Any, Final

import grpc

from medusa.daemon.client.errors import answered, retry_after_s

FIRST_S: Final = 0.1
LONGEST_S: Final = 3.0
GIVE_UP_AFTER_S: Final = 60.0
"""A daemon that is restarted is back well before; a watcher that has heard nothing for so long is told."""
BROKEN: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""The daemon is away or going; gRPC's core cancels streams of which too many are opened at once."""


class Patience:
    """The pauses between the tries of one call, with jitter: a thousand watchers do not come back at one instant."""

    def __init__(self, *, reached: bool) -> None:
        """`reached`: the daemon was there before, so that it may come back; otherwise its absence is told at once."""
        self._reached = reached
        self._begin()

    def moved(self) -> None:
        """It got further: what went wrong before counts no more."""
        self._reached = True
        self._begin()

    def _begin(self) -> None:
        self._bound = FIRST_S
        self._until = time.monotonic() + GIVE_UP_AFTER_S

    def pause(self, error: Any) -> float | None:
        """Seconds after which to try again; None: not at all."""
        absent = error.code() is grpc.StatusCode.UNAVAILABLE and not (self._reached or answered(error))
        if error.code() not in BROKEN or absent or time.monotonic() > self._until:
            return None
        bound, self._bound = self._bound, min(2 * self._bound, LONGEST_S)
        return max(random.uniform(bound / 2, bound), retry_after_s(error) or 0.0)  # noqa: S311  # no secret
