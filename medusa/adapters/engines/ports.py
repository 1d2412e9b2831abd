"""What a local engine is injected with: the runner of tasks. Called in the engine's loop."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

from medusa.adapters.engines.context import LocalContext, Running


class Taken(Protocol):
    """A task that was taken, to be carried through and released."""

    def carry(self, context: LocalContext) -> Awaitable[None]: ...

    def step(self, step_key: str) -> Running: ...

    async def release(self) -> None:
        """Let others take the task."""
        ...


class Runner(Protocol):
    """Made in the engine's own thread, before the first task."""

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
