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
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from medusa.domain.failures import MedusaError
from medusa.domain.task import Step

_log = logging.getLogger("medusa.engine")


LISTEN_EVERY_S = 0.25
"""How soon a running task sees what another process has asked for it."""
CLOSING_S = 5.0
_TAKING_OVER = "taking over"
"""Stands among the unfinished tasks while the repository is being asked for them."""


class Running(Protocol):
    """One step under way."""

    @property
    def may_be_out(self) -> bool: ...

    async def run(self) -> Step: ...

    def stop(self, *, at_once: bool) -> None: ...


class Runner(Protocol):
    """What the container injects: how to carry a task, and one of its steps, through. Called in the engine's loop."""

    async def take(self, task_id: str) -> int | None:
        """Become the task's only writer: an epoch. None when another process carries the task, or it is gone."""
        ...

    async def release(self, task_id: str) -> None:
        """Let others take the task."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Ids of the tasks that wait for someone to go on with them."""
        ...

    def end_asked(self, task_id: str) -> bool:
        """Whether someone, in whatever process, asked that the task be cancelled or paused."""
        ...

    def is_left(self, task_id: str) -> bool:
        """Whether there is more to do for the task, now."""
        ...

    def carry(self, task_id: str, epoch: int, context: LocalContext) -> Awaitable[None]: ...

    def step(self, task_id: str, step_key: str, epoch: int) -> Running: ...

    def left(self, task_id: str) -> str:
        """What an interrupted task leaves undone, in a line."""
        ...

    def close(self) -> None:
        """Let its threads end."""
        ...


class LocalContext:
    """RunContext over asyncio tasks."""

    def __init__(self, begin: Callable[[str], Running]) -> None:
        self._begin = begin
        self._steps: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: asyncio.Queue[Step | Exception | None] = asyncio.Queue()

    @property
    def running(self) -> frozenset[str]:
        """Keys of the steps that run, or whose end was not told yet."""
        return frozenset(self._steps)

    @property
    def may_be_out(self) -> bool:
        """Whether a running step may have become visible and has no receipt yet."""
        return any(run.may_be_out for run in tuple(self._steps.values()))

    def start(self, step: Step) -> None:
        """Begin to run the step."""
        run = self._begin(step.key)
        self._steps[step.key] = run
        task = asyncio.get_running_loop().create_task(self._carry(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def first_end(self) -> Step | None:
        """The next step to end; None after `wake`. Raises only what keeps steps from being saved at all."""
        ended = await self._ends.get()
        if isinstance(ended, Exception):
            raise ended
        if ended is not None:
            del self._steps[ended.key]
        return ended

    def stop(self, *, at_once: bool) -> None:
        """Stop the running steps; what may be out already is awaited, or only its present call is when `at_once`."""
        for run in tuple(self._steps.values()):
            run.stop(at_once=at_once)

    def wake(self) -> None:
        """Let `first_end` return: someone asked for the task's end."""
        self._ends.put_nowait(None)

    async def _carry(self, run: Running) -> None:
        try:
            self._ends.put_nowait(await run.run())
        except Exception as error:
            self._ends.put_nowait(error)


class LocalEngine:
    """EnginePort in this process."""

    def __init__(self, runner: Callable[[], Runner]) -> None:
        """`runner` is called in the engine's own thread, once, before the first task."""
        self._make_runner = runner
        self._lock = threading.Lock()
        self._over = threading.Condition(self._lock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: Runner | None = None
        self._contexts: dict[str, LocalContext] = {}
        self._begun: set[str] = set()
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished: set[str] = set()
        self._idle = threading.Event()
        self._idle.set()
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

    def resume(self) -> None:
        """Go on with what an earlier process has left unfinished. Returns at once."""
        with self._lock:
            self.check_usable()
            loop = self._started()
            self._unfinished.add(_TAKING_OVER)
            self._idle.clear()
        loop.call_soon_threadsafe(self._take_over)

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

    def _anything_out(self) -> bool:
        return any(context.may_be_out for context in tuple(self._contexts.values()))

    def close(self, timeout: float | None = None) -> None:
        """Wait until the running tasks have ended, at most `timeout` seconds, then end all threads."""
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
        loop.run_forever()
        runner.close()
        while left := asyncio.all_tasks(loop):  # tasks and their steps, and what begins while these end
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    def _take_over(self) -> None:
        try:
            for task_id in self._present.unfinished():
                with self._lock:
                    self._unfinished.add(task_id)
                self._begin(task_id)
        except Exception:
            _log.exception("what an earlier process left cannot be gone on with")
        finally:
            self._ended(_TAKING_OVER)

    @property
    def _present(self) -> Runner:
        if self._runner is None:
            raise AssertionError("the engine was not started")
        return self._runner

    def _begin(self, task_id: str) -> None:
        if task_id in self._begun:
            self._again.add(task_id)  # it was unpaused, or opened again, before its last run has ended
            return
        self._begun.add(task_id)
        task = asyncio.get_running_loop().create_task(self._carry(task_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, task_id: str) -> None:
        runner = self._present
        try:
            epoch = await runner.take(task_id)
            if epoch is not None:
                await self._carry_as(runner, task_id, epoch)
                if runner.is_left(task_id):  # another process asked for more, and could not take it before its release
                    self._again.add(task_id)
        except Exception:
            _log.exception("task %s cannot go on: it is left where it stands", task_id)
        finally:
            self._begun.discard(task_id)
            self._ended(task_id)

    async def _carry_as(self, runner: Runner, task_id: str, epoch: int) -> None:
        context = self._contexts[task_id] = LocalContext(lambda key: runner.step(task_id, key, epoch))
        listening = asyncio.get_running_loop().create_task(self._listen(runner, task_id, context))
        try:
            await runner.carry(task_id, epoch, context)
        finally:
            listening.cancel()
            del self._contexts[task_id]
            context.stop(at_once=True)
            await runner.release(task_id)

    async def _listen(self, runner: Runner, task_id: str, context: LocalContext) -> None:
        """Another process that shares the repository can only leave a word there."""
        while not runner.end_asked(task_id):  # noqa: ASYNC110 - no event of this process tells of another's wish
            await asyncio.sleep(LISTEN_EVERY_S)
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
