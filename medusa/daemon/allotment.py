"""How many unfinished tasks each caller has, so that none fills the daemon."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from medusa.daemon.errors import exhausted

RETRY_S: Final = 10


class Allotment:
    """Usable from any thread."""

    def __init__(
        self, most: int, ended: Callable[[str], bool], unfinished: Callable[[], Iterable[tuple[str, str]]]
    ) -> None:
        """`most`: tasks of one caller. `ended`: whether the task with this id is over. `unfinished`: caller and id of
        each that an earlier daemon has left; asked once.
        """
        self.most = most
        self._ended = ended
        self._unfinished: Callable[[], Iterable[tuple[str, str]]] | None = unfinished
        self._lock = threading.Lock()
        self._begun: dict[str, set[str]] = defaultdict(set)
        self._beginning: dict[str, int] = defaultdict(int)

    @contextmanager
    def one_more(self, caller: str) -> Iterator[Callable[[str], None]]:
        """Room for one task; call what it gives with the task's id. Raises Refused when there is none."""
        with self._lock:
            self._load()
            if self._count(caller) >= self.most:
                self._begun[caller] = {task_id for task_id in self._begun[caller] if not self._ended(task_id)}
            if self._count(caller) >= self.most:
                raise exhausted(f"{caller} has {self.most} unfinished tasks", RETRY_S)
            self._beginning[caller] += 1
        try:
            yield partial(self._note, caller)
        finally:
            with self._lock:
                self._beginning[caller] -= 1

    def _note(self, caller: str, task_id: str) -> None:
        with self._lock:
            self._begun[caller].add(task_id)

    def _load(self) -> None:
        if self._unfinished:
            for caller, task_id in self._unfinished():
                self._begun[caller].add(task_id)
            self._unfinished = None

    def _count(self, caller: str) -> int:
        return len(self._begun[caller]) + self._beginning[caller]
