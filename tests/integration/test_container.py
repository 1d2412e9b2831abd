"""The wiring: everything can be made, once, and from settings only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dependency_injector import errors, providers

from medusa import container
from medusa.adapters.engines.local import LocalEngine
from medusa.adapters.repositories.memory import MemoryRepository
from medusa.config import Settings
from medusa.container import Container
from medusa.domain.failures import ConfigError
from medusa.runner.runner import TaskRunner
from medusa.runner.workers import Workers

CONFIG = {
    "facebook": {"page_id": "1029", "access_token": "token"},
    "medusa": {"keep_tasks": 1, "concurrency": 3},
}


@pytest.fixture
def made() -> Container:
    return Container(settings=container.settings(CONFIG))


def closed(thing: object) -> None:
    """End the threads of what was made."""
    parts = thing if isinstance(thing, tuple) else (thing,)
    for part in parts:
        if isinstance(part, LocalEngine | TaskRunner | Workers):
            part.close()


@pytest.mark.parametrize("name", sorted(Container.providers))
def test_every_provider_builds(made: Container, name: str) -> None:
    thing = made.providers[name]()
    assert thing is not None
    closed(thing)


@pytest.mark.parametrize("name", sorted(Container.providers))
def test_what_is_shared_is_made_once(made: Container, name: str) -> None:
    provider = made.providers[name]
    first, second = provider(), provider()
    assert (first is second) is isinstance(provider, providers.Singleton | providers.Dependency)
    closed(first)
    closed(second)


def test_two_cores_share_nothing() -> None:
    one, other = (Container(settings=container.settings(CONFIG)) for _ in range(2))
    assert one.repository() is not other.repository()
    assert one.engine() is not other.engine()


@pytest.mark.parametrize("wrong", [None, {"facebook": {}}, "medusa_config.json"])
def test_settings_are_settings(wrong: object) -> None:
    with pytest.raises(errors.Error):
        Container(settings=wrong).settings()


@pytest.mark.parametrize(
    ("engine", "module", "says"),
    [
        (
            {"database_url": "postgresql://localhost/medusa"},
            "psycopg",
            r"database_url: needs psycopg: pip install",
        ),
        ({"path": "tasks.db", "key": "keyring"}, "keyring", r"key: needs keyring: pip install .*\[keyring\]"),
    ],
)
def test_a_missing_extra_is_named(
    engine: dict[str, str], module: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in tuple(sys.modules):
        if name.startswith(("medusa.adapters.repositories.sql", f"{module}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=rf"medusa\.engine\.{says}"):
        Container(settings=container.settings({**CONFIG, "medusa": {"engine": engine}})).repository()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "engine",
    [{"path": "t", "database_url": "postgresql://localhost/t"}, {"path": "t", "key": "keyring", "key_file": "k"}],
)
def test_tasks_and_their_key_lie_in_one_place(engine: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"medusa\.engine: "):
        container.settings({**CONFIG, "medusa": {"engine": engine}})


@pytest.mark.parametrize("url", ["db", "mysql://h/d", "postgresql://h", "postgresql://u:p@ss@h/d", "postgresql://[h/d"])
def test_an_address_of_no_database_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match=r"medusa\.engine\.database_url: must be like") as refused:
        container.settings({**CONFIG, "medusa": {"engine": {"database_url": url}}})
    assert "p@ss" not in str(refused.value)


def test_a_database_address_is_not_in_a_repr() -> None:
    url = "postgresql://me:hunter2@localhost/medusa"
    assert "hunter2" not in repr(container.settings({**CONFIG, "medusa": {"engine": {"database_url": url}}}))


def test_without_settings_nothing_is_made() -> None:
    with pytest.raises(errors.Error):
        Container().repository()


def test_the_settings_arrive(made: Container) -> None:
    settings = made.settings()
    assert isinstance(settings, Settings)
    assert made.ports().retry == {"facebook": settings.targets["facebook"].retry}
    assert made.ports().repository is made.repository()
    assert made.repository()._keep_finished == 1
    workers = made.workers()
    assert sum(thread.name.startswith("medusa-bulk") for thread in workers._threads) == 3
    workers.close()


def test_a_rehearsal_has_a_repository_of_its_own(made: Container) -> None:
    repository, engine = made.rehearsal()
    assert isinstance(repository, MemoryRepository)
    assert repository is not made.repository()
    assert engine is not made.engine()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Making things starts no engine thread."""
    import threading

    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "medusa-engine"]
