"""Who uses a thread next: tasks take turns, and no target has so many at once that the others have none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
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


_Place = tuple[bool, int, int, Turn]
"""Among those of a target: urgent ones first, then whose task had no turn for the longest time."""


class Turns:
    """Used in one event loop. Whoever waits for a turn gets one, if those that are used are given back."""

    def __init__(self, slots: int, most: Callable[[str], int]) -> None:
        """`slots`: how many turns are used at once. `most`: how many of them by one target, 1 at least."""
        self._free = slots
        self._most = most
        self._used: Counter[str] = Counter()
        self._waiting: dict[str, list[_Place]] = {}
        """Target -> a heap, in which what is done already is passed over."""
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
        if self._free and not self._waiting and self._used[target] < self._most(target):  # as nearly always
            self._serve(turn)
            return turn
        heappush(self._waiting.setdefault(target, []), self._place(turn))
        self._grant()
        return turn

    def call_off(self, turn: Turn) -> None:
        """Wait no longer for this turn; one that is granted is not touched."""
        if not turn.granted.done():
            turn.granted.set_result(False)

    def give_back(self, turn: Turn) -> None:
        """The turn is over, or no longer wanted."""
        if not turn.granted.done():
            turn.granted.cancel()
        elif not turn.granted.cancelled() and turn.granted.result():
            self._free += 1
            self._used[turn.target] -= 1
            self._grant()

    def _grant(self) -> None:
        while self._free and self._waiting:
            fit = [turn for target in tuple(self._waiting) if (turn := self._first(target))]
            if not fit:
                return
            turn = min(fit, key=self._order)
            heappop(self._waiting[turn.target])
            self._serve(turn)

    def _first(self, target: str) -> Turn | None:
        """Whose turn it is among those that wait for this target, if one may be used."""
        heap = self._waiting[target]
        while heap:
            *_, turn = place = heap[0]
            if turn.granted.done():
                heappop(heap)
            elif place != self._place(turn):  # its task has had another turn meanwhile
                heapreplace(heap, self._place(turn))
            else:
                return turn if self._used[target] < self._most(target) else None
        del self._waiting[target]
        return None

    def _place(self, turn: Turn) -> _Place:
        return not turn.urgent, self._tasks.get(turn.task, turn.number), turn.number, turn

    def _order(self, turn: Turn) -> tuple[bool, int, int, int]:
        later, task, number, _ = self._place(turn)
        return later, max(task, self._targets.get(turn.target, 0)), task, number

    def _serve(self, turn: Turn) -> None:
        self._clock += 1
        self._free -= 1
        self._used[turn.target] += 1
        self._tasks.pop(turn.task, None)
        self._tasks[turn.task] = self._targets[turn.target] = self._clock
        if len(self._tasks) > _REMEMBERED:
            del self._tasks[next(iter(self._tasks))]
        turn.granted.set_result(True)
