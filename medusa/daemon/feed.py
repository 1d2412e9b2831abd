"""Snapshots of tasks for all who watch: each is made into a message once, and no watcher has a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from medusa.daemon.errors import unavailable
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import TaskNotFound
from medusa.domain.task import Task, TaskFilter

Message = Callable[[Task], pb.Task]
PRESENT: Final = 1000
"""How many of the present tasks a stream of all begins with."""


@dataclass(frozen=True)
class Snapshot:
    """A task at one revision. Its messages are made once, whoever reads them."""

    task: Task
    alone: pb.WatchTaskResponse

    @cached_property
    def among_others(self) -> pb.WatchTasksResponse:
        return pb.WatchTasksResponse(task=self.alone.task)


class Turn:
    """Something changes again and again, and any number of readers wait for the next time."""

    def __init__(self) -> None:
        self.next = asyncio.Event()

    def pass_on(self) -> None:
        """It has changed."""
        passed, self.next = self.next, asyncio.Event()
        passed.set()


class Topic:
    """One task, for those who watch it."""

    def __init__(self, first: Awaitable[Snapshot]) -> None:
        self.first = asyncio.ensure_future(first)
        self.first.add_done_callback(lambda read: read.cancelled() or read.exception())  # nobody may be left to hear it
        self.latest: Snapshot | None = None
        self.gone = False
        self.turn = Turn()
        self.watchers = 0

    def offer(self, snapshot: Snapshot) -> None:
        """Keep it, if it is newer."""
        if self.latest is None or snapshot.task.revision > self.latest.task.revision:
            self.latest = snapshot
            self.turn.pass_on()


class Stream:
    """All tasks, for one who watches them: of each only the newest snapshot waits to be read."""

    def __init__(self, wanted: TaskFilter) -> None:
        self._wanted = wanted
        self._sent: dict[str, int] = {}
        self.waiting: dict[str, Snapshot] = {}
        self.turn = Turn()

    def offer(self, snapshot: Snapshot) -> None:
        """Keep it, if it is newer and about a task that fits, or did."""
        task = snapshot.task
        known = task.id in self._sent or task.id in self.waiting
        if task.revision > self._sent.get(task.id, 0) and (known or self._wanted.takes(task)):
            self.waiting[task.id] = snapshot
            self.turn.pass_on()

    def take(self) -> Snapshot:
        """The one that waits longest."""
        task_id = next(iter(self.waiting))
        snapshot = self.waiting.pop(task_id)
        self._sent[task_id] = snapshot.task.revision
        return snapshot


class Feed:
    """Lives in the server's event loop; `tell` and `drop` are for other threads."""

    def __init__(self, message: Message, get: Callable[[str], Awaitable[Task]]) -> None:
        self._message = message
        self._get = get
        self._loop = asyncio.get_running_loop()
        self._topics: dict[str, Topic] = {}
        self._streams: set[Stream] = set()
        self._closing = False

    # ------------------------------------------------------------ for the follower, from its thread

    def tell(self, _before: Task | None, task: Task) -> None:
        """The task has changed."""
        if task.id in self._topics or self._streams:
            self._loop.call_soon_threadsafe(self._offer, self._snapshot(task))

    def drop(self, task_id: str) -> None:
        """The task is no longer there."""
        self._loop.call_soon_threadsafe(self._end, task_id)

    def watched(self) -> tuple[str, ...]:
        """Ids of the tasks that someone watches."""
        return tuple(self._topics)

    # ------------------------------------------------------------ for watchers

    async def watch(self, task_id: str, after_revision: int) -> AsyncIterator[pb.WatchTaskResponse]:
        """Snapshots of one task, each newer, until it has ended. Raises TaskNotFound, also when it is deleted."""
        topic = self._topic(task_id)
        try:
            topic.offer(await asyncio.shield(topic.first))
            seen = after_revision
            while True:
                turn, latest = topic.turn.next, topic.latest
                if topic.gone:
                    raise TaskNotFound(task_id)
                if latest and latest.task.revision > seen:
                    seen = latest.task.revision
                    yield latest.alone
                if latest and latest.task.ended:
                    return
                self._raise_if_closing()
                await turn.wait()
        finally:
            self._leave(task_id, topic)

    async def watch_all(
        self, wanted: TaskFilter, present: Awaitable[tuple[Task, ...]]
    ) -> AsyncIterator[pb.WatchTasksResponse]:
        """The present ones, oldest first, then each that changes, for as long as it is read."""
        stream = Stream(wanted)
        self._streams.add(stream)
        try:
            for task in reversed(await present):
                stream.offer(self._snapshot(task))
            while True:
                turn = stream.turn.next
                while stream.waiting:
                    yield stream.take().among_others
                self._raise_if_closing()
                await turn.wait()
        finally:
            self._streams.discard(stream)

    @property
    def open(self) -> int:
        """How many watch."""
        return len(self._streams) + sum(topic.watchers for topic in self._topics.values())

    def close(self) -> None:
        """End all streams with UNAVAILABLE, after what they have not read yet."""
        self._closing = True
        for topic in self._topics.values():
            topic.turn.pass_on()
        for stream in self._streams:
            stream.turn.pass_on()

    # ------------------------------------------------------------ in the event loop

    def _topic(self, task_id: str) -> Topic:
        topic = self._topics.get(task_id)
        if topic is None:
            topic = self._topics[task_id] = Topic(self._present(task_id))
        topic.watchers += 1
        return topic

    def _leave(self, task_id: str, topic: Topic) -> None:
        topic.watchers -= 1
        if not topic.watchers and self._topics.get(task_id) is topic:
            del self._topics[task_id]

    async def _present(self, task_id: str) -> Snapshot:
        return self._snapshot(await self._get(task_id))

    def _snapshot(self, task: Task) -> Snapshot:
        return Snapshot(task, pb.WatchTaskResponse(task=self._message(task)))

    def _raise_if_closing(self) -> None:
        if self._closing:
            raise unavailable("SHUTTING_DOWN", "the daemon is shutting down")

    def _offer(self, snapshot: Snapshot) -> None:
        topic = self._topics.get(snapshot.task.id)
        if topic is not None:
            topic.offer(snapshot)
        for stream in self._streams:
            stream.offer(snapshot)

    def _end(self, task_id: str) -> None:
        topic = self._topics.pop(task_id, None)
        if topic is not None:
            topic.gone = True
            topic.turn.pass_on()
