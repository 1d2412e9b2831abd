"""Runs tasks in this process: an asyncio loop in a thread of its own, and worker threads for the adapters' calls."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from medusa.adapters.engines.admission import ACTIVE
from medusa.adapters.engines.carrying import Carrying
from medusa.adapters.engines.exits import wait_for, wait_no_more_for
from medusa.adapters.engines.others import Others
from medusa.adapters.engines.ports import Runner
from medusa.adapters.engines.storage import until_stored
from medusa.adapters.engines.unfinished import Unfinished
from medusa.domain.failures import MedusaError

_log = logging.getLogger("medusa.engine")
CLOSING_S: Final = 5.0
_TAKING_OVER: Final = "taking over"
"""Stands among the unfinished tasks while the repository is being asked for them."""


class _Thread:
    """The engine's loop, and what is used in it. Started while the interpreter lives: at its exit none can be.

    Raises what making the runner raises.
    """

    def __init__(self, make_runner: Callable[[], Runner], unfinished: Unfinished, active: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.runner: Runner
        self.carrying: Carrying
        self.others: Others
        self._error: Exception | None = None
        ready = threading.Event()
        work = (make_runner, unfinished, active, ready)
        self._thread = threading.Thread(target=self._serve, args=work, name="medusa-engine", daemon=True)
        self._thread.start()
        ready.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End it, and wait for that unless it is the caller's own thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSING_S)

    def _serve(
        self, make_runner: Callable[[], Runner], unfinished: Unfinished, active: int, ready: threading.Event
    ) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.runner = make_runner()
        except Exception as error:  # no thread can be started any more, for example: who waits here is told
            self._error = error
            self.loop.close()
            ready.set()
            return
        self.carrying = Carrying(self.runner, unfinished, active)
        self.others = Others(self.runner, self.carrying)
        ready.set()
        if self.runner.shared:
            self.loop.call_soon(self.others.mind)
        self.loop.run_forever()
        self.carrying.close()
        self.runner.close()
        while left := asyncio.all_tasks(self.loop):  # tasks and their steps, and what begins while these end
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()


class LocalEngine:
    """EnginePort in this process. Every method may be called from any thread."""

    def __init__(self, runner: Callable[[], Runner], active: int = ACTIVE) -> None:
        """`runner` is called in the engine's own thread, once, before the first task.

        `active`: how many tasks of a target run or wait for something at once; later ones have to be let in.
        """
        self._make_runner = runner
        self._active = active
        self._lock = threading.Lock()
        self._thread: _Thread | None = None
        self._unfinished = Unfinished()
        self._draining = self._closed = False
        self.pid = os.getpid()

    def submit(self, task_id: str) -> None:
        """Run the task, soon. Returns at once."""
        with self._lock:
            self.check_usable()
            thread = self._started()
            self._unfinished.add(task_id)
        thread.loop.call_soon_threadsafe(thread.carrying.begin, task_id)

    def resume(self, *, serve: bool = False) -> None:
        """Go on with what other processes have left unfinished. Returns at once.

        `serve`: also with what they leave from now on, when they die or have more than they can carry at once.
        """
        with self._lock:
            self.check_usable()
            thread = self._started()
            thread.others.serving = serve
            self._unfinished.add(_TAKING_OVER)
        asyncio.run_coroutine_threadsafe(self._take_over(thread), thread.loop)

    def retire(self) -> None:
        """Take over nothing more: this process is about to end."""
        if self._thread is not None:
            self._thread.others.serving = False

    def settle(self, task_id: str) -> None:
        """Wait until the run of a task that has ended is over here: its writer must not meet what reopens the task."""
        self._unfinished.wait_until_finished(task_id, CLOSING_S)

    def cancel(self, task_id: str) -> None:
        """Let a running task see that its end, or a pause, was asked for. Returns at once."""
        self._tell(lambda thread: thread.carrying.wake(task_id))

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Until no task runs; False when `timeout` seconds have passed."""
        return self._unfinished.wait_until_idle(timeout)

    def leave(self, grace_s: float = 10.0) -> tuple[str, ...]:
        """Leave all tasks where they stand, as a kill would, but let what may be public already get its receipt.

        A line on each task that was unfinished.
        """
        thread, deadline = self._thread, time.monotonic() + grace_s
        if thread is None:
            return ()
        while thread.carrying.anything_out() and time.monotonic() < deadline:
            time.sleep(0.05)
        return tuple(thread.runner.left(task_id) for task_id in sorted(self._unfinished.names - {_TAKING_OVER}))

    def drain(self, timeout: float | None = None) -> bool:
        """Begin nothing more: uploads stop and keep their place, and what may be public already gets its receipt.

        Whether all came to rest within `timeout` seconds. What is submitted from now on is left to others.
        """
        self.retire()
        with self._lock:
            self._draining = True
        self._tell(lambda thread: thread.carrying.drain())
        return self._unfinished.wait_until_idle(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Wait until the running tasks have ended, at most `timeout` seconds, then end all threads."""
        self.retire()
        self._unfinished.wait_until_idle(timeout)
        with self._lock:
            thread, self._closed = None if self._closed else self._thread, True
        if thread is not None:
            thread.stop()
        wait_no_more_for(self)

    def check_process(self) -> None:
        """Raises MedusaError after a fork: the threads are in the other process."""
        if os.getpid() != self.pid:
            raise MedusaError(
                "this MedusaCore was made before fork() and cannot be used in the child process: make a new one there"
            )

    def check_usable(self) -> None:
        """Raises MedusaError after a fork, and once it is closed."""
        self.check_process()
        if self._closed:
            raise MedusaError("this MedusaCore is closed")

    def _started(self) -> _Thread:
        if self._thread is None:
            self._thread = _Thread(self._make_runner, self._unfinished, self._active)
            wait_for(self)
            if self._draining:
                self._thread.loop.call_soon_threadsafe(self._thread.carrying.drain)
        return self._thread

    def _tell(self, work: Callable[[_Thread], None]) -> None:
        """Let the engine's thread do it, if there is one."""
        with self._lock:
            thread = None if self._closed else self._thread
            if thread is not None:
                thread.loop.call_soon_threadsafe(work, thread)

    async def _take_over(self, thread: _Thread) -> None:
        try:
            await until_stored("what an earlier process left", thread.others.accept_all, thread.carrying.over)
        except Exception:
            _log.exception("what an earlier process left cannot be gone on with")
        finally:
            self._unfinished.remove(_TAKING_OVER)
