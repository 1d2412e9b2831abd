"""What a step's calls are lent, and tell. Used in the adapters' threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import FileIO

from medusa.domain.task import Step
from medusa.domain.values import Media
from medusa.runner.limits import Limits
from medusa.runner.ports import RunnerPorts


class Lent:
    """Lender of one step's calls."""

    def __init__(self, ports: RunnerPorts, step: Step, limits: Limits, before_last_block: Callable[[], None]) -> None:
        """`before_last_block` is called before the block is handed out with which what is sent may be all there."""
        self._ports = ports
        self._key = step.key
        self._target = step.target or ""
        self._limits = limits
        self.before_last_block = before_last_block

    def now(self) -> float:
        """Epoch seconds."""
        return self._ports.now()

    def take(self, want: int, stopped: threading.Event) -> int:
        """So many of the next bytes may go now; waits for that."""
        return self._ports.throttle.take(self._target, want, stopped)

    def open(self, media: Media) -> FileIO:
        """The media's file, if it has not changed. Raises MediaError."""
        return self._ports.probe.open(media)

    def budget(self, scope: str, left: float, resets_at: float) -> None:
        """A rate header was seen."""
        self._limits.near(scope, left, resets_at)

    def rivals(self) -> tuple[Step, ...]:
        """The other steps that may be out, of targets with the same account, or one that is not known here."""
        own, known = self._ports.adapters.scopes(self._target), set(self._ports.adapters.keys())
        alike = {key for key in known if self._ports.adapters.scopes(key) == own}
        others = (step for step in self._ports.repository.in_doubt() if step.key != self._key)
        return tuple(step for step in others if step.target in alike or step.target not in known)

    def taken(self, id_: str) -> bool:
        """Whether another step has published this."""
        return self._ports.repository.publisher_of(id_) not in (None, self._key)
