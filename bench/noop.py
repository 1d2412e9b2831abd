"""Medusa's own part in `bench.queues`: tasks of three steps that do nothing, by the real engine, runner and repository.

`python -m bench.noop COUNT FOLDER` prints the seconds from the first task's creation to the last one's end. As many
threads as in `bench.queues` ask for them, each for one after the other.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.queues import CALLERS
from medusa.adapters.engines.local import LocalEngine
from medusa.adapters.probe import MediaProbe
from medusa.adapters.repositories.sql.accounts import SqlAccounts
from medusa.adapters.repositories.sql.key_file import KeyFile
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.adapters.repositories.sql.sqlite import SqliteDatabase
from medusa.adapters.repositories.sql.store import Store
from medusa.domain.ports import Call, PublisherPort, RenewablePort, RulesPort
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, Task
from medusa.domain.values import Checkpoint, Receipt, StepSpec
from medusa.runner.ports import RunnerPorts
from medusa.runner.runner import TaskRunner
from medusa.runner.workers import Workers

TARGET = Target("noop", "noop", "Noop")
STEPS = ("first", "second", "third")


class NoopUploader:
    """UploaderPort for which there is nothing to do."""

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        return Checkpoint({"session": spec.key})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        return Receipt(spec.key)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        return at

    def abandon(self, call: Call, at: Checkpoint) -> None:
        """Nothing was left anywhere."""


class NoopTargets:
    """AdaptersPort of one target."""

    def keys(self) -> Iterator[str]:
        return iter((TARGET.key,))

    def target(self, key: str) -> Target:
        return TARGET

    def rules(self, key: str) -> RulesPort:
        raise NotImplementedError("these tasks are planned already")

    def found(self, key: str, spec: StepSpec, said: str) -> Receipt:
        return Receipt(said)

    def shows(self, key: str) -> bool:
        return False

    def made(self, key: str) -> bool:
        return True

    def uploader(self, key: str) -> NoopUploader:
        return NoopUploader()

    def publisher(self, key: str) -> PublisherPort:
        raise NotImplementedError("none of these steps is visible")

    def renewable(self, key: str) -> RenewablePort | None:
        return None

    def scopes(self, key: str) -> tuple[str, ...]:
        return ("noop:account",)


def noop_task(task_id: str) -> Task:
    """A task whose steps follow each other."""
    specs = (
        StepSpec(
            name, f"{task_id}:noop:{name}", {"title": "Tech Talk"}, after=STEPS[place - 1 : place] if place else ()
        )
        for place, name in enumerate(STEPS)
    )
    request = PublishRequest((TARGET,), {TARGET.key: {"title": "Tech Talk"}})
    return Task(task_id, request, tuple(Step(spec, TARGET.key) for spec in specs), time.time())


def carried(count: int, folder: Path) -> float:
    """Seconds for so many tasks on a new file."""
    store = Store(SqliteDatabase(folder / "tasks.db"))
    repository = SqlRepository(store, KeyFile(folder / "key"), keep_finished=None)
    ports = RunnerPorts(repository, NoopTargets(), SqlAccounts(store), MediaProbe())
    engine = LocalEngine(lambda: TaskRunner(ports, Workers()))
    tasks = [noop_task(f"t{number}") for number in range(count)]

    def ask(task: Task) -> None:
        repository.create(task)
        engine.submit(task.id)

    with ThreadPoolExecutor(CALLERS) as callers:
        begun = time.perf_counter()
        list(callers.map(ask, tasks))
        engine.wait_idle()
    taken = time.perf_counter() - begun
    assert repository.counts()["completed"] == count, repository.counts()
    engine.close()
    repository.close()
    return taken


if __name__ == "__main__":
    print(carried(int(sys.argv[1]), Path(sys.argv[2])))
