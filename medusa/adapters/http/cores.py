"""As many uploads seal and send at once as there are cores to do it.

A thread that seals and sends gives Python's lock away for some tens of microseconds at a time, and has to get it back.
With more such threads than cores each of these is a wait and two switches, and costs more than the work itself.
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

    def taken(self) -> bool:
        """Whether there is none left. It may be otherwise at once."""
        return not self._free

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


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


CORES = Cores(max(_available() - 1, 1))
"""Those of this process but one, which the loop, the saves and the reading of files have for themselves."""
