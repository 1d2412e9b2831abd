"""What a configuration says, once it is checked: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medusa.config.daemon import DaemonSettings
from medusa.domain.bandwidth import Timetable
from medusa.domain.policy import Ready, RetryPolicy
from medusa.domain.request import Target


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """One configured destination."""

    target: Target
    account: Any
    """An instance of its platform's `account` dataclass. Holds secrets, which its repr leaves out."""
    retry: RetryPolicy
    bandwidth: Timetable = field(default_factory=Timetable)
    """How fast to send to it."""
    concurrency: int | None = None
    """How many of its uploads run at once, and how many of its other calls; None: three quarters of all."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Who runs the tasks."""

    kind: Literal["local"] = "local"
    """"local": threads of this process."""
    path: Path | None = None
    """A file that keeps the tasks; without it they live in memory and end with the process."""
    database_url: str | None = field(default=None, repr=False, metadata={"form": "database"})
    """A PostgreSQL database that keeps the tasks instead of a file: postgresql://USER:PASSWORD@HOST/NAME."""
    key: Literal["file", "keyring"] = "file"
    """Where the key lies that encrypts what gives access to accounts there: `key_file`, or the system's keyring."""
    key_file: Path | None = None
    """Made on first use, by default beside the file of tasks; for a database in the user's state directory."""
    resume: bool = True
    """Whether unfinished tasks that are kept there are gone on with at start."""
    keep_days: float | None = None
    """How many days finished tasks are kept there; without it only their number counts."""

    def __post_init__(self) -> None:
        if self.path and self.database_url:
            raise ValueError("has both path and database_url: tasks are kept in one place")
        if self.key == "keyring" and self.key_file:
            raise ValueError("names a key_file, but the key is to lie in the keyring")

    @property
    def keeps(self) -> bool:
        """Whether tasks outlive the process."""
        return self.path is not None or self.database_url is not None


@dataclass(frozen=True, slots=True)
class Own:
    """Medusa's own settings, under the key "medusa"."""

    ready: Ready = field(default_factory=Ready)
    """Whether to wait until a video is processed before the next platform posts its link."""
    keep_tasks: int = 1000
    """How many finished tasks are remembered, 1 at least; beyond it the oldest are dropped."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """Who runs the tasks."""
    concurrency: int = 8
    """How many uploads run at once, over all tasks."""
    stall_s: float = 20.0
    """After so many seconds in which nothing moves, a connection is cut, and the upload goes on over a new one."""
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    """medusad: where it listens and who gets in."""


@dataclass(frozen=True, slots=True)
class Settings(Own):
    """A whole configuration."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    """For targets that say nothing else."""
    bandwidth: Timetable = field(default_factory=Timetable)
    """How fast to send, to all targets together."""
    targets: Mapping[str, TargetSettings] = field(default_factory=dict)
