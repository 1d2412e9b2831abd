"""The wiring: the only room that names adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from operator import attrgetter
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dependency_injector import containers, providers

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.engines.local import LocalEngine
from medusa.adapters.http import Http, Timeouts
from medusa.adapters.probe import MediaProbe
from medusa.adapters.registry import ALL
from medusa.adapters.repositories.memory import MemoryRepository
from medusa.adapters.targets import ConfiguredTargets
from medusa.config import Settings, load
from medusa.config.settings import EngineSettings
from medusa.domain.bandwidth import EVERY_TARGET
from medusa.domain.failures import ConfigError
from medusa.domain.policy import RetryPolicy
from medusa.domain.ports import AccountsPort, TaskRepositoryPort
from medusa.domain.values import Problem
from medusa.runner.ports import RunnerPorts
from medusa.runner.runner import TaskRunner
from medusa.runner.throttle import Throttle
from medusa.runner.workers import Workers

if TYPE_CHECKING:
    from medusa.adapters.repositories.sql.database import Database
    from medusa.adapters.repositories.sql.key import KeyPlace
    from medusa.adapters.repositories.sql.postgres import PostgresDatabase


def settings(source: str | PathLike[str] | Mapping[str, Any], tasks_file: Path | None = None) -> Settings:
    """The settings of a config file, or of a config's content. Raises ConfigError with all that is wrong with it.

    `tasks_file`: keeps the tasks where they name no place for them.
    """
    found = load(source if isinstance(source, Mapping) else Path(source), ALL)
    return found if found.engine.keeps else replace(found, engine=replace(found.engine, path=tasks_file))


class Kept(NamedTuple):
    """Where tasks, and what the tasks of an account share, are kept."""

    repository: TaskRepositoryPort
    accounts: AccountsPort


def _kept(settings: Settings) -> Kept:
    """In memory, or where the config says. Raises ConfigError when that cannot be used."""
    engine = settings.engine
    if not engine.keeps:
        return Kept(MemoryRepository(keep_finished=settings.keep_tasks), FileAccounts())
    from medusa.adapters.repositories.sql.accounts import SqlAccounts
    from medusa.adapters.repositories.sql.repository import SqlRepository
    from medusa.adapters.repositories.sql.store import Store

    key = _key(engine)
    store = Store(_database(engine))
    repository = SqlRepository(store, key, keep_finished=settings.keep_tasks, keep_days=engine.keep_days)
    return Kept(repository, SqlAccounts(store))


def _database(engine: EngineSettings) -> Database:
    if engine.path:
        from medusa.adapters.repositories.sql.sqlite import SqliteDatabase

        return SqliteDatabase(engine.path)
    return _postgres(engine.database_url or "")


def _postgres(url: str) -> PostgresDatabase:
    with optional("postgres", "engine.database_url"):
        from medusa.adapters.repositories.sql.postgres import PostgresDatabase
    return PostgresDatabase(url)


@contextmanager
def sole_on_database(settings: Settings, who: str) -> Iterator[tuple[str, str] | None]:
    """Be the only daemon on a shared database while this is open; if another one is: its name, and the database's.

    Tasks in a file need nothing of it. Raises ConfigError when the database cannot be used.
    """
    url = settings.engine.database_url
    if url is None:
        yield None
        return
    with closing(_postgres(url)) as database:
        other = database.sole(who)
        yield None if other is None else (other, database.name)


def _key(engine: EngineSettings) -> KeyPlace:
    if engine.key == "keyring":
        with optional("keyring", "engine.key"):
            from medusa.adapters.repositories.sql.key_ring import KeyRing
        return KeyRing(str(engine.path or "postgresql"))
    from medusa.adapters.repositories.sql.key_file import KeyFile

    if engine.key_file is None and engine.path is None:
        from platformdirs import user_state_path

        return KeyFile(user_state_path("medusa", appauthor=False) / "tasks.key")
    return KeyFile(engine.key_file or Path(f"{engine.path}.key"))


@contextmanager
def optional(name: str, setting: str) -> Iterator[None]:
    """What is imported within needs an extra. Raises ConfigError when it is not installed."""
    try:
        yield
    except ImportError as error:
        says = f"needs {error.name or name}: pip install 'medusa-media[{name}]'"
        raise ConfigError([Problem(f"medusa.{setting}", says)]) from None


def _http(settings: Settings) -> Http:
    timeouts = Timeouts(stall_s=settings.stall_s)
    if not settings.daemon.traces:
        return Http(timeouts)
    with optional("otel", "daemon.traces"):
        from medusa.adapters.http.traced import TracedHttp
    return TracedHttp(timeouts)


def _retry(settings: Settings) -> dict[str, RetryPolicy]:
    return {key: target.retry for key, target in settings.targets.items()}


def _limits(settings: Settings) -> dict[str, int | None]:
    return {key: target.concurrency for key, target in settings.targets.items()}


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
    http = providers.Singleton(_http, settings)
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
    workers = providers.Factory(
        Workers, bulk=settings.provided.concurrency, limits=providers.Callable(_limits, settings)
    )
    runner = providers.Factory(TaskRunner, ports, workers)
    engine = providers.Singleton(LocalEngine, runner.provider)

    rehearsal = providers.Callable(_rehearsal, ports, workers.provider)
