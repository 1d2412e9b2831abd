"""Who uses a thread next: tasks take turns, and no target has so many at once that the others have none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_REMEMBERED: Final = 10_000
"""So many tasks keep their place in the round while they want nothing: those that rest, for example."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A wait for a thread, and the use of it."""

    task: str
    target: str
    urgent: bool
    number: int
    granted: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done once there is a thread; False when the wait was called off."""


class Turns:
    """Used in one event loop. Whoever waits for a turn gets one, if those that are used are given back."""

    def __init__(self, slots: int, most: Callable[[str], int]) -> None:
        """`slots`: how many turns are used at once. `most`: how many of them by one target, 1 at least."""
        self._free = slots
        self._most = most
        self._used: Counter[str] = Counter()
        self._waiting: list[Turn] = []
        self._clock = 0
        self._tasks: dict[str, int] = {}
        """Task -> when it last had a turn, or first asked for one; in that order."""
        self._targets: dict[str, int] = {}

    def ask(self, task: str, target: str, *, urgent: bool = False) -> Turn:
        """A turn, granted now or later: an urgent one before all others, else the one that has waited longest.

        That is the one whose task, and whose target, had no turn for the longest time.
        """
        self._clock += 1
        self._tasks.setdefault(task, self._clock)
        turn = Turn(task, target, urgent, self._clock)
        self._waiting.append(turn)
        self._grant()
        return turn

    def call_off(self, turn: Turn) -> None:
        """Wait no longer for this turn; one that is granted is not touched."""
        if turn in self._waiting and not turn.granted.done():
            self._waiting.remove(turn)
            turn.granted.set_result(False)

    def give_back(self, turn: Turn) -> None:
        """The turn is over, or no longer wanted."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.granted.done() and not turn.granted.cancelled() and turn.granted.result():
            self._free += 1
            self._used[turn.target] -= 1
            self._grant()

    def _grant(self) -> None:
        while self._free:
            fit = [turn for turn in self._waiting if self._is_fit(turn)]
            if not fit:
                return
            turn = min(fit, key=self._order)
            self._waiting.remove(turn)
            self._free -= 1
            self._used[turn.target] += 1
            self._serve(turn)

    def _is_fit(self, turn: Turn) -> bool:
        return self._used[turn.target] < self._most(turn.target) and not turn.granted.cancelled()

    def _order(self, turn: Turn) -> tuple[bool, int, int, int]:
        task = self._tasks.get(turn.task, turn.number)
        return not turn.urgent, max(task, self._targets.get(turn.target, 0)), task, turn.number

    def _serve(self, turn: Turn) -> None:
        self._clock += 1
        self._tasks.pop(turn.task, None)
        self._tasks[turn.task] = self._targets[turn.target] = self._clock
        if len(self._tasks) > _REMEMBERED:
            del self._tasks[next(iter(self._tasks))]
        turn.granted.set_result(True)
