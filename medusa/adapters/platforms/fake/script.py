"""What a test has told the fake platform to do to chosen exchanges."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from medusa.domain.failures import Stopped
from medusa.domain.ports import Call


class Held:
    """One exchange that waits: `arrived` is set as soon as it does."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._go = threading.Event()
        self._cancelled = False

    def release(self) -> None:
        """Let it go on."""
        self._go.set()

    def wait(self, call: Call) -> None:
        """Returns when released. Raises Stopped when `call` is cancelled before."""
        call.on_cancel(self._cancel)
        self.arrived.set()
        self._go.wait()
        if self._cancelled:
            raise Stopped

    def _cancel(self) -> None:
        self._cancelled = not self._go.is_set()
        self._go.set()


@dataclass(slots=True)
class Script:
    """Fails or holds `times` exchanges of `operation`, once `skip` others have passed."""

    operation: str
    after: bool
    times: int
    skip: int
    error: BaseException | None = None
    held: Held | None = None

    def strikes(self, operation: str) -> bool:
        """Count one exchange; whether this script is about it."""
        if self.operation not in ("*", operation) or self.times == 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True

    def act(self, call: Call) -> None:
        """Wait, or raise."""
        if self.held:
            self.held.wait(call)
        if self.error:
            raise self.error
