"""What is not finished here, and who waits for that."""

from __future__ import annotations

import threading
from collections import Counter


class Unfinished:
    """Names of tasks, each for as often as it was added: it may be asked for again before its run has ended.

    Usable from any thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._names: Counter[str] = Counter()

    @property
    def names(self) -> frozenset[str]:
        with self._changed:
            return frozenset(self._names)

    def add(self, name: str) -> None:
        with self._changed:
            self._names[name] += 1

    def remove(self, name: str) -> None:
        """Once."""
        with self._changed:
            self._names[name] -= 1
            self._names = +self._names
            self._changed.notify_all()

    def wait_until_finished(self, name: str, timeout: float | None) -> bool:
        """Whether this one is finished within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: name not in self._names, timeout)

    def wait_until_idle(self, timeout: float | None) -> bool:
        """Whether nothing is left within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._names, timeout)
