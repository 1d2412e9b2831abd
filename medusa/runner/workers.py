"""Threads of our own for adapters' calls.

Not asyncio.to_thread: its pool is small, shared with the host program, and refuses work once the main thread has ended.
All threads are started with the pool, while the interpreter lives: at its exit none can be started any more.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_Work = Callable[[], None]


class Workers:
    """Two pools: `bulk` threads carry uploads, `calls` threads everything short, so that uploads never starve posts."""

    def __init__(self, bulk: int = 8, calls: int = 8) -> None:
        self._bulk: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._calls: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads = [self._start(self._bulk, f"medusa-bulk-{n}") for n in range(bulk)]
        self._threads += [self._start(self._calls, f"medusa-call-{n}") for n in range(calls)]

    async def run(self, work: Callable[[], T], *, bulk: bool = False) -> T:
        """The result of `work`, done in a thread; what it raises is raised here. Not ended by cancelling."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # T itself may be None

        def task() -> None:
            result: T | None = None
            caught: BaseException | None = None
            try:
                result = work()
            except BaseException as error:
                caught = error
            try:
                loop.call_soon_threadsafe(settle, result, caught)
            except RuntimeError:
                return  # the loop has closed: nobody waits any more

        (self._bulk if bulk else self._calls).put(task)
        return await done

    def close(self) -> None:
        """Let every thread end after its present work; waits for none."""
        for thread in self._threads:
            (self._bulk if thread.name.startswith("medusa-bulk") else self._calls).put(None)

    def _start(self, pending: queue.SimpleQueue[_Work | None], name: str) -> threading.Thread:
        def serve() -> None:
            while (work := pending.get()) is not None:
                work()

        thread = threading.Thread(target=serve, name=name, daemon=True)
        thread.start()
        return thread
