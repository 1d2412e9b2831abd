"""What is shown of a step's bytes, over the calls that send them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from medusa.runner.call import RunnerCall
from medusa.runner.progress import Progress


@dataclass
class Loop:
    """A loop whose time passes when it is told to."""

    at: float = 0.0
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def time(self) -> float:
        return self.at

    def call_at(self, when: float, look: Callable[[], None]) -> object:
        self.due.append((when, look))
        return object()

    def run(self) -> None:
        """Until the next look, which is taken."""
        self.at, look = self.due.pop()
        look()


@dataclass
class Sending:
    """A call under way."""

    arrived: int


def test_an_outage_does_not_slow_what_is_shown_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, rates = Loop(), list[float]()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    call: Sending | None = Sending(0)
    progress = Progress(0.5, lambda: cast("RunnerCall | None", call), lambda _, rate: rates.append(rate))

    def send(seconds: int) -> None:
        progress.watch()
        for _ in range(2 * seconds):
            assert call
            call.arrived += 500_000
            loop.run()

    send(20)
    sent, call = call.arrived, None
    loop.run()
    loop.at += 600.0
    call = Sending(sent)
    send(2)
    assert rates[-1] == pytest.approx(1e6, rel=0.05)
