"""Whom the commands ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from medusa.core import MedusaCore
from medusa.domain.failures import ConfigError
from medusa.domain.task import Task
from medusa.domain.values import Problem


class Medusa(Protocol):
    """What the commands ask for, as MedusaCore does it."""

    def publish_async(
        self,
        media_file: Path | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> str: ...

    def validate(
        self,
        media_file: Path | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        *,
        online: bool = False,
    ) -> tuple[Problem, ...]: ...

    def cancel(self, task_id: str) -> bool: ...
    def pause(self, task_id: str) -> bool: ...
    def unpause(self, task_id: str) -> bool: ...
    def retry(self, task_id: str) -> None: ...
    def resolve(self, task_id: str, *, posted: str | None) -> None: ...
    def resume(self) -> None: ...
    def delete(self, task_id: str) -> None: ...
    def get_task(self, task_id: str) -> Task: ...
    def list_tasks(self, limit: int = 100, before: str | None = None) -> tuple[Task, ...]: ...
    def limit_bandwidth(self, rate: str | None, target: str | None = None) -> None: ...
    def bandwidth(self) -> dict[str | None, float]: ...
    def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]: ...
    def watch(self, task_id: str, after_revision: int = 0) -> Iterator[Task]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def opened(config: Path) -> Medusa:
    """A face on the configuration, to be entered as a context; it takes over no task by itself."""
    return MedusaCore(config_file=config, resume=False)


def kept(config: Path) -> Medusa:
    """The same, for tasks that outlive a process. Raises ConfigError if nothing keeps them."""
    from medusa import container

    if container.settings(config).engine.path is None:
        says = 'no file keeps tasks: name one, "medusa": {"engine": {"path": "tasks.db"}}'
        raise ConfigError([Problem("medusa.engine.path", says)])
    return opened(config)
