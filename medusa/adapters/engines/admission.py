"""Which tasks are active: the oldest of each target, so many as are of use. The rest waits, and costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

ACTIVE: Final = 100
"""So many tasks of one target are active at once: more than can move, as most of them wait for something."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A task that wants to be let in."""

    since: float
    """Its place: when it was asked for, epoch seconds."""
    task_id: str
    targets: tuple[str, ...] = field(compare=False)
    """Sorted: a task gets its place at one target after the other, and in one order, so that none waits for ever."""


class Admission:
    """Used by one thread."""

    def __init__(self, let_in: Callable[[str], None], active: int = ACTIVE) -> None:
        """`let_in` is told each task's id as soon as it may run. `active`: how many tasks of a target run at once."""
        self._let_in = let_in
        self._most = active
        self._active: Counter[str] = Counter()
        self._waiting: dict[str, list[Entry]] = {}
        """Target -> a heap of those that wait for a place at it."""
        self._places: dict[str, list[str]] = {}
        """Task -> the targets at which it has a place."""
        self._outside: set[str] = set()

    def enter(self, entry: Entry) -> None:
        """Let the task in, now or when it is its turn."""
        self._places[entry.task_id] = []
        self._outside.add(entry.task_id)
        self._go_on(entry)

    def hurry(self, task_id: str) -> None:
        """Let the task in at once, if it waits: it is only to be ended, or to rest."""
        if task_id in self._outside:
            self._admit(task_id)

    def close(self) -> None:
        """Let nobody in any more."""
        self._outside.clear()

    def leave(self, task_id: str) -> None:
        """The task is active no more."""
        self._outside.discard(task_id)
        for target in self._places.pop(task_id, ()):
            self._active[target] -= 1
            self._fill(target)

    def _go_on(self, entry: Entry) -> None:
        places = self._places[entry.task_id]
        for target in entry.targets[len(places) :]:
            if self._active[target] >= self._most:
                heappush(self._waiting.setdefault(target, []), entry)
                return
            self._active[target] += 1
            places.append(target)
        self._admit(entry.task_id)

    def _admit(self, task_id: str) -> None:
        self._outside.discard(task_id)
        self._let_in(task_id)

    def _fill(self, target: str) -> None:
        waiting = self._waiting.get(target, [])
        while waiting and self._active[target] < self._most:
            entry = heappop(waiting)
            if entry.task_id in self._outside:  # one that was in a hurry has left its entry behind
                self._go_on(entry)
