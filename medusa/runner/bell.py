"""Calls into a loop from other threads: many with one wake-up, which costs as much as what they do."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakKeyDictionary

_log = logging.getLogger("medusa.runner")


class Bell:
    """One loop's. Calls are made in the order in which they were asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wake = loop.call_soon_threadsafe
        self._calls: deque[Callable[[], None]] = deque()
        self._rung = False

    def call(self, work: Callable[[], None]) -> None:
        """Let the loop call `work`, soon; never if it has closed. From any thread."""
        self._calls.append(work)
        if not self._rung:  # else who has rung it finds this too: it is reset before the calls are taken
            self._rung = True
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._wake(self._answer)

    def _answer(self) -> None:
        self._rung = False
        while self._calls:
            call = self._calls.popleft()
            try:
                call()
            except Exception:  # the calls behind it are others', and nobody else would ring for them
                _log.exception("a call into the loop failed")


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def bell_of(loop: asyncio.AbstractEventLoop) -> Bell:
    """The loop's bell. Called in that loop."""
    bell = _bells.get(loop)
    if bell is None:
        bell = _bells[loop] = Bell(loop)
    return bell
