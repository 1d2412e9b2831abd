"""A file with a million finished tasks: how soon it is ready, how fast one task and a page of them are read.

`python -m bench.million FILE` measures one file, after its imports, and prints the figures as JSON.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bench.noop import noop_task
from medusa.adapters.repositories.sql.key_file import KeyFile
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.adapters.repositories.sql.sqlite import SqliteConnection, SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
from medusa.domain import pipeline
from medusa.domain.task import TaskStatus
from medusa.domain.values import Receipt

MANY = 1_000_000
FIRST = "t0000000"
READS = 2000
PAGE = 20
"""As many as `medusa list` shows."""
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
_COPIES = (
    f"{_NUMBERS} INSERT INTO tasks (seq, id, status, revision, epoch, created_at, updated_at, finished_at, finish_no,"
    " fingerprint) SELECT n + 1, printf('t%07d', n), status, revision, epoch, created_at + n, updated_at + n,"
    f" finished_at + n, n + 1, fingerprint FROM numbers, tasks WHERE id = '{FIRST}'",
    f"{_NUMBERS} INSERT INTO requests SELECT printf('t%07d', n), body FROM numbers, requests WHERE task_id = '{FIRST}'",
    f"{_NUMBERS} INSERT INTO task_targets SELECT target, n + 1 FROM numbers, task_targets",
    f"{_NUMBERS} INSERT INTO steps (task_id, place, step_key, state, required, may_be_out, progress, spec) SELECT"
    f" printf('t%07d', n), place, replace(step_key, '{FIRST}', printf('t%07d', n)), state, required, may_be_out,"
    f" progress, replace(spec, '{FIRST}', printf('t%07d', n)) FROM numbers, steps WHERE task_id = '{FIRST}'",
)


def run(count: int = MANY) -> None:
    """The large file against one with a single task."""
    with tempfile.TemporaryDirectory(prefix="medusa-bench-") as folder:
        small, large = Path(folder) / "small" / "tasks.db", Path(folder) / "large" / "tasks.db"
        for file, copies in ((small, 0), (large, count - 1)):
            _make(file, copies)
        one, many = _measured(small), _measured(large)
        size = large.stat().st_size / 2**20
    print(f"a file with {count} finished tasks ({size:.0f} MB)\n{'':34}{'one task':>10}{'all':>10}{'allowed':>10}")
    for name, allowed in (
        ("ready, ms", 2000),
        ("get p99, ms", 10),
        ("page p99, ms", 10),
        ("page of a target p99, ms", 10),
    ):
        print(f"{name:34}{one[name]:10.2f}{many[name]:10.2f}{allowed:10g}")
    print(f"{'memory, MB':34}{one['memory, MB']:10.1f}{many['memory, MB']:10.1f}{one['memory, MB'] + 20:10.1f}\n")


def _opened(file: Path) -> SqlRepository:
    return SqlRepository(Store(SqliteDatabase(file)), KeyFile(file.with_name("key")), keep_finished=None)


def _make(file: Path, copies: int) -> None:
    """One task as the product itself writes it, and copies of its rows under other ids."""
    repository = _opened(file)
    task = noop_task(FIRST)
    repository.create(task)
    epoch = repository.take(FIRST)
    for step in task.steps:
        done = pipeline.succeeded(
            replace(step, attempt=2, started_at=1.0), Receipt("id", "https://example.org/id"), 2.0
        )
        repository.save_step(FIRST, done, epoch)
    repository.close()
    if copies:
        with closing(SqliteConnection(file, 10.0)) as connection:
            connection.run("PRAGMA synchronous = OFF")
            connection.begin(write=True)
            for sql in _COPIES:
                connection.run(sql, copies)
            connection.run("UPDATE counts SET n = ? WHERE status = 'completed'", copies + 1)
            connection.commit()
            connection.run("PRAGMA wal_checkpoint(TRUNCATE)")


def _measured(file: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.million", str(file)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measure(file: Path) -> dict[str, float]:
    begun = time.perf_counter()
    repository = _opened(file)
    repository.unfinished()
    newest = repository.recent(1)[0].id
    ready = 1000 * (time.perf_counter() - begun)
    last = int(newest[1:])
    pick = random.Random(1)

    def some() -> str:
        return f"t{pick.randint(0, last):07d}"

    figures = {
        "ready, ms": ready,
        "get p99, ms": _p99(lambda: repository.get(some())),
        "page p99, ms": _p99(lambda: repository.recent(PAGE, some(), status=TaskStatus.COMPLETED)),
        "page of a target p99, ms": _p99(lambda: repository.recent(PAGE, some(), target="noop")),
        "memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    repository.close()
    return figures


def _p99(read: Callable[[], object], times: int = READS) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        read()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.quantiles(taken, n=100)[98]


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
