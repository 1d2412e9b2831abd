"""The repository on SQLite passes the exam, and what only a file can be asked."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from medusa.adapters.repositories.secrets import SESSION_LIVES_S
from medusa.adapters.repositories.sql import schema
from medusa.adapters.repositories.sql.key_file import KeyFile
from medusa.adapters.repositories.sql.query import page
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.adapters.repositories.sql.schema import MIGRATIONS
from medusa.adapters.repositories.sql.sqlite import SqliteConnection, SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
from medusa.domain import pipeline
from medusa.domain.failures import ConfigError, MedusaError, TaskConflict, TaskLost, TaskNotFound
from medusa.domain.reopening import retried
from medusa.domain.task import Step, StepState, Task, TaskStatus
from medusa.domain.values import Checkpoint, Intent, Receipt
from tests.contract.repository_exam import (
    CURSOR,
    FAILURE,
    PATIENCE_S,
    RepositoryOf,
    TaskRepositoryContract,
    a_task,
    begin,
    fail,
    finish,
    ids,
    rich,
)

Open = Callable[..., SqlRepository]
SECRET = "session-url-secret-0451"
UPLOAD = Checkpoint({"session": SECRET})
INTENT = Intent("k", {"message": "hi"}, "f00", SECRET, 1002.0, 1062.0)
TAKE_AND_WAIT = """
import sys
from pathlib import Path
from medusa.adapters.repositories.sql.key_file import KeyFile
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
folder = Path(sys.argv[1])
repository = SqlRepository(Store(SqliteDatabase(folder / "tasks.db")), KeyFile(folder / "key"))
print(repository.take("a"), flush=True)
sys.stdin.read()
"""

SAVE_FOR_EVER = """
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from medusa.adapters.repositories.sql.key_file import KeyFile
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
folder = Path(sys.argv[1])
repository = SqlRepository(Store(SqliteDatabase(folder / "tasks.db")), KeyFile(folder / "key"))
epoch, step = repository.take("a"), repository.get("a").steps[0]
for n in count(1):
    repository.save_step("a", replace(step, done=n), epoch, announce=bool(n % 2))
    print(n, flush=True)
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the file once more, as another process would. Closes all in the end."""
    made: list[SqlRepository] = []

    def open_(**settings: Any) -> SqlRepository:
        store = Store(SqliteDatabase(tmp_path / "tasks.db"))
        made.append(SqlRepository(store, KeyFile(tmp_path / "key"), **settings))
        return made[-1]

    yield open_
    for repository in made:
        repository.close()


@pytest.fixture
def holder(tmp_path: Path, opened: Open) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds task a."""
    opened().create(a_task("a"))
    command = [sys.executable, "-c", TAKE_AND_WAIT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        yield process
        process.kill()


def kept(file: Path, sql: str) -> list[tuple[object, ...]]:
    """What another program would read in the file."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


class TestSqliteRepository(TaskRepositoryContract):
    @pytest.fixture
    def repository_of(self, opened: Open) -> RepositoryOf:
        return lambda keep_finished: opened(keep_finished=keep_finished)


# ------------------------------------------------------------ the file


def test_tasks_outlive_the_process(opened: Open) -> None:
    first = opened()
    first.create(a_task("a"), "key", "f")
    epoch = first.take("a")
    first.save_step("a", rich(a_task("a").steps[0]), epoch)
    before = first.get("a")
    first.close()
    second = opened()
    assert second.get("a") == before
    assert second.create(a_task("b"), "key", "f") == "a"
    assert second.take("a") > epoch


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_the_file_of_an_earlier_version_is_brought_up_to_date(
    tmp_path: Path, opened: Open, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", MIGRATIONS[:version])
        SqliteDatabase(tmp_path / "tasks.db").close()
    tables = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    SqliteDatabase(tmp_path / "new.db").close()
    opened().create(a_task("a"))
    assert kept(tmp_path / "tasks.db", tables) == kept(tmp_path / "new.db", tables)
    assert kept(tmp_path / "tasks.db", "SELECT version FROM medusa_schema") == [(len(MIGRATIONS),)]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"since": 1.0}, "tasks_by_creation"),
        ({"since": 1.0, "target": "youtube"}, "tasks_by_creation"),
        ({"status": TaskStatus.FAILED, "target": "youtube"}, "tasks_by_status"),
    ],
)
def test_a_list_of_few_among_many_looks_at_those_few_alone(
    tmp_path: Path, opened: Open, asked: dict[str, Any], index: str
) -> None:
    """Statements that go through all tasks would use no index, or another."""
    opened()
    plans: list[str] = []
    with closing(SqliteConnection(tmp_path / "tasks.db", 1.0)) as connection:

        class Explained(SqliteConnection):
            def __init__(self) -> None: ...

            def rows(self, sql: str, *values: object) -> Any:
                plans.extend(str(row[3]) for row in connection.rows(f"EXPLAIN QUERY PLAN {sql}", *values))
                return connection.rows(sql, *values)

            def row(self, sql: str, *values: object) -> Any:
                return next(iter(self.rows(sql, *values)), None)

        page(Explained(), 20, None, **{"status": None, "target": None, "since": None, **asked})
    assert any(index in plan for plan in plans)
    assert not [plan for plan in plans if plan == "SCAN tasks"]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan], "it is read in its order"


def test_only_its_owner_can_read_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "medusa"
    repository = SqlRepository(Store(SqliteDatabase(folder / "tasks.db")), KeyFile(folder / "key"))
    repository.create(a_task("a"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    repository.close()
    assert modes == dict.fromkeys(["tasks.db", "tasks.db-wal", "tasks.db-shm", "tasks.db.lock", "key"], 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_commit_is_on_disk(opened: Open, tmp_path: Path) -> None:
    opened()
    with closing(SqliteConnection(tmp_path / "tasks.db", 1.0)) as connection:
        assert connection.row("PRAGMA synchronous") == (2,)
        assert connection.row("PRAGMA journal_mode") == ("wal",)


def test_many_can_open_a_new_file_at_once(opened: Open) -> None:
    start, errors = threading.Barrier(6), list[Exception]()

    def open_and_create(n: int) -> None:
        start.wait(PATIENCE_S)
        try:
            opened().create(a_task(f"t{n}"))
        except MedusaError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_and_create, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert errors == []
    assert len(opened().recent()) == 6


def test_a_file_of_a_newer_program_is_refused(opened: Open, tmp_path: Path) -> None:
    opened().close()
    with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as connection:
        connection.execute("UPDATE medusa_schema SET version = 99")
    with pytest.raises(ConfigError, match="newer Medusa"):
        opened()
    assert kept(tmp_path / "tasks.db", "SELECT version FROM medusa_schema") == [(99,)]


def test_what_is_no_database_of_ours_is_refused_and_left_as_it_is(opened: Open, tmp_path: Path) -> None:
    file = tmp_path / "tasks.db"
    file.write_bytes(b"these are my notes, not a database\n" * 100)
    with pytest.raises(ConfigError, match="not a database"):
        opened()
    assert file.read_bytes() == b"these are my notes, not a database\n" * 100
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    with pytest.raises(ConfigError, match="another program"):
        opened()
    assert kept(file, "SELECT name FROM sqlite_master") == [("notes",)]


def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        SqliteDatabase(tmp_path / "file" / "tasks.db")
    with pytest.raises(ConfigError, match="is a directory"):
        SqliteDatabase(tmp_path)


def test_what_is_closed_says_so(opened: Open) -> None:
    repository = opened()
    repository.close()
    repository.close()
    for use in (repository.counts, lambda: repository.create(a_task("a"))):
        with pytest.raises(MedusaError, match="closed"):
            use()


def test_who_waits_is_told_that_it_is_closed(opened: Open) -> None:
    repository = opened()
    repository.create(a_task("a"))
    told = threading.Semaphore(0)

    def watch() -> None:
        with pytest.raises(MedusaError, match="closed"):
            repository.wait("a", 1, PATIENCE_S)
        told.release()

    threads = [threading.Thread(target=watch) for _ in range(3)]
    for thread in threads:
        thread.start()
    repository.close()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert told.acquire(blocking=False)


# ------------------------------------------------------------ several processes


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


def test_all_who_wait_see_it_when_others_drop_the_task(opened: Open) -> None:
    ours, theirs = opened(), opened(keep_finished=0)
    ours.create(a_task("a"))
    told = threading.Semaphore(0)

    def watch() -> None:
        with pytest.raises(TaskNotFound):
            ours.wait("a", 1_000_000, PATIENCE_S)
        told.release()

    threads = [threading.Thread(target=watch) for _ in range(4)]
    for thread in threads:
        thread.start()
    finish(theirs, a_task("a"))
    for thread in threads:
        thread.join(PATIENCE_S)
        assert told.acquire(blocking=False)


def test_all_can_write_at_once(opened: Open) -> None:
    repositories = [opened() for _ in range(3)]
    task = a_task("a", steps=3)
    repositories[0].create(task)
    epoch = repositories[0].take("a")

    def work(repository: SqlRepository, step: Step) -> None:
        for n in range(1, 21):
            repository.save_step("a", replace(step, done=n), epoch)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(repositories, task.steps, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [step.done for step in repositories[1].get("a").steps] == [20] * 3
    assert repositories[2].get("a").revision == task.revision + 60


def test_what_was_saved_survives_a_kill(tmp_path: Path, opened: Open) -> None:
    task = a_task("a")
    opened().create(task)
    command = [sys.executable, "-c", SAVE_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        said += [int(line) for line in process.stdout if line.endswith("\n")]
    assert opened().get("a").steps[0].done in (said[-1], said[-1] + 1)


def test_the_wait_ends_when_its_time_is_over(opened: Open) -> None:
    repository = opened()
    repository.create(a_task("a"))
    others = [threading.Thread(target=repository.wait, args=("a", 1, 0.1)) for _ in range(3)]
    for thread in others:
        thread.start()
    assert repository.wait("a", 1, 0.05) is None
    for thread in others:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_a_task_is_held_by_one_process(holder: subprocess.Popen[str], opened: Open) -> None:
    repository = opened()
    with pytest.raises(TaskConflict, match=f"process {holder.pid} on"):
        repository.take("a")
    assert repository.unfinished() == ()
    repository.release("a")
    with pytest.raises(TaskConflict):
        repository.take("a")
    assert repository.take("a", force=True) == 2
    assert repository.unfinished() == ("a",)


def test_a_task_is_taken_over_when_its_holder_is_killed(holder: subprocess.Popen[str], opened: Open) -> None:
    repository = opened()
    holder.kill()
    holder.wait(PATIENCE_S)
    assert repository.unfinished() == ("a",)
    assert repository.take("a") == 2


def test_an_ended_task_that_is_held_elsewhere_is_not_reopened(opened: Open) -> None:
    ours, theirs = opened(), opened()
    ours.create(a_task("a"))
    fail(theirs, a_task("a"))
    with pytest.raises(TaskConflict, match="is run by"):
        ours.reopen(ours.get("a"))
    theirs.release("a")
    ours.reopen(ours.get("a"))


def test_who_closes_releases_all(opened: Open) -> None:
    ours, theirs = opened(), opened()
    for name in ("a", "b"):
        ours.create(a_task(name))
        theirs.take(name)
    assert ours.unfinished() == ()
    theirs.close()
    assert ours.unfinished() == ("a", "b")


def test_a_new_holder_is_not_taken_for_a_dead_one(opened: Open, holder: subprocess.Popen[str]) -> None:
    """Numbers are used again, and what the dead one held must not become the new one's."""
    holder.kill()
    holder.wait(PATIENCE_S)
    ours, theirs = opened(), opened()
    ours.create(a_task("b"))
    ours.take("b")
    assert theirs.unfinished() == ("a",)
    assert theirs.take("a") == 2


# ------------------------------------------------------------ what gives access


def saved(repository: SqlRepository, checkpoint: Checkpoint | None, intent: Intent | None) -> Step:
    """Task a with a step that runs, in the repository."""
    task = a_task("a")
    repository.create(task)
    step = replace(pipeline.started(task.steps[0], 1001.0), checkpoint=checkpoint, intent=intent)
    repository.save_step("a", step, repository.take("a"))
    return step


def test_secrets_are_not_in_the_file(opened: Open, tmp_path: Path) -> None:
    repository = opened()
    step = saved(repository, UPLOAD, INTENT)
    assert repository.get("a").steps[0] == step
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes()
    sealed = kept(tmp_path / "tasks.db", "SELECT checkpoint, intent FROM steps WHERE place = 0")[0]
    assert all(isinstance(column, bytes) for column in sealed)


def test_secrets_are_wiped_when_the_task_completes(opened: Open, tmp_path: Path) -> None:
    repository = opened()
    saved(repository, UPLOAD, INTENT)
    finish(repository, a_task("a"))
    assert kept(tmp_path / "tasks.db", "SELECT DISTINCT checkpoint, intent FROM steps") == [(None, None)]


def test_the_sessions_of_failed_tasks_are_wiped_when_their_life_is_over(opened: Open, tmp_path: Path) -> None:
    """`retry` begins anew then; what may be out keeps all that it is found by."""
    now = [1000.0]
    first = opened(now=lambda: now[0])
    known = replace(CURSOR, known=Receipt("id1", "https://example.org/1"))
    sent = replace(UPLOAD, commits=True)
    whole = replace(known, want=None, done=9)
    for name, checkpoint in (("a", CURSOR), ("b", known), ("c", sent), ("w", whole)):
        task = a_task(name)
        first.create(task)
        epoch = first.take(name)
        running = replace(pipeline.started(task.steps[0], 1001.0), checkpoint=checkpoint, committed=name == "c")
        first.save_step(name, running, epoch)
        first.save_step(name, pipeline.failed(task.steps[1], FAILURE, 1002.0), epoch)
        first.save_step(name, pipeline.stopped(running, 1002.0), epoch)
    now[0] += SESSION_LIVES_S - 1.0
    first.create(a_task("d"))
    assert [first.get(name).steps[0].checkpoint for name in "abcw"] == [CURSOR, known, sent, whole]
    now[0] += 3601.0
    first.create(a_task("e"))
    over = [None, Checkpoint(known=known.known), sent, whole]
    assert [first.get(name).steps[0].checkpoint for name in "abcw"] == over
    assert retried(first.get("b")).steps[0].checkpoint is None
    assert retried(first.get("c")).steps[0].checkpoint == sent
    assert retried(first.get("w")).steps[0].checkpoint == whole, "a second video would come of beginning anew"


def test_many_that_ended_at_one_instant_keep_nobody_from_forgetting(opened: Open) -> None:
    """They have nothing to forget, and are more than are looked at with one change."""
    now = [1000.0]
    repository = opened(keep_finished=None, now=lambda: now[0])
    exists = Checkpoint({"session": SECRET}, known=Receipt("id"))
    for name, at in (*((f"kept{n}", exists) for n in range(110)), ("last", CURSOR)):
        task = a_task(name, steps=1)
        repository.create(task)
        epoch = repository.take(name)
        begun = replace(pipeline.started(task.steps[0], 1001.0), checkpoint=at)
        repository.save_step(name, pipeline.failed(begun, FAILURE, 1002.0), epoch)
    now[0] += SESSION_LIVES_S + 1.0
    for name in "abc":
        repository.create(a_task(name))
    assert repository.get("last").steps[0].checkpoint is None
    assert repository.get("kept0").steps[0].checkpoint == exists


def test_without_the_key_an_upload_begins_anew(opened: Open, tmp_path: Path) -> None:
    first = opened()
    step = saved(first, CURSOR, None)
    first.close()
    (tmp_path / "key").unlink()
    second = opened()
    assert second.get("a").steps[0] == replace(step, checkpoint=None)
    second.save_step("a", step, second.take("a"))
    assert second.get("a").steps[0] == step


@pytest.mark.parametrize("lost", [lambda key: key.unlink(), lambda key: key.write_bytes(b"A" * 43 + b"=\n")])
@pytest.mark.parametrize("sent", [{"intent": INTENT}, {"checkpoint": UPLOAD, "committed": True}])
def test_without_the_key_nothing_goes_on_that_may_be_out(
    opened: Open, tmp_path: Path, lost: Callable[[Path], object], sent: dict[str, Any]
) -> None:
    first = opened()
    step = replace(saved(first, None, None), **sent)
    first.save_step("a", step, first.take("a"))
    first.close()
    right = (tmp_path / "key").read_bytes()
    lost(tmp_path / "key")
    with pytest.raises(ConfigError, match="may be published already"):
        opened()
    (tmp_path / "key").write_bytes(right)
    assert opened().get("a").steps[0] == step


def test_a_file_that_holds_no_key_is_refused(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2")
    with pytest.raises(ConfigError, match="holds no key"):
        opened()
    assert (tmp_path / "key").read_text() == "hunter2"


def test_a_secret_cannot_be_put_in_another_place(opened: Open, tmp_path: Path) -> None:
    saved(opened(), UPLOAD, INTENT)
    with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as connection:
        connection.execute("UPDATE steps SET intent = checkpoint WHERE place = 0")
    with pytest.raises(MedusaError, match="cannot be decrypted, and may have been published"):
        opened().get("a")


def test_what_cannot_be_read_concerns_its_own_task_alone(opened: Open, tmp_path: Path) -> None:
    """Others are listed, published, and looked for, with it as a rival of which nobody knows what it sent."""
    now = [1000.0]
    repository = opened(now=lambda: now[0])
    task, other = a_task("a"), a_task("b")
    sent = {}
    for one in (task, other):
        repository.create(one)
        epoch = repository.take(one.id)
        sent[one.id] = pipeline.intended(pipeline.started(one.steps[1], 1001.0), INTENT)
        begun = replace(pipeline.started(one.steps[0], 1001.0), checkpoint=CURSOR)
        for step in (begun, sent[one.id], pipeline.failed(sent[one.id], FAILURE, 1002.0)):
            repository.save_step(one.id, step, epoch)
        repository.save_step(one.id, pipeline.stopped(begun, 1002.0), epoch)
    with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as connection:
        connection.execute("UPDATE steps SET intent = x'00' WHERE intent IS NOT NULL AND task_id = 'a'")
    in_doubt = {step.key: step.intent for step in repository.in_doubt()}
    assert in_doubt == {task.steps[1].key: None, other.steps[1].key: INTENT}
    assert ids(repository.recent()) == ["b", "a"]
    now[0] += SESSION_LIVES_S + 3601.0
    repository.create(a_task("c"))
    assert repository.get("b").steps[0].checkpoint is None, "its session is over"
    with pytest.raises(MedusaError, match="cannot be decrypted"):
        opened().get("a")


# ------------------------------------------------------------ retention


def test_tasks_are_dropped_some_days_after_their_end(opened: Open) -> None:
    now = [1000.0]
    repository = opened(keep_finished=None, keep_days=2, now=lambda: now[0])
    for name in ("a", "b", "c"):
        repository.create(a_task(name))
    finish(repository, a_task("a"))
    now[0] += 86_400
    finish(repository, a_task("b"))
    now[0] += 86_401
    repository.create(a_task("d"))
    assert ids(repository.recent()) == ["d", "c", "b"]
    assert repository.counts()["completed"] == 1


def test_what_is_dropped_leaves_nothing(opened: Open, tmp_path: Path) -> None:
    repository = opened(keep_finished=0)
    repository.create(a_task("a"))
    finish(repository, a_task("a"))
    for table in ("tasks", "requests", "task_targets", "steps"):
        assert kept(tmp_path / "tasks.db", f"SELECT count(*) FROM {table}") == [(0,)], table


# ------------------------------------------------------------ trouble with the disk


class Small(SqliteDatabase):
    """A file on a disk that can be full, or not writable."""

    connections: tuple[SqliteConnection, ...] = ()

    def connect(self) -> SqliteConnection:
        connection = super().connect()
        self.connections += (connection,)
        return connection

    def set(self, pragma: str) -> None:
        for connection in self.connections[1:]:  # the first one made the tables, and is closed
            connection.run(f"PRAGMA {pragma}")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Small, SqlRepository]]:
    database = Small(tmp_path / "tasks.db", patience_s=0.05)
    repository = SqlRepository(Store(database), KeyFile(tmp_path / "key"))
    yield database, repository
    repository.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(small: tuple[Small, SqlRepository]) -> None:
    database, repository = small
    task = a_task("a", steps=200)
    pages = int(str(kept(database.path, "PRAGMA page_count")[0][0]))
    database.set(f"max_page_count = {pages}")
    refused = 0
    while not repository.recent():
        with suppress(MedusaError):
            repository.create(task)
            continue
        refused += 1
        assert repository.counts()["pending"] == 0
        for table in ("tasks", "requests", "task_targets", "steps"):
            assert kept(database.path, f"SELECT count(*) FROM {table}") == [(0,)]
        database.set(f"max_page_count = {pages + refused}")
    assert refused > 10
    assert repository.get("a") == task


def test_a_step_that_finds_the_disk_full_stays_as_it_was(small: tuple[Small, SqlRepository]) -> None:
    database, repository = small
    task = a_task("a")
    repository.create(task)
    epoch = repository.take("a")
    before = repository.get("a")
    large = replace(pipeline.started(task.steps[0], 1001.0), note="x" * 100_000)
    database.set("max_page_count = 1")
    with pytest.raises(MedusaError, match="disk is full"):
        repository.save_step("a", large, epoch)
    assert repository.get("a") == before
    database.set("max_page_count = 100000")
    repository.save_step("a", large, epoch)
    assert repository.get("a").steps[0] == large


def test_what_cannot_be_written_is_told(small: tuple[Small, SqlRepository]) -> None:
    database, repository = small
    repository.create(a_task("a"))
    database.set("query_only = 1")
    with pytest.raises(MedusaError, match=f"{database.name} cannot be written: attempt to write a readonly database"):
        repository.create(a_task("b"))
    database.set("query_only = 0")
    repository.create(a_task("b"))
    assert ids(repository.recent()) == ["b", "a"]


def test_a_file_that_is_locked_for_long_is_told(small: tuple[Small, SqlRepository]) -> None:
    database, repository = small
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MedusaError, match="database is locked"):
            repository.create(a_task("a"))
        assert repository.recent() == ()
        other.execute("COMMIT")
    repository.create(a_task("a"))
    assert ids(repository.recent()) == ["a"]


def test_one_refusal_spoils_nobody_elses_change(opened: Open) -> None:
    repository = opened()
    repository.create(a_task("a"))
    start, refused = threading.Barrier(16), list[int]()

    def create(n: int) -> None:
        start.wait(PATIENCE_S)
        task = a_task(f"t{n}") if n % 2 else a_task("a")
        try:
            repository.create(task)
        except TaskConflict:
            refused.append(n)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(refused) == list(range(0, 16, 2))
    assert sorted(ids(repository.recent())) == ["a", *sorted(f"t{n}" for n in range(1, 16, 2))]


def test_a_bug_in_one_change_spoils_nobody_elses(opened: Open) -> None:
    repository = opened()
    with pytest.raises(TypeError):
        repository.create(replace(a_task("a"), request=replace(a_task("a").request, metadata={"x": {1, 2}})))
    assert repository.recent() == ()
    repository.create(a_task("a"))


@pytest.mark.parametrize("wrong", [sqlite3.IntegrityError, sqlite3.ProgrammingError])
def test_a_wrong_statement_is_no_trouble_of_the_storage(
    small: tuple[Small, SqlRepository], monkeypatch: pytest.MonkeyPatch, wrong: type[sqlite3.Error]
) -> None:
    """Which is over some time: whoever waits for that would wait for ever."""
    _, repository = small

    def refuse(*_: object) -> None:
        raise wrong("it will never do")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteConnection, "run", refuse)
        with pytest.raises(wrong, match="it will never do"):
            repository.create(a_task("a"))
    with monkeypatch.context() as patch:
        patch.setattr(SqliteConnection, "rows", refuse)
        patch.setattr(SqliteConnection, "row", refuse)
        with pytest.raises(wrong, match="it will never do"):
            repository.recent()
    repository.create(a_task("a"))
    assert ids(repository.recent()) == ["a"]


# ------------------------------------------------------------ what is remembered of tasks between their saves


def test_who_saves_sees_what_others_have_asked_for_meanwhile(opened: Open) -> None:
    first, second = opened(), opened()
    task = a_task("a")
    first.create(task)
    epoch = begin(first, task)
    second.ask_cancel("a")
    for step in task.steps:
        first.save_step("a", pipeline.stopped(rich(step), 1002.0), epoch)
    left = second.get("a")
    assert left == first.get("a")
    assert (left.status, left.cancel_asked) == (TaskStatus.FAILED, True)
    assert left.revision == task.revision + 2 + len(task.steps)
    assert first.counts() == {"pending": 0, "in_progress": 0, "completed": 0, "failed": 1}


def test_who_saves_sees_that_another_has_taken_the_task(opened: Open) -> None:
    first, second = opened(), opened()
    task = a_task("a")
    first.create(task)
    epoch = begin(first, task)
    second.take("a", force=True)
    with pytest.raises(TaskLost):
        first.save_step("a", pipeline.skipped(task.steps[1], 1002.0), epoch)
    assert second.get("a").steps[1] == task.steps[1]


def test_what_one_task_cannot_save_keeps_no_other_from_it(opened: Open) -> None:
    repository = opened()
    for name in ("lost", "kept"):
        repository.create(a_task(name))
    old, epoch = repository.take("lost"), repository.take("kept")
    repository.take("lost")
    step = a_task("kept").steps[0]
    late = repository.save_step_soon("lost", pipeline.started(a_task("lost").steps[0], 1001.0), old)
    gone = repository.save_step_soon("gone", pipeline.started(step, 1001.0), 1)
    saved = repository.save_step_soon("kept", pipeline.started(step, 1001.0), epoch)
    released = repository.release_soon("kept")
    with pytest.raises(TaskLost):
        late.result(PATIENCE_S)
    for other in (gone, saved, released):
        other.result(PATIENCE_S)
    assert repository.get("kept").steps[0].state is StepState.RUNNING
    assert repository.get("lost").steps[0].state is StepState.WAITING


def test_an_sqlite_that_cannot_do_it_is_refused(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    with pytest.raises(ConfigError, match=r"is too old, 3\.33 or later is needed"):
        opened()


def test_a_writer_knows_whether_others_have_written(opened: Open, tmp_path: Path) -> None:
    opened()
    with (
        closing(SqliteConnection(tmp_path / "tasks.db", PATIENCE_S)) as mine,
        closing(SqliteConnection(tmp_path / "tasks.db", PATIENCE_S)) as theirs,
    ):

        def told(connection: SqliteConnection) -> bool:
            connection.begin(write=True)
            told = connection.written_elsewhere()
            connection.run("INSERT INTO throttles VALUES (?, 1.0)", uuid4().hex)
            connection.commit()
            return told

        assert told(mine), "it cannot know of what was before"
        assert [told(mine), told(mine)] == [False, False]
        told(theirs)
        assert [told(mine), told(mine)] == [True, False]
        theirs.begin(write=True)
        waiting = list[bool]()
        thread = threading.Thread(target=lambda: waiting.append(told(mine)))
        thread.start()
        theirs.run("INSERT INTO throttles VALUES ('while it waits', 1.0)")
        theirs.commit()
        thread.join(PATIENCE_S)
        assert waiting == [True]
