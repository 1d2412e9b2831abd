"""A task that is watched over as many streams as it takes."""

from __future__ import annotations

import time
from typing import Any

from medusa.daemon.client import told
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.task import Task


class Following:
    """What was seen of a task, so that the next stream goes on from there."""

    def __init__(self, task_id: str, after_revision: int = 0, timeout: float | None = None) -> None:
        """`timeout`: seconds from now until it is given up; None: never."""
        self._task_id = task_id
        self._revision = after_revision
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._message = ""

    @property
    def request(self) -> pb.WatchTaskRequest:
        """What the next stream is opened with."""
        return pb.WatchTaskRequest(task_id=self._task_id, after_revision=self._revision)

    @property
    def left(self) -> float | None:
        """Seconds until the deadline; None: there is none."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)

    def seen(self, reply: Any) -> Task:
        """The snapshot of a reply."""
        return self.at(told.task(reply.task))

    def at(self, task: Task) -> Task:
        """The task, which stands there now."""
        self._revision, self._message = task.revision, task.message
        return task

    def check(self) -> None:
        """Raises TimeoutError once the deadline has passed."""
        if self.left == 0.0:
            raise TimeoutError(f"task {self._task_id} has not ended within {self._timeout:g} s: {self._message}")
