"""Whom a command asks: MedusaCore on a configuration, in this process, or a daemon."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import click

from medusa.cli import inputs
from medusa.core import MedusaCore
from medusa.domain.failures import InvalidRequest
from medusa.domain.quota import Quota
from medusa.domain.request import Target
from medusa.domain.task import Task, TaskStatus
from medusa.domain.values import Problem


class Medusa(Protocol):
    """What the commands ask for: MedusaCore and MedusaClient do it, and say what it means."""

    def publish_async(
        self,
        media_file: Path | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
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
    def resolve(self, task_id: str, *, posted: str | None, target: str | None = None) -> None: ...
    def resume(self) -> None: ...
    def delete(self, task_id: str) -> None: ...
    def get_task(self, task_id: str) -> Task: ...
    def list_tasks(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]: ...
    def quotas(self) -> dict[Target, tuple[Quota, ...]]: ...
    def limit_bandwidth(self, rate: str | None, target: str | None = None) -> None: ...
    def bandwidth(self) -> dict[str | None, float]: ...
    def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]: ...
    def watch(self, task_id: str, after_revision: int = 0) -> Iterator[Task]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class DaemonAt:
    """A daemon, as the options of `medusa` name it."""

    address: str
    typed: bool
    """On the command line, and not named by the environment."""
    token_file: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


Source = Path | DaemonAt
"""A configuration, whose tasks run in this process, or a daemon."""


def chosen(context: click.Context, config: Path | None) -> Source:
    """The daemon that `medusa --daemon` names, else the configuration. What is typed wins over the environment.

    Raises InvalidRequest if both are typed, ConfigError if there is neither.
    """
    daemon: DaemonAt | None = context.find_root().obj
    if daemon and inputs.typed(context, "config"):
        if daemon.typed:
            says = "a daemon has a configuration of its own: give --daemon or --config"
            raise InvalidRequest([Problem("--config", says)])
        daemon = None
    return daemon or inputs.config_file(config)


Sent = Callable[[int, int], None]
"""Is told how many bytes of a media file a daemon was handed, and of how many; from any thread."""


def opened(source: Source, sent: Sent | None = None) -> Medusa:
    """A face of the source, to be entered as a context; it makes no file of tasks unless the config names one.

    One that is there is looked at: what of a quota is left stands in it. It takes over no task by itself, as `kept`
    neither.
    """
    if not isinstance(source, Path):
        return _client(source, sent)
    kept_in = tasks_file(source)
    return MedusaCore(config_file=source, resume=False, tasks_file=kept_in if kept_in.exists() else None)


def kept(source: Source, sent: Sent | None = None) -> Medusa:
    """The same, over tasks that outlive a process."""
    if not isinstance(source, Path):
        return _client(source, sent)
    return MedusaCore(config_file=source, resume=False, tasks_file=tasks_file(source))


def tasks_file(config: Path) -> Path:
    """Where the tasks of this configuration are kept if it does not say.

    Each has a file of its own: what was begun on a sandbox must not be gone on with on the real platforms.
    """
    from platformdirs import user_state_path

    place = hashlib.sha256(str(config.resolve()).encode()).hexdigest()[:12]
    return user_state_path("medusa", appauthor=False) / "cli" / f"{config.stem}-{place}.db"


def _client(daemon: DaemonAt, sent: Sent | None) -> Medusa:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what its core says on stderr is said by us
    from medusa.daemon.client import MedusaClient

    return MedusaClient(
        daemon.address,
        token=inputs.token(daemon.token_file),
        tls_ca=daemon.tls_ca,
        tls_cert=daemon.tls_cert,
        tls_key=daemon.tls_key,
        on_upload=sent,
    )
