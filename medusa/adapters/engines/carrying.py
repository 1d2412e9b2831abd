"""The tasks that are carried here, from the moment that they may run to their release."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any

from medusa.adapters.engines.admission import Admission, Entry
from medusa.adapters.engines.context import LocalContext
from medusa.adapters.engines.ports import Runner, Taken
from medusa.adapters.engines.storage import until_stored
from medusa.adapters.engines.unfinished import Unfinished
from medusa.domain.failures import StorageFailed

_log = logging.getLogger("medusa.engine")


class Carrying:
    """Used in the engine's thread, but for `anything_out`."""

    def __init__(self, runner: Runner, unfinished: Unfinished, active: int) -> None:
        """`unfinished`: what is not in it any more has ended here. `active`: how many tasks of a target run at once."""
        self._runner = runner
        self._unfinished = unfinished
        self._admission = Admission(self._let_in, active)
        self._contexts: dict[str, LocalContext] = {}
        self._begun: set[str] = set()
        self._origins: dict[str, Context] = {}
        """The contexts in which tasks were submitted that wait to be let in: a trace goes on in them."""
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.elsewhere: set[str] = set()
        """Tasks submitted here that another process carries: should it die, they are gone on with here."""
        self.over = asyncio.Event()
        """Set once nothing more is begun."""

    @property
    def running(self) -> bool:
        return bool(self._contexts)

    def anything_out(self) -> bool:
        """Whether something may have become visible of which there is no receipt yet. From any thread."""
        return any(context.may_be_out for context in tuple(self._contexts.values()))

    def carries(self, task_id: str) -> bool:
        """Whether the task was begun here and has not ended, be it that it waits to be let in."""
        return task_id in self._begun

    def accept(self, task_id: str) -> None:
        """Begin a task that nobody here has submitted."""
        self._unfinished.add(task_id)
        self.begin(task_id)

    def begin(self, task_id: str) -> None:
        """Carry the task, which was added to the unfinished, as soon as it is its turn; once more if it is carried."""
        if self.over.is_set():
            self._ended(task_id)
            return
        if task_id in self._begun:  # it was unpaused, or opened again, before its last run has ended
            self._once_more(task_id)
            return
        self._begun.add(task_id)
        place = self._placed(task_id)
        if place is None:
            self._begun.discard(task_id)
            self._ended(task_id)
            return
        self._origins[task_id] = copy_context()
        self._admission.enter(Entry(place[0], task_id, place[1]))

    def wake(self, task_id: str) -> None:
        """Its end, or a rest, was asked for here."""
        self._admission.hurry(task_id)
        context = self._contexts.get(task_id)
        if context is not None:
            context.wake()

    def call_off(self, task_id: str, *, at_once: bool) -> None:
        """The same was asked for elsewhere, where it is seen time and again."""
        context = self._contexts.get(task_id)
        if context is not None and not context.heeds(at_once=at_once):
            context.wake()

    def drain(self) -> None:
        """Begin nothing more, and let what runs come to rest."""
        self.over.set()
        for context in self._contexts.values():
            context.leave()
        for task_id in tuple(self._begun):
            self._admission.hurry(task_id)

    def close(self) -> None:
        """Let nobody in any more."""
        self._admission.close()

    def keep(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> None:
        """Let it run to its end."""
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _placed(self, task_id: str) -> tuple[float, tuple[str, ...]] | None:
        try:
            return self._runner.place(task_id)
        except StorageFailed:
            return time.time(), ()  # whoever carries it waits until it can be read
        except Exception:
            _log.exception("task %s cannot be read: it is left where it stands", task_id)
            return None

    def _let_in(self, task_id: str) -> None:
        self.keep(self._carry(task_id), self._origins.pop(task_id))

    async def _carry(self, task_id: str) -> None:
        try:
            await until_stored(f"task {task_id}", lambda: self._take(task_id), self.over)
        except Exception:
            _log.exception("task %s cannot go on: it is left where it stands", task_id)
        finally:
            self._begun.discard(task_id)
            self._admission.leave(task_id)
            self._ended(task_id)

    async def _take(self, task_id: str) -> None:
        taken = await self._runner.take(task_id)
        if taken is None:
            self.elsewhere.add(task_id)
            return
        self.elsewhere.discard(task_id)
        await self._carry_through(task_id, taken)
        if self._runner.is_left(task_id):  # another process asked for more, and could not take it before its release
            self._unfinished.add(task_id)
            self._once_more(task_id)

    async def _carry_through(self, task_id: str, taken: Taken) -> None:
        context = self._contexts[task_id] = LocalContext(taken.step)
        if self.over.is_set():
            context.leave()
        try:
            await taken.carry(context)
        except StorageFailed:
            context.leave()
            await context.ended()
            raise
        finally:
            context.stop(at_once=True)
            await context.ended()
            del self._contexts[task_id]
            await taken.release()

    def _once_more(self, task_id: str) -> None:
        """One run more is enough, however often it was asked for."""
        if task_id in self._again:
            self._unfinished.remove(task_id)
        self._again.add(task_id)

    def _ended(self, task_id: str) -> None:
        if task_id in self._again:
            self._again.discard(task_id)
            self.begin(task_id)
        self._unfinished.remove(task_id)
