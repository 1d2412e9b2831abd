"""The wiring: the only room that names adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from dependency_injector import containers, providers

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.engines.local import LocalEngine
from medusa.adapters.http import Http
from medusa.adapters.probe import MediaProbe
from medusa.adapters.registry import ALL
from medusa.adapters.repositories.memory import MemoryRepository
from medusa.adapters.targets import ConfiguredTargets
from medusa.config import Settings, load
from medusa.domain.bandwidth import EVERY_TARGET
from medusa.domain.policy import RetryPolicy
from medusa.domain.ports import AccountsPort, TaskRepositoryPort
from medusa.runner.ports import RunnerPorts
from medusa.runner.runner import TaskRunner
from medusa.runner.throttle import Throttle
from medusa.runner.workers import Workers


def settings(source: str | PathLike[str] | Mapping[str, Any], tasks_file: Path | None = None) -> Settings:
    """The settings of a config file, or of a config's content. Raises ConfigError with all that is wrong with it.

    `tasks_file`: keeps the tasks where they name no file for them.
    """
    found = load(source if isinstance(source, Mapping) else Path(source), ALL)
    return replace(found, engine=replace(found.engine, path=found.engine.path or tasks_file))


class Kept(NamedTuple):
    """Where tasks, and what the tasks of an account share, are kept."""

    repository: TaskRepositoryPort
    accounts: AccountsPort


def _kept(settings: Settings) -> Kept:
    """In memory, or in the file that the config names. Raises ConfigError when that cannot be used."""
    engine = settings.engine
    if engine.path is None:
        return Kept(MemoryRepository(keep_finished=settings.keep_tasks), FileAccounts())
    from medusa.adapters.repositories.sql.accounts import SqlAccounts
    from medusa.adapters.repositories.sql.repository import SqlRepository
    from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
    from medusa.adapters.repositories.sql.store import Store

    store = Store(SqliteDatabase(engine.path))
    key_file = engine.key_file or engine.path.with_name(f"{engine.path.name}.key")
    repository = SqlRepository(store, key_file, keep_finished=settings.keep_tasks, keep_days=engine.keep_days)
    return Kept(repository, SqlAccounts(store))


def _retry(settings: Settings) -> dict[str, RetryPolicy]:
    return {key: target.retry for key, target in settings.targets.items()}


def _throttle(settings: Settings, accounts: AccountsPort) -> Throttle:
    tables = {key: target.bandwidth for key, target in settings.targets.items()}
    return Throttle({**tables, EVERY_TARGET: settings.bandwidth}, accounts.throttles)


def _rehearsal(ports: RunnerPorts, workers: Callable[[], Workers]) -> tuple[MemoryRepository, LocalEngine]:
    """The same adapters, over tasks that nobody else sees, without retries: for `validate(online=True)`."""
    repository = MemoryRepository()
    patience = dict.fromkeys(ports.adapters.keys(), RetryPolicy.off())
    own = replace(ports, repository=repository, retry=patience)
    return repository, LocalEngine(lambda: TaskRunner(own, workers()))


class Container(containers.DeclarativeContainer):
    """One MedusaCore's objects. Made on first use, each once."""

    settings = providers.Dependency(instance_of=Settings)
    media_roots = providers.Dependency(instance_of=tuple, default=())
    """Absolute folders; without any, media may lie anywhere."""
    http = providers.Singleton(Http)
    kept = providers.Singleton(_kept, settings)
    accounts = providers.Singleton(attrgetter("accounts"), kept)
    probe = providers.Singleton(MediaProbe, media_roots)
    repository = providers.Singleton(attrgetter("repository"), kept)
    targets = providers.Singleton(ConfiguredTargets, settings, http, accounts)
    throttle = providers.Singleton(_throttle, settings, accounts)
    ports = providers.Singleton(
        RunnerPorts,
        repository=repository,
        adapters=targets,
        accounts=accounts,
        probe=probe,
        retry=providers.Callable(_retry, settings),
        throttle=throttle,
    )
    workers = providers.Factory(Workers, bulk=settings.provided.concurrency)
    runner = providers.Factory(TaskRunner, ports, workers)
    engine = providers.Singleton(LocalEngine, runner.provider)

    rehearsal = providers.Callable(_rehearsal, ports, workers.provider)
