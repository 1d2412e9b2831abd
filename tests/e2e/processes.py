"""Starts and ends the processes of `child.py`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from tests.e2e.child import Answer, Order

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
"""Far more than a process needs: one that hangs fails the test."""


class Processes:
    """Carries out orders, each in a process of its own, one after the other: all are forked from one that is ready."""

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        """`prefix`: a command that runs them, for example a tracer."""
        self._ready = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.e2e.child"],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._ready.stdin
        assert self._ready.stdout
        self._orders, self._numbers = self._ready.stdin, self._ready.stdout
        self._running: int | None = None

    def start(self, order: Order) -> int:
        """The number of the process that carries it out."""
        self._orders.write(f"{json.dumps(asdict(order))}\n")
        self._orders.flush()
        self._running = self._number()
        return self._running

    def has_ended(self) -> bool:
        """Whether the process that was started last is over."""
        return bool(select.select([self._numbers], [], [], 0)[0])

    def end(self, pid: int) -> int:
        """The process's exit status, negative for a signal. Kills it and fails if it takes too long."""
        late = not select.select([self._numbers], [], [], WITHIN_S)[0]
        if late:
            os.kill(pid, signal.SIGKILL)
        status, self._running = self._number(), None
        assert not late, "it has not ended"
        return status

    def carry_out(self, order: Order) -> Answer | None:
        """What it answers, or None when it was killed. Raises AssertionError when it did not end well."""
        return self.answer(order, self.start(order))

    def answer(self, order: Order, pid: int) -> Answer | None:
        """The same, of a process that was started."""
        status = self.end(pid)
        said = Path(order.out).read_text()
        if status == -signal.SIGKILL:
            return None
        assert status == 0, said
        return Answer(**json.loads(said))

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._running is not None:
            os.kill(self._running, signal.SIGKILL)
        self._orders.close()
        self._ready.wait()
        self._numbers.close()

    def _number(self) -> int:
        return int(self._numbers.readline())
