"""Tasks on disk: they outlive the process, and all processes of the machine share them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from medusa.adapters.repositories.sql.changes import Changes, Wish
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.ends import Ends
from medusa.adapters.repositories.sql.holders import Holders, Release
from medusa.adapters.repositories.sql.key import KeyPlace, opened
from medusa.adapters.repositories.sql.live import LiveTasks
from medusa.adapters.repositories.sql.poll import Poll
from medusa.adapters.repositories.sql.query import page, revisions
from medusa.adapters.repositories.sql.retention import Retention, counted
from medusa.adapters.repositories.sql.rows import StepRows
from medusa.adapters.repositories.sql.saves import Saved, StepSaver, StepsSave
from medusa.adapters.repositories.sql.standing import Standings
from medusa.adapters.repositories.sql.store import Store
from medusa.adapters.repositories.sql.sweep import Sweep
from medusa.adapters.repositories.sql.watch import Watchers
from medusa.domain import pipeline
from medusa.domain.failures import StorageFailed, TaskNotFound
from medusa.domain.ports import ChangesPort, Pending
from medusa.domain.task import Step, Task, TaskStatus

_STAMP: Final = "SELECT epoch, revision FROM tasks WHERE id = ?"


class SqlRepository:
    """TaskRepositoryPort over an SQL database, which it closes in the end."""

    shared = True

    def __init__(
        self,
        store: Store,
        key: KeyPlace,
        *,
        keep_finished: int | None = 1000,
        keep_days: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`key`: where the key for what gives access to accounts lies, which is made on first use.

        `keep_finished`, `keep_days`: past so many finished tasks, or so many days after its end, a task is dropped, the
        one that finished first before others; None keeps them. Raises ConfigError when the key is not the right one.
        """
        self._store = store
        self._holders = Holders(store)
        self._poll = Poll(store.database)
        self._watchers = Watchers(self._poll.changed)
        try:
            shared = store.database.shared
            self._rows = StepRows(store.write(lambda connection: opened(connection, key, shared=shared)))
        except BaseException:
            self.close()
            raise
        retention = Retention(keep_finished, keep_days, now)
        self._live = LiveTasks()
        sweep = Sweep(self._rows, self._live.forget, now)
        known, ends = Standings(), Ends(self._rows, retention, sweep)
        self._changes = Changes(self._rows, known, ends, self._holders, now)
        self._saver = StepSaver(self._rows, known, ends, now)
        store.when_undone(known.forget_all)
        store.when_undone(sweep.again)
        store.when_elsewhere(known.doubt_all)
        store.write_soon(sweep)

    # ------------------------------------------------------------ keeping

    def create(self, task: Task, key: str | None = None, fingerprint: str = "") -> str:
        try:
            work = partial(self._changes.create, task=task, key=key, fingerprint=fingerprint)
            kept = self._store.write(work, of=task.id)
        except StorageFailed as error:
            if not error.unsure or not self._is_kept_all_the_same(task.id, error):
                raise
            kept = task.id
        if kept == task.id:
            self._live.created(task)
        self._watchers.ring(kept)
        return kept

    def _is_kept_all_the_same(self, task_id: str, error: StorageFailed) -> bool:
        """The line broke, perhaps in the commit: it is looked where nobody writes any more on the server's side."""
        try:
            return self._store.write(lambda connection: connection.row(_STAMP, task_id)) is not None
        except StorageFailed:
            raise StorageFailed(f"{error}; whether task {task_id} is kept all the same cannot be told now") from None

    def get(self, task_id: str) -> Task:
        return self._standing(task_id, *self._stamp(task_id))

    def carried(self, task_id: str) -> Task:
        return self._live.task(task_id) or self.get(task_id)

    def recent(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]:
        with self._store.reading() as connection:
            rows = page(connection, limit, before, status=status, target=target, since=since)
            return tuple(self._seen(connection, self._rows.task(connection, row, to_carry=False)) for row in rows)

    def revisions(self, task_ids: Collection[str], newest: int = 0) -> dict[str, int]:
        with self._store.reading() as connection:
            return revisions(connection, tuple(task_ids), newest)

    def counts(self) -> dict[str, int]:
        with self._store.reading() as connection:
            return counted(connection)

    def unfinished(self) -> tuple[str, ...]:
        asked = (
            "SELECT id, holder FROM tasks WHERE status IN ('pending', 'in_progress')"
            " AND (paused = 0 OR cancel_asked = 1"
            " OR EXISTS (SELECT 1 FROM steps WHERE task_id = tasks.id AND state = 'running')) ORDER BY seq"
        )
        with self._store.reading() as connection:
            held = self._holders.others_alive(connection)
            return tuple(task_id for task_id, holder in connection.rows(asked) if holder not in held)

    def in_doubt(self) -> tuple[Step, ...]:
        with self._store.reading() as connection:
            return tuple(self._rows.in_doubt(connection))

    def publisher_of(self, id_: str) -> str | None:
        row = self._store.row("SELECT step_key FROM steps WHERE published = ?", id_)
        return None if row is None else str(row[0])

    def called_off(self) -> dict[str, bool]:
        with self._store.reading() as connection:
            found = self._holders.called_off(connection)
        for task_id in found:
            self._live.forget(task_id)
        return found

    def save_step(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        self.save_step_soon(task_id, step, epoch, announce).result()

    def save_step_soon(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> Pending[None]:
        save = StepsSave(self._saver.save, self._tell, task_id, epoch, {step.key: step}, int(announce))
        return self._store.save_soon(save)

    def _tell(self, task_id: str, saved: Saved) -> None:
        self._live.saved(task_id, saved)
        if saved.announced:
            self._watchers.ring(task_id)

    # ------------------------------------------------------------ what users ask of a task

    def ask_cancel(self, task_id: str) -> bool:
        return self._asked(task_id, "cancel_asked", True)

    def set_paused(self, task_id: str, paused: bool) -> bool:
        return self._asked(task_id, "paused", paused)

    def reopen(self, task: Task) -> Task:
        reopened = self._store.write(lambda connection: self._changes.reopen(connection, task))
        self._watchers.ring(task.id)
        return reopened

    def delete(self, task_id: str) -> None:
        self._store.write(lambda connection: self._changes.delete(connection, task_id))
        self._watchers.ring(task_id)

    # ------------------------------------------------------------ one writer, many watchers

    def take(self, task_id: str, *, force: bool = False) -> int:
        return self._taken(task_id, force).result()

    def take_soon(self, task_id: str) -> Pending[int]:
        return self._taken(task_id, force=False)

    def _taken(self, task_id: str, force: bool) -> Pending[int]:
        own = self._holders.own()
        work = partial(self._changes.take, task_id=task_id, own=own, force=force)
        taken = self._store.write_soon(work, of=task_id)
        taken.add_done_callback(partial(self._follow, task_id))
        return taken

    def _follow(self, task_id: str, taken: Pending[int]) -> None:
        if taken.exception() is None:
            self._live.follow(task_id, taken.result())

    def release(self, task_id: str) -> None:
        self.release_soon(task_id).result()

    def release_soon(self, task_id: str) -> Pending[None]:
        return self._store.save_soon(Release(self._changes.release, task_id))

    def wait(self, task_id: str, after_revision: int, timeout: float | None) -> Task | None:
        """Raises TaskNotFound, also when the task is dropped meanwhile."""
        return self._watchers.until(task_id, lambda: self._newer(task_id, after_revision), timeout)

    def changes(self) -> ChangesPort:
        return self._watchers.changes()

    def close(self) -> None:
        """Write what was asked for, release all tasks, and give all files back. Who waits is told."""
        self._store.close(last=self._holders.leave)
        self._watchers.ring_all()
        self._poll.close()

    def _asked(self, task_id: str, wish: Wish, value: bool) -> bool:
        """Remember what a user asked for; False when the task has ended."""
        noted = self._store.write(lambda connection: self._changes.remember(connection, task_id, wish, value))
        self._live.forget(task_id)
        self._watchers.ring(task_id)
        return noted

    def _newer(self, task_id: str, after_revision: int) -> Task | None:
        epoch, revision = self._stamp(task_id)
        return self._standing(task_id, epoch, revision) if revision > after_revision else None

    def _stamp(self, task_id: str) -> tuple[int, int]:
        """The task's epoch and revision. Raises TaskNotFound."""
        row = self._store.row(_STAMP, task_id)
        if row is None:
            raise TaskNotFound(task_id)
        epoch, revision = row
        return epoch, revision

    def _seen(self, connection: Connection, task: Task) -> Task:
        """What ran in a process that died does not run any more, and in a paused task nobody goes on with it."""
        if not task.paused or not task.running or self._holders.has(connection, task.id):
            return task
        return pipeline.left(task)

    def _standing(self, task_id: str, epoch: int, revision: int) -> Task:
        """The task, which has just been seen at this revision: it is read only if it is not carried here."""
        known = self._live.found(task_id, epoch, revision)
        if known is not None:
            return known
        mark = self._live.mark(task_id)
        with self._store.reading() as connection:
            task = self._seen(connection, self._rows.found(connection, task_id))
        self._live.read(task, epoch, mark)
        return task
