"""What callers hand over: media, and requests to publish it, each within its caller's bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Final, TypeVar

from medusa.config import DaemonSettings
from medusa.core import MedusaCore
from medusa.daemon.allotment import Allotment
from medusa.daemon.media_store import MediaStore, Standing
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.receiving import received
from medusa.domain.failures import MedusaError, TaskNotFound
from medusa.domain.task import TaskStatus
from medusa.domain.values import Problem

T = TypeVar("T")
THREADS: Final = 8
"""Of their own, so that bytes that arrive hold up no other call."""
REHEARSALS: Final = 4
"""At once: an online validation asks the platforms, and takes seconds."""
SWEEP_S: Final = 30.0
PAGE: Final = 500
_log = logging.getLogger("medusa.daemon")


class Intake:
    """Used in the event loop; what blocks is done in threads."""

    def __init__(self, core: MedusaCore, store: MediaStore, tasks: int) -> None:
        """`tasks`: how many unfinished ones a caller may have. `core` can be exchanged."""
        self.core = core
        self._store = store
        self._allotment = Allotment(tasks, self._ended, self._unfinished)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="medusa-intake")
        self._rehearsals = ThreadPoolExecutor(REHEARSALS, thread_name_prefix="medusa-rehearsal")

    def reload(self, settings: DaemonSettings) -> None:
        """From now on these bounds hold."""
        self._store.reload(settings.media, settings.bounds)
        self._allotment.most = settings.bounds.tasks

    async def upload(self, caller: str, messages: AsyncIterator[pb.UploadMediaRequest]) -> Standing:
        """Take in one stream of bytes. Raises Refused or InvalidRequest."""
        return await received(self._store, caller, messages, self._run)

    async def standing(self, caller: str, media_id: str) -> Standing:
        """How far the upload is. Raises Refused."""
        return await self._run(partial(self._store.standing, caller, media_id))

    async def publish(self, caller: str, media_id: str, asked: dict[str, Any], key: str | None) -> str:
        """The id of the task. `media_id`: of an upload, "" for none; the rest is what the core takes."""
        return await self._run(partial(self._publish, caller, media_id, asked, key))

    async def validate(self, caller: str, media_id: str, asked: dict[str, Any], *, online: bool) -> tuple[Problem, ...]:
        """What is wrong with it; nothing is sent."""
        looked = partial(self._validate, caller, media_id, asked, online=online)
        return await self._run(looked, self._rehearsals if online else None)

    async def sweep(self) -> None:
        """Remove media that are over, now and then, until it is cancelled."""
        while True:
            await self.sweep_once()
            await asyncio.sleep(SWEEP_S)

    async def sweep_once(self) -> None:
        """Remove media that are over."""
        try:
            await self._run(partial(self._store.sweep, self._ended, self._done))
        except (MedusaError, OSError) as error:
            _log.warning("the media store could not be swept: %s", error)

    def close(self) -> None:
        """End the threads; what they do is waited for."""
        self._rehearsals.shutdown(cancel_futures=True)
        self._threads.shutdown()

    # ------------------------------------------------------------ in a thread

    def _publish(self, caller: str, media_id: str, asked: dict[str, Any], key: str | None) -> str:
        with self._allotment.one_more(caller) as begun:
            if media_id:
                with self._store.lent(caller, media_id) as file:
                    asked = {**asked, "media_file": file}
                    task_id = self.core.publish_async(**asked, idempotency_key=key, caller=caller)
                    self._store.used(caller, media_id, task_id)
            else:
                task_id = self.core.publish_async(**asked, idempotency_key=key, caller=caller)
            begun(task_id)
            return task_id

    def _validate(self, caller: str, media_id: str, asked: dict[str, Any], *, online: bool) -> tuple[Problem, ...]:
        if not media_id:
            return self.core.validate(**asked, online=online)
        with self._store.lent(caller, media_id) as file:
            return self.core.validate(**{**asked, "media_file": file}, online=online)

    def _unfinished(self) -> Iterator[tuple[str, str]]:
        for status in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS):
            before = None
            while page := self.core.list_tasks(PAGE, before, status=status):
                yield from ((task.request.caller, task.id) for task in page)
                before = page[-1].id

    def _ended(self, task_id: str) -> bool:
        """Also when it is forgotten."""
        try:
            return self.core.get_task(task_id).ended
        except TaskNotFound:
            return True

    def _done(self, task_id: str) -> bool:
        """There is no going on with it. A task that failed may be retried, and needs its media then."""
        try:
            return self.core.get_task(task_id).status is TaskStatus.COMPLETED
        except TaskNotFound:
            return True

    async def _run(self, call: Callable[[], T], threads: ThreadPoolExecutor | None = None) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads or self._threads, copy_context().run, call)
