"""As many uploads seal and send at once as there are cores, in turn.

A thread that seals gives Python's lock back for each record, a few microseconds long, and has to get it again. With
more threads than cores that is a wait and two switches a record, and costs more than the sealing.
"""

from __future__ import annotations

import os
import threading
from collections import deque


class Cores:
    """Context manager: a core of one's own. Whoever came first is next."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # until it is released by who leaves

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


CORES = Cores(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
"""Of this process."""
