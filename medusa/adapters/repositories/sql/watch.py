"""Waiting for changes: this process's are told at once, others' are noticed within a few hundredths of a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from medusa.domain.ports import Changed, ChangesPort

T = TypeVar("T")
POLL_S: Final = 0.03
_ANY: Final = ""
"""Waits for a change of any task, where others wait for one."""


class Watchers:
    """Threads that wait. One of them looks for the changes of other processes, for all."""

    def __init__(self, changed_elsewhere: Callable[[], bool]) -> None:
        """`changed_elsewhere`: cheap, and called by one thread at a time."""
        self._changed_elsewhere = changed_elsewhere
        self._condition = threading.Condition()
        self._everything = 0
        self._rung: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._looking = False
        self._changes: set[_Changes] = set()

    def ring(self, task_id: str) -> None:
        """Something of this task has changed."""
        if not self._waiting and not self._changes:  # who begins to wait looks at once
            return
        with self._condition:
            for changes in self._changes:
                changes.changed.add(task_id)
            for waiting in {task_id, _ANY} & self._waiting.keys():
                self._rung[waiting] = self._rung.get(waiting, 0) + 1
                self._condition.notify_all()

    def ring_all(self) -> None:
        """Anything may have changed."""
        with self._condition:
            self._everything += 1
            self._condition.notify_all()

    def changes(self) -> ChangesPort:
        """All that changes from now on, for one reader."""
        with self._condition:
            changes = _Changes(self, self._everything)
            self._changes.add(changes)
        return changes

    def taken(self, changes: _Changes) -> Changed | None:
        """What has changed since it was last taken; None when nothing has."""
        with self._condition:
            found = Changed(frozenset(changes.changed), others=changes.seen != self._everything)
            changes.changed.clear()
            changes.seen = self._everything
        return found if found.ids or found.others or changes.closed else None

    def any(self, changes: _Changes, timeout: float | None) -> Changed:
        """What has changed, as soon as something has; nothing when `timeout` s have passed."""
        return self.until(_ANY, lambda: self.taken(changes), timeout) or Changed()

    def forget(self, changes: _Changes) -> None:
        """Collect no more for it, and let its reader go."""
        with self._condition:
            self._changes.discard(changes)
            changes.closed = True
            if _ANY in self._waiting:
                self._rung[_ANY] = self._rung.get(_ANY, 0) + 1
                self._condition.notify_all()

    def until(self, task_id: str, look: Callable[[], T | None], timeout: float | None) -> T | None:
        """What `look` finds, which is called at once and after each change; None when `timeout` s have passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            self._waiting[task_id] = self._waiting.get(task_id, 0) + 1
        try:
            while True:
                seen = self._state(task_id)
                found = look()
                if found is not None or not self._wait(task_id, seen, deadline):
                    return found
        finally:
            self._leave(task_id)

    def _state(self, task_id: str) -> tuple[int, int]:
        return self._everything, self._rung.get(task_id, 0)

    def _leave(self, task_id: str) -> None:
        with self._condition:
            self._waiting[task_id] -= 1
            if not self._waiting[task_id]:
                del self._waiting[task_id]
                self._rung.pop(task_id, None)

    def _wait(self, task_id: str, seen: tuple[int, int], deadline: float | None) -> bool:
        """Until there may be something new; False when it is too late."""
        with self._condition:
            mine = not self._looking
            self._looking = True
            try:
                while self._state(task_id) == seen:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        return False
                    if not mine and not self._looking:
                        mine = self._looking = True
                    self._condition.wait(_shorter(left) if mine else left)
                    if mine and self._changed_elsewhere():
                        self._everything += 1
                        self._condition.notify_all()
            finally:
                if mine:
                    self._looking = False
                    self._condition.notify_all()  # another one looks from now on
        return True


class _Changes:
    """ChangesPort over the watchers of a repository."""

    def __init__(self, watchers: Watchers, seen: int) -> None:
        self._watchers = watchers
        self.changed: set[str] = set()
        self.seen = seen
        self.closed = False

    def wait(self, timeout: float | None) -> Changed:
        return self._watchers.any(self, timeout)

    def close(self) -> None:
        self._watchers.forget(self)


def _shorter(left: float | None) -> float:
    return POLL_S if left is None else min(left, POLL_S)
