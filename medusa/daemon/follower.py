"""One thread that follows the changes of all tasks, for all who want to know."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final, Protocol

from medusa.domain.failures import MedusaError, TaskNotFound
from medusa.domain.ports import Changed, ChangesPort
from medusa.domain.task import Task, TaskStatus

TICK_S: Final = 1.0
SWEEP_S: Final = 0.2
"""How often it is looked what other processes have changed: they do not say which tasks."""
NEWEST: Final = 100
"""How many of the newest tasks are looked at then: more are not begun elsewhere in that time."""
OPEN_TASKS: Final = 10_000
_log = logging.getLogger("medusa.daemon")


class Tasks(Protocol):
    """What the follower asks of a MedusaCore."""

    def changes(self) -> ChangesPort: ...

    def revisions(self, task_ids: Collection[str], newest: int = 0) -> dict[str, int]: ...

    def get_task(self, task_id: str) -> Task: ...

    def list_tasks(self, limit: int = 100, *, status: TaskStatus | None = None) -> tuple[Task, ...]: ...


Told = Callable[[Task | None, Task], None]
"""(as it was when it was last seen, as it is now): a greater revision, or a task that was not seen before."""
Gone = Callable[[str], None]


class Follower:
    """Tells of each task that has changed, from a thread of its own, until it is closed.

    A task that changes fast is not told of at each revision; its last one is always told. `extra`: ids of tasks that
    someone watches.
    """

    def __init__(self, tasks: Tasks, told: Iterable[Told], gone: Gone, extra: Callable[[], Iterable[str]]) -> None:
        self._tasks = tasks
        self._told = tuple(told)
        self._gone = gone
        self._extra = extra
        self._open: dict[str, Task] = {}
        self._ended: dict[str, int] = {}
        """Revisions of the newest tasks that have ended: what is told of them needs no second telling."""
        self._sweep_asked = False
        self._swept_at = 0.0
        self._closed = threading.Event()
        self._changes = tasks.changes()
        self._thread = threading.Thread(target=self._follow, name="medusa-follower", daemon=True)

    def start(self) -> None:
        """Begin with the tasks that are under way."""
        self._thread.start()

    def moved(self, tasks: Tasks) -> Follower:
        """A follower that goes on, elsewhere, where this one has closed."""
        other = Follower(tasks, self._told, self._gone, self._extra)
        other._open, other._ended = self._open, self._ended
        return other

    def close(self) -> None:
        """Tell of what has changed up to now, and then of nothing more."""
        self._closed.set()
        self._changes.close()
        self._thread.join()

    def _follow(self) -> None:
        self._carefully(self._survey)
        while not self._closed.is_set():
            patience = SWEEP_S if self._sweep_asked else TICK_S
            self._carefully(lambda: self._look_at(self._changes.wait(patience)))  # noqa: B023 - called at once
        self._carefully(lambda: self._look_at(self._changes.wait(0.0)))

    def _carefully(self, work: Callable[[], None]) -> None:
        try:
            work()
        except MedusaError as error:  # the disk is in trouble: what was missed is found by the next sweep
            self._sweep_asked = True
            _log.warning("changes of tasks cannot be read: %s", error)
            self._closed.wait(TICK_S)

    def _survey(self) -> None:
        for status in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS):  # one that begins meanwhile is not missed
            for task in self._tasks.list_tasks(OPEN_TASKS, status=status):
                self._tell(task)
        for task_id, revision in self._tasks.revisions((), NEWEST).items():
            if task_id not in self._open:
                self._ended.setdefault(task_id, revision)

    def _look_at(self, changed: Changed) -> None:
        for task_id in self._touched(changed):
            self._look(task_id)

    def _touched(self, changed: Changed) -> set[str]:
        touched = set(changed.ids)
        self._sweep_asked |= changed.others
        if self._sweep_asked and time.monotonic() - self._swept_at >= SWEEP_S:
            self._sweep_asked, self._swept_at = False, time.monotonic()
            touched |= self._swept()
        return touched

    def _swept(self) -> set[str]:
        watched = {*self._open, *self._extra()}
        found = self._tasks.revisions(watched, NEWEST)
        self._ended = {task_id: revision for task_id, revision in self._ended.items() if task_id in found}
        newer = {task_id for task_id, revision in found.items() if revision > self._known(task_id)}
        return newer | (watched - found.keys())

    def _known(self, task_id: str) -> int:
        task = self._open.get(task_id)
        return task.revision if task else self._ended.get(task_id, 0)

    def _look(self, task_id: str) -> None:
        try:
            task = self._tasks.get_task(task_id)
        except TaskNotFound:
            self._open.pop(task_id, None)
            self._gone(task_id)
        else:
            self._tell(task)

    def _tell(self, task: Task) -> None:
        if task.revision <= self._known(task.id):
            return
        before = self._open.pop(task.id, None)
        if task.ended:
            self._ended[task.id] = task.revision
        else:
            self._open[task.id] = task
        for told in self._told:
            told(before, task)
