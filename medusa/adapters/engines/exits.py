"""The interpreter's exit waits for running tasks; Ctrl-C ends the wait.

Python's own ways are too late for that: once the main thread has ended, executors refuse new work and, on 3.12 and
later, no thread can be started. So every thread of an engine is a daemon that is started with the first task, and an
atexit function waits, which can catch Ctrl-C.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Any, Protocol


class Waiting(Protocol):
    """An engine that is waited for."""

    @property
    def pid(self) -> int:
        """The process in which its threads are."""
        ...

    def retire(self) -> None: ...

    def wait_idle(self, timeout: float | None = None) -> bool: ...

    def leave(self, grace_s: float = 10.0) -> tuple[str, ...]: ...


_engines: weakref.WeakSet[Waiting] = weakref.WeakSet()


def wait_for(engine: Waiting) -> None:
    """From now on."""
    _engines.add(engine)


def wait_no_more_for(engine: Waiting) -> None:
    """It is closed."""
    _engines.discard(engine)


def _wait_at_exit() -> None:
    engines = [engine for engine in _engines if engine.pid == os.getpid()]
    if not _was_interrupted():
        try:
            for engine in engines:
                engine.retire()
                engine.wait_idle()
            return
        except KeyboardInterrupt:
            pass
    left = [line for engine in engines for line in engine.leave()]
    if left:
        sys.stderr.write("\n".join(["Medusa was interrupted, and left:", *(f"  {line}" for line in left), ""]))


def _was_interrupted() -> bool:
    """Whether Ctrl-C has ended the program: nobody wants to wait then."""
    last: Any = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return isinstance(last, KeyboardInterrupt)


atexit.register(_wait_at_exit)
