"""The repositories pass the exam."""

from __future__ import annotations

import threading

import pytest

from medusa.adapters.repositories.memory import MemoryRepository
from medusa.domain import pipeline
from medusa.domain.failures import TaskNotFound
from medusa.domain.values import Receipt
from tests.contract.repository_exam import PATIENCE_S, RepositoryOf, TaskRepositoryContract, a_task, begin, finish


class TestMemoryRepository(TaskRepositoryContract):
    @pytest.fixture
    def repository_of(self) -> RepositoryOf:
        return MemoryRepository

    def test_the_time_of_the_last_change_is_told(self) -> None:
        repository = MemoryRepository(now=lambda: 4321.0)
        task = a_task("a")
        repository.create(task)
        begin(repository, task)
        assert repository.get("a").updated_at == 4321.0

    def test_who_waits_for_a_task_that_is_dropped_is_told(self) -> None:
        repository = MemoryRepository(keep_finished=0)
        task = a_task("a")
        repository.create(task)
        told = threading.Event()

        def watch() -> None:
            try:
                repository.wait("a", 1_000_000, PATIENCE_S)
            except TaskNotFound:
                told.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        finish(repository, task)
        watcher.join(PATIENCE_S)
        assert told.is_set()

    def test_a_cancelled_task_is_unfinished_until_its_steps_have_ended(self) -> None:
        repository = MemoryRepository()
        task = a_task("a")
        repository.create(task)
        epoch = repository.take("a")
        repository.ask_cancel("a")
        assert repository.unfinished() == ("a",)
        repository.save_step("a", pipeline.started(task.steps[0], 1001.0), epoch)
        assert repository.unfinished() == ("a",)
        repository.save_step("a", pipeline.succeeded(task.steps[0], Receipt("x"), 1002.0), epoch)
        for step in task.steps[1:]:
            repository.save_step("a", pipeline.skipped(step, 1003.0), epoch)
        assert repository.unfinished() == ()
