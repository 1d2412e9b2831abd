"""The wiring: everything can be made, once, and from settings only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dependency_injector import errors, providers

from medusa import container
from medusa.adapters.engines.local import LocalEngine
from medusa.adapters.repositories.memory import MemoryRepository
from medusa.config import Settings
from medusa.container import Container
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
