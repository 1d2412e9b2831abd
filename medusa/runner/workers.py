"""Threads of our own for adapters' calls, and whose turn it is to use one.

Not asyncio.to_thread: its pool is small, shared with the host program, and refuses work once the main thread has ended.
All threads are started with the pool, while the interpreter lives: at its exit none can be started any more.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from medusa.domain.failures import Stopped
from medusa.runner.bell import Bell, bell_of
from medusa.runner.turns import Turn, Turns

T = TypeVar("T")


class Workers:
    """Two pools: `bulk` threads carry uploads, `calls` threads everything short, so that uploads never starve posts.

    In both of them tasks take turns. One of several targets has at most three quarters of the threads, so that a
    platform whose calls hang holds up no other.
    """

    def __init__(self, bulk: int = 8, calls: int = 8, limits: Mapping[str, int | None] | None = None) -> None:
        """`limits`: each target, and how many turns it has at most in each pool; None: its share."""
        self._limits = limits or {}
        self._bulk_turns = Turns(bulk, lambda target: self._most(target, bulk))
        self._call_turns = Turns(calls, lambda target: self._most(target, calls))
        self._bulk: queue.SimpleQueue[_Asked[Any] | None] = queue.SimpleQueue()
        self._calls: queue.SimpleQueue[_Asked[Any] | None] = queue.SimpleQueue()
        self._threads = [self._start(self._bulk, f"medusa-bulk-{n}") for n in range(bulk)]
        self._threads += [self._start(self._calls, f"medusa-call-{n}") for n in range(calls)]

    def ask(self, task: str, target: str, *, bulk: bool = False, urgent: bool = False) -> Turn:
        """A turn in one of the pools; who has one calls `run`, once, and gives it back."""
        return self._turns(bulk).ask(task, target, urgent=urgent)

    def call_off(self, turn: Turn, *, bulk: bool = False) -> None:
        """Wait no longer for this turn."""
        self._turns(bulk).call_off(turn)

    def give_back(self, turn: Turn, *, bulk: bool = False) -> None:
        """The turn is over, or no longer wanted."""
        self._turns(bulk).give_back(turn)

    def _turns(self, bulk: bool) -> Turns:
        return self._bulk_turns if bulk else self._call_turns

    def _most(self, target: str, slots: int) -> int:
        limit = self._limits.get(target)
        if limit is not None:
            return min(limit, slots)
        return slots if len(self._limits) < 2 else max(1, slots * 3 // 4)

    async def run(self, work: Callable[[], T], *, bulk: bool = False) -> T:
        """The result of `work`, done in a thread; what it raises is raised here. Not ended by cancelling.

        What would end the loop, or the caller without a word, comes as a RuntimeError with its cause.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        (self._bulk if bulk else self._calls).put(_Asked(work, done, copy_context(), bell_of(loop)))
        return await done

    def close(self) -> None:
        """Let every thread end after its present work; waits for none."""
        for thread in self._threads:
            (self._bulk if thread.name.startswith("medusa-bulk") else self._calls).put(None)

    def _start(self, pending: queue.SimpleQueue[_Asked[Any] | None], name: str) -> threading.Thread:
        def serve() -> None:
            while (asked := pending.get()) is not None:
                asked.do()

        thread = threading.Thread(target=serve, name=name, daemon=True)
        thread.start()
        return thread


@dataclass(frozen=True, slots=True)
class _Asked(Generic[T]):
    """Work for a thread, and the future in a loop that waits for it."""

    work: Callable[[], T]
    done: asyncio.Future[T]
    context: Context
    bell: Bell

    def do(self) -> None:
        """Called in the thread."""
        try:
            result = self.context.run(self.work)
        except BaseException as error:
            self.bell.call(partial(self._settle, self.done.set_exception, _raisable(error)))
        else:
            self.bell.call(partial(self._settle, self.done.set_result, result))

    def _settle(self, settle: Callable[[Any], None], outcome: object) -> None:
        if not self.done.done():  # who waited may have been cancelled
            settle(outcome)


def _raisable(error: BaseException) -> BaseException:
    """What a loop can be given: a library's SystemExit would end it, a CancelledError the wait of who asked."""
    harmless = isinstance(error, Exception) and not isinstance(error, StopIteration)  # which ends a generator
    if harmless or isinstance(error, Stopped):
        return error
    raisable = RuntimeError(f"{type(error).__name__} was raised in a thread")
    raisable.__cause__ = error
    return raisable
