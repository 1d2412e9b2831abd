"""Waiting for what is being saved, while the loop goes on with other tasks: their saves then share one commit."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


async def kept(saving: Future[T]) -> T:
    """What saving gives, once it is done for good. Raises what kept it from that."""
    if not saving.done():  # in memory it always is
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        bell = _bells.setdefault(loop, _Bell())
        saving.add_done_callback(lambda _: bell.ring(waiting))
        await waiting
    return saving.result()


class _Bell:
    """Wakes one loop once for all that was done together: for each by itself it costs as much as saving does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: list[asyncio.Future[None]] = []

    def ring(self, waiting: asyncio.Future[None]) -> None:
        """What it waits for is done."""
        with self._lock:
            self._done.append(waiting)
            if len(self._done) > 1:
                return
        with suppress(RuntimeError):  # the loop has closed: nobody waits any more
            waiting.get_loop().call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        with self._lock:
            done, self._done = self._done, []
        for waiting in done:
            if not waiting.done():  # who waited may have been cancelled
                waiting.set_result(None)


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = WeakKeyDictionary()
