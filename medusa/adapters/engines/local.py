"""Runs tasks in this process: an asyncio loop in a thread of its own, and worker threads for the adapters' calls.

The interpreter's exit waits for running tasks. Python's own ways are too late for that: once the main thread has ended,
executors refuse new work and, on 3.12 and later, no thread can be started. So every thread here is a daemon that is
started with the first task, and an atexit function waits, which can catch Ctrl-C.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, Final, Protocol

from medusa.adapters.engines.admission import ACTIVE, Admission, Entry
from medusa.adapters.engines.context import LocalContext, Running
from medusa.domain.failures import MedusaError, StorageFailed

_log = logging.getLogger("medusa.engine")


LISTEN_EVERY_S: Final = 0.25
"""How soon a running task sees what another process has asked for it."""
LOOK_EVERY_S: Final = 0.5
"""How often it is looked whether another process has left a task."""
TRY_AGAIN_S: Final = 30.0
"""After that a task is taken over once more that could not be carried here."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Between two tries to go on with what could not be saved; the pauses double."""
CLOSING_S: Final = 5.0
_TAKING_OVER = "taking over"
"""Stands among the unfinished tasks while the repository is being asked for them."""


class Taken(Protocol):
    """A task that was taken, to be carried through and released."""

    def carry(self, context: LocalContext) -> Awaitable[None]: ...

    def step(self, step_key: str) -> Running: ...

    async def release(self) -> None:
        """Let others take the task."""
        ...


class Runner(Protocol):
    """What the container injects. Called in the engine's loop."""

    async def take(self, task_id: str) -> Taken | None:
        """Become the task's only writer. None when another process carries the task, or it is gone."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Ids of the tasks that wait for someone to go on with them."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other processes carry tasks of the same repository."""
        ...

    def called_off(self) -> Mapping[str, bool]:
        """Ids of the tasks taken here that someone, in whatever process, asked to be cancelled (True) or paused."""
        ...

    def place(self, task_id: str) -> tuple[float, tuple[str, ...]] | None:
        """When the task was asked for, and its targets, sorted. None when it has ended or cannot be carried here."""
        ...

    def is_left(self, task_id: str) -> bool:
        """Whether there is more to do for the task, now."""
        ...

    def left(self, task_id: str) -> str:
        """What an interrupted task leaves undone, in a line."""
        ...

    def close(self) -> None:
        """Let its threads end."""
        ...


class LocalEngine:
    """EnginePort in this process."""

    def __init__(self, runner: Callable[[], Runner], active: int = ACTIVE) -> None:
        """`runner` is called in the engine's own thread, once, before the first task.

        `active`: how many tasks of a target run or wait for something at once; later ones have to be let in.
        """
        self._make_runner = runner
        self._lock = threading.Lock()
        self._over = threading.Condition(self._lock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: Runner | None = None
        self._contexts: dict[str, LocalContext] = {}
        self._admission = Admission(self._let_in, active)
        self._begun: set[str] = set()
        self._origins: dict[str, Context] = {}
        """The contexts in which tasks were submitted that wait to be let in: a trace goes on in them."""
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False
        self._left: set[str] = set()
        """Tasks that nobody carried when it was last looked."""
        self._elsewhere: set[str] = set()
        """Tasks submitted here that another process carries: should it die, they are gone on with here."""
        self._tried: dict[str, float] = {}
        """Tasks that were taken over here and are left by all again, and when: not to be tried all the time."""
        self._unfinished: set[str] = set()
        self._idle = threading.Event()
        self._idle.set()
        self._draining = False
        self._drains = asyncio.Event()
        self._closed = False
        self._pid = os.getpid()

    # ------------------------------------------------------------ for callers, from any thread

    def submit(self, task_id: str) -> None:
        """Run the task, soon. Returns at once."""
        with self._lock:
            self.check_usable()
            loop = self._started()
            self._unfinished.add(task_id)
            self._idle.clear()
        loop.call_soon_threadsafe(self._begin, task_id)

    def resume(self, *, serve: bool = False) -> None:
        """Go on with what other processes have left unfinished. Returns at once.

        `serve`: also with what they leave from now on, when they die or have more than they can carry at once.
        """
        with self._lock:
            self.check_usable()
            self._serving = serve
            loop = self._started()
            self._unfinished.add(_TAKING_OVER)
            self._idle.clear()
        asyncio.run_coroutine_threadsafe(self._take_over(), loop)

    def retire(self) -> None:
        """Take over nothing more: this process is about to end."""
        self._serving = False

    def settle(self, task_id: str) -> None:
        """Wait until the run of a task that has ended is over here: its writer must not meet what reopens the task."""
        with self._over:
            self._over.wait_for(lambda: task_id not in self._unfinished, CLOSING_S)

    def cancel(self, task_id: str) -> None:
        """Let a running task see that its end, or a pause, was asked for. Returns at once."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._wake, task_id)

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Until no task runs; False when `timeout` seconds have passed."""
        return self._idle.wait(timeout)

    def leave(self, grace_s: float = 10.0) -> tuple[str, ...]:
        """Leave all tasks where they stand, as a kill would, but let what may be public already get its receipt.

        A line on each task that was unfinished.
        """
        deadline = time.monotonic() + grace_s
        while self._anything_out() and time.monotonic() < deadline:
            time.sleep(0.05)
        with self._lock:
            runner, ids = self._runner, sorted(self._unfinished - {_TAKING_OVER})
        return tuple(runner.left(task_id) for task_id in ids) if runner else ()

    def drain(self, timeout: float | None = None) -> bool:
        """Begin nothing more: uploads stop and keep their place, and what may be public already gets its receipt.

        Whether all came to rest within `timeout` seconds. What is submitted from now on is left to others.
        """
        self.retire()
        with self._lock:
            self._draining = True
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._drain)
        return self._idle.wait(timeout)

    def _anything_out(self) -> bool:
        return any(context.may_be_out for context in tuple(self._contexts.values()))

    def close(self, timeout: float | None = None) -> None:
        """Wait until the running tasks have ended, at most `timeout` seconds, then end all threads."""
        self.retire()
        self._idle.wait(timeout)
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
            thread = self._thread
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSING_S)
        _engines.discard(self)

    def check_process(self) -> None:
        """Raises MedusaError after a fork: the threads are in the other process."""
        if os.getpid() != self._pid:
            raise MedusaError(
                "this MedusaCore was made before fork() and cannot be used in the child process: make a new one there"
            )

    def check_usable(self) -> None:
        """Raises MedusaError after a fork, and once it is closed."""
        self.check_process()
        if self._closed:
            raise MedusaError("this MedusaCore is closed")

    # ------------------------------------------------------------ in the engine's thread

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            ready = threading.Event()
            self._thread = threading.Thread(
                target=self._serve, args=(self._loop, ready), name="medusa-engine", daemon=True
            )
            self._thread.start()
            ready.wait()
            _engines.add(self)
        return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        self._runner = runner = self._make_runner()
        ready.set()
        if runner.shared:
            loop.call_soon(self._mind_others)
        loop.run_forever()
        self._admission.close()
        runner.close()
        while left := asyncio.all_tasks(loop):  # tasks and their steps, and what begins while these end
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    async def _take_over(self) -> None:
        try:
            await self._until_stored("what an earlier process left", self._accept_all)
        except Exception:
            _log.exception("what an earlier process left cannot be gone on with")
        finally:
            self._ended(_TAKING_OVER)

    async def _accept_all(self) -> None:
        for task_id in self._present.unfinished():
            self._accept(task_id)
            await asyncio.sleep(0)  # there may be thousands, and the first need not wait for the last

    def _accept(self, task_id: str) -> None:
        with self._lock:
            self._unfinished.add(task_id)
            self._idle.clear()
        self._begin(task_id)

    def _mind_others(self) -> None:
        self._keep(self._listen())
        self._keep(self._look_out())

    async def _look_out(self) -> None:
        """A process that dies tells nobody."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._serving or self._elsewhere:
                try:
                    self._look()
                except MedusaError as error:
                    _log.warning("it cannot be seen what other processes left: %s", error)

    def _look(self) -> None:
        """Take what was left by all at two looks: what is new may be about to be taken by its own process."""
        now = time.monotonic()
        left = [task_id for task_id in self._present.unfinished() if task_id not in self._begun]
        lying = [task_id for task_id in left if task_id in self._left and self._may_take(task_id, now)]
        for task_id in lying[:ACTIVE]:  # the next look takes more
            self._tried[task_id] = now
            self._accept(task_id)
        self._left = set(left)
        self._tried = {task_id: at for task_id, at in self._tried.items() if task_id in self._left}
        gone = {task_id for task_id in self._elsewhere - self._left if self._present.place(task_id) is None}
        self._elsewhere -= gone

    def _may_take(self, task_id: str, now: float) -> bool:
        if now - self._tried.get(task_id, -TRY_AGAIN_S) < TRY_AGAIN_S:
            return False
        return self._serving or task_id in self._elsewhere

    async def _until_stored(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work again as long as storage fails: as after a death, what was not saved is forgotten and found out anew."""
        pause_s = FIRST_PAUSE_S
        while not self._draining:
            try:
                return await work()
            except StorageFailed as error:
                _log.warning("%s has to wait, next try in %g s: %s", what, pause_s, error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._drains.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return None

    def _drain(self) -> None:
        self._drains.set()
        for context in self._contexts.values():
            context.leave()
        for task_id in tuple(self._begun):
            self._admission.hurry(task_id)

    @property
    def _present(self) -> Runner:
        if self._runner is None:
            raise AssertionError("the engine was not started")
        return self._runner

    def _begin(self, task_id: str) -> None:
        if self._draining:
            self._ended(task_id)
            return
        if task_id in self._begun:
            self._again.add(task_id)  # it was unpaused, or opened again, before its last run has ended
            return
        self._begun.add(task_id)
        place = self._placed(task_id)
        if place is None:
            self._begun.discard(task_id)
            self._ended(task_id)
            return
        self._origins[task_id] = copy_context()
        self._admission.enter(Entry(place[0], task_id, place[1]))

    def _placed(self, task_id: str) -> tuple[float, tuple[str, ...]] | None:
        try:
            return self._present.place(task_id)
        except StorageFailed:
            return time.time(), ()  # whoever carries it waits until it can be read
        except Exception:
            _log.exception("task %s cannot be read: it is left where it stands", task_id)
            return None

    def _let_in(self, task_id: str) -> None:
        self._keep(self._carry(task_id), self._origins.pop(task_id))

    def _keep(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> None:
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, task_id: str) -> None:
        try:
            await self._until_stored(f"task {task_id}", lambda: self._take(self._present, task_id))
        except Exception:
            _log.exception("task %s cannot go on: it is left where it stands", task_id)
        finally:
            self._begun.discard(task_id)
            self._admission.leave(task_id)
            self._ended(task_id)

    async def _take(self, runner: Runner, task_id: str) -> None:
        taken = await runner.take(task_id)
        if taken is None:
            self._elsewhere.add(task_id)
            return
        self._elsewhere.discard(task_id)
        await self._carry_through(task_id, taken)
        if runner.is_left(task_id):  # another process asked for more, and could not take it before its release
            self._again.add(task_id)

    async def _carry_through(self, task_id: str, taken: Taken) -> None:
        context = self._contexts[task_id] = LocalContext(taken.step)
        if self._draining:
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

    async def _listen(self) -> None:
        """Another process that shares the repository can only leave a word there."""
        while True:
            await asyncio.sleep(LISTEN_EVERY_S)
            try:
                asked = self._present.called_off() if self._contexts else {}
            except MedusaError as error:
                _log.warning("it cannot be seen what other processes ask for: %s", error)
                continue
            for task_id, at_once in asked.items():
                context = self._contexts.get(task_id)
                if context is not None and not context.heeds(at_once=at_once):
                    context.wake()

    def _ended(self, task_id: str) -> None:
        if task_id in self._again:
            self._again.discard(task_id)
            self._begin(task_id)
            return
        with self._lock:
            self._unfinished.discard(task_id)
            self._over.notify_all()
            if not self._unfinished:
                self._idle.set()

    def _wake(self, task_id: str) -> None:
        self._admission.hurry(task_id)
        context = self._contexts.get(task_id)
        if context is not None:
            context.wake()


# ---------------------------------------------------------------- the interpreter's exit

_engines: weakref.WeakSet[LocalEngine] = weakref.WeakSet()


def _wait_at_exit() -> None:
    engines = [engine for engine in _engines if engine._pid == os.getpid()]
    if not _was_interrupted():
        try:
            for engine in engines:
                engine.retire()
                engine.wait_idle()
            return
        except KeyboardInterrupt:
            pass
    left = [line for engine in engines for line in engine.leave()]
    if left:
        sys.stderr.write("\n".join(["Medusa was interrupted, and left:", *(f"  {line}" for line in left), ""]))


def _was_interrupted() -> bool:
    """Whether Ctrl-C has ended the program: nobody wants to wait then."""
    last: Any = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return isinstance(last, KeyboardInterrupt)


atexit.register(_wait_at_exit)
