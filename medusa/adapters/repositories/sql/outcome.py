"""What a change that waits for its commit comes to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_log = logging.getLogger("medusa.repository")


class Outcome(Generic[T]):
    """Pending. A concurrent.futures.Future can be called off as well, and costs five times as much: there are many."""

    __slots__ = ("_answer", "_callbacks", "_error", "_lock", "_settled")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Any], object]] = []
        self._settled = False
        self._answer: Any = None
        self._error: Exception | None = None

    def settle(self, answer: T | None = None, error: Exception | None = None) -> None:
        """It is over: with this answer, unless there is an error. Called once."""
        with self._lock:
            self._answer, self._error = answer, error
            self._settled = True
        for callback in self._callbacks:
            self._tell(callback)
        self._callbacks.clear()

    def done(self) -> bool:
        return self._settled

    def result(self, timeout: float | None = None) -> T:
        error = self.exception(timeout)
        if error is not None:
            raise error
        answer: T = self._answer
        return answer

    def exception(self, timeout: float | None = None) -> Exception | None:
        if not self._settled:
            self._wait(timeout)
        return self._error

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        with self._lock:
            if not self._settled:
                self._callbacks.append(callback)
                return
        self._tell(callback)

    def _wait(self, timeout: float | None) -> None:
        gate = threading.Lock()
        gate.acquire()
        self.add_done_callback(lambda _: gate.release())
        if not gate.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError

    def _tell(self, callback: Callable[[Any], object]) -> None:
        """Whoever it is, the others are told as well."""
        try:
            callback(self)
        except Exception:
            _log.exception("who waited for a change could not be told of it")
