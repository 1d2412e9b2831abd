"""The repository on PostgreSQL passes the same exam, on a real server that is started for these tests."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.repositories.sql.database import Connection
from medusa.domain import pipeline
from medusa.domain.failures import ConfigError, MedusaError, StorageFailed, TaskConflict, TaskLost
from medusa.domain.ports import AccountsPort, Pending
from medusa.domain.task import Task
from tests.contract.repository_exam import PATIENCE_S, RepositoryOf, TaskRepositoryContract, a_task, begin, finish, ids
from tests.contract.test_accounts import AccountsContract
from tests.postgres import INSTALL, INSTALLED, server
from tests.support import require

__all__ = ["server"]

Open = Callable[..., "SqlRepository"]

if INSTALLED:
    import psycopg

    from medusa.adapters.repositories.sql.accounts import SqlAccounts
    from medusa.adapters.repositories.sql.address import Address
    from medusa.adapters.repositories.sql.key_file import KeyFile
    from medusa.adapters.repositories.sql.postgres import PostgresConnection, PostgresDatabase
    from medusa.adapters.repositories.sql.repository import SqlRepository
    from medusa.adapters.repositories.sql.store import Store


@pytest.fixture
def schema() -> str:
    return f"t{uuid.uuid4().hex}"


@pytest.fixture
def opened(server: str, schema: str, tmp_path: Path) -> Iterator[Open]:
    """Opens the database once more, as another process would. Closes all in the end."""
    made: list[SqlRepository] = []

    def open_(**settings: Any) -> SqlRepository:
        store = Store(PostgresDatabase(server, schema, patience_s=0.5))
        made.append(SqlRepository(store, KeyFile(tmp_path / "key"), **settings))
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
    begin(theirs, task)
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


def test_who_waits_for_his_turn_to_write_sees_what_was_written_before_it(opened: Open) -> None:
    ours, theirs = opened(), opened()
    task = a_task("a")
    ours.create(task)
    epoch = begin(ours, task)
    waiting: list[Pending[None]] = []

    def take(connection: Connection) -> None:
        waiting.append(ours.save_step_soon("a", pipeline.skipped(task.steps[1], 1002.0), epoch))
        deadline = time.monotonic() + PATIENCE_S
        while not connection.row("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert time.monotonic() < deadline
        connection.run("UPDATE tasks SET epoch = epoch + 1 WHERE id = 'a'")

    theirs._store.write(take)
    with pytest.raises(TaskLost):
        waiting[0].result(PATIENCE_S)


def test_tasks_outlive_the_process(opened: Open) -> None:
    first = opened()
    for name in ("a", "b"):
        first.create(a_task(name))
    finish(first, a_task("a"))
    before = first.recent()
    first.close()
    assert opened().recent() == before


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody:hunter2@/none?host={folder}",
        "postgresql://nobody:hunter2@localhost:1/none",
        "postgresql://nobody@localhost:1/none?password=hunter2",
        "postgresql://nobody:hunter2@[localhost/none",
        "postgresql://nobody:hunter2@localhost/none?passwort=hunter2",
        "host=localhost port=1 password hunter2",
    ],
)
def test_a_database_that_cannot_be_reached_is_refused(url: str, tmp_path: Path) -> None:
    require(INSTALLED, INSTALL)
    with pytest.raises(ConfigError, match="cannot be used") as refused:
        PostgresDatabase(url.format(folder=tmp_path))
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value)


def test_an_address_shows_no_password(server: str) -> None:
    address = Address("postgresql://me:hunter2@db.example.org:5433/medusa?sslpassword=s3cret")
    assert (repr(address), address.name) == ("Address(db.example.org:5433/medusa)", "db.example.org:5433/medusa")
    assert address.masked("me hunter2 s3cret") == "me *** ***"


def test_a_server_that_drops_its_clients_is_found_again(opened: Open, server: str) -> None:
    """As when it is restarted: what is held stays held, and others see it."""
    ours, theirs = opened(), opened()
    ours.create(a_task("a"))
    epoch = theirs.take("a")
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datid IS NOT NULL"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(ends)
    for repository in (ours, theirs):
        with suppress(MedusaError):
            repository.create(a_task("b"))
    theirs.save_step("a", pipeline.started(a_task("a").steps[0], 1001.0), epoch)
    assert theirs.take("a") == epoch + 1
    with pytest.raises(TaskConflict, match="is run by"):
        ours.take("a")


def test_after_a_restart_of_the_server_one_reader_is_told_of_it_and_not_each(opened: Open, server: str) -> None:
    repository = opened()
    repository.create(a_task("a"))
    with repository._store.reading(), repository._store.reading(), repository._store.reading():
        assert ids(repository.recent()) == ["a"]
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datid IS NOT NULL"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(ends)
    with pytest.raises(StorageFailed, match="cannot be read"):
        repository.get("a")
    assert repository.get("a").id == "a"
    assert ids(repository.recent()) == ["a"]


def test_a_break_that_the_server_has_not_noticed_holds_nobody_up(opened: Open, server: str) -> None:
    """The broken connection has the locks of this process, which they show to be alive, and then the new one."""
    ours, theirs = opened(), opened()
    ours.create(a_task("a"))
    ours.take("a")
    session = ours._store.database._session  # type: ignore[attr-defined]
    broken, session._connection = session._connection, psycopg.connect(server)
    session._connection.close()
    again = threading.Thread(target=session.keep, daemon=True)
    again.start()
    again.join(PATIENCE_S)
    assert not again.is_alive(), "it waits for its own lock"
    with pytest.raises(TaskConflict, match="is run by"):
        theirs.take("a")
    broken.close()
    deadline = time.monotonic() + 20.0
    while not session._held:  # the server's process lets go of the lock when it sees the end
        assert time.monotonic() < deadline
        session.keep()
    with pytest.raises(TaskConflict, match="is run by"):
        theirs.take("a")
    ours.close()
    assert theirs.take("a") == 2


def test_who_finds_the_database_held_for_long_is_told_so_when_he_opens_it(opened: Open) -> None:
    held = opened()._store.database.connect()
    held.begin(write=True)
    with pytest.raises(ConfigError, match=r"cannot be used: .* lock timeout"):
        opened()
    held.close()


def test_a_server_is_to_notice_soon_that_a_machine_has_vanished(opened: Open, server: str) -> None:
    """Over a Unix socket, as here, the setting shows only as what a reset would bring back."""
    asked = "SELECT reset_val FROM pg_settings WHERE name LIKE 'tcp_keepalives%' ORDER BY name"
    database: Any = opened()._store.database
    assert database._session._connection.execute(asked).fetchall() == [("3",), ("5",), ("2",)]
    with closing(database.connect()) as connection:
        assert connection.rows(asked) == [("3",), ("5",), ("2",)]


def test_an_address_may_hold_options_of_the_server(server: str) -> None:
    address = Address(f"{server}{'&' if '?' in server else '?'}options=-c%20work_mem%3D123kB")
    with address.connect("-c lock_timeout=7") as connection:
        found = connection.execute("SELECT current_setting('work_mem'), current_setting('lock_timeout')").fetchone()
    assert found == ("123kB", "7ms")


def broken_line(monkeypatch: pytest.MonkeyPatch, *, after: bool, times: int = 1) -> None:
    """It breaks before or after the server has committed, so many times."""
    commit, left = PostgresConnection.commit, [None] * times

    def committed(connection: PostgresConnection) -> None:
        if not left:
            return commit(connection)
        left.pop()
        if after:
            commit(connection)
        connection.close()
        raise psycopg.OperationalError("the line broke")

    monkeypatch.setattr(PostgresConnection, "commit", committed)


def test_a_task_whose_commit_was_not_confirmed_is_kept_once(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = opened()
    repository.create(a_task("a"))
    broken_line(monkeypatch, after=True)
    assert repository.create(a_task("b")) == "b"
    assert ids(repository.recent()) == ["b", "a"]


def test_a_task_whose_commit_was_lost_is_refused(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = opened()
    repository.create(a_task("a"))
    broken_line(monkeypatch, after=False)
    with pytest.raises(StorageFailed, match=r"cannot be written: .* closed$"):
        repository.create(a_task("b"))
    assert ids(repository.recent()) == ["a"]
    assert repository.create(a_task("b")) == "b"


def test_who_cannot_tell_whether_a_task_is_kept_says_so(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = opened()
    repository.create(a_task("a"))
    broken_line(monkeypatch, after=True, times=2)
    with pytest.raises(StorageFailed, match="whether task b is kept all the same cannot be told now"):
        repository.create(a_task("b"))


def test_another_machine_needs_the_same_key(opened: Open, tmp_path: Path) -> None:
    first = opened()
    right = (tmp_path / "key").read_bytes()
    (tmp_path / "key").unlink()
    with pytest.raises(ConfigError, match="there is no key: put the key there that other machines use"):
        opened()
    KeyFile(tmp_path / "key").make()
    with pytest.raises(ConfigError, match="another key"):
        opened()
    (tmp_path / "key").write_bytes(right)
    assert opened().recent() == first.recent()


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
