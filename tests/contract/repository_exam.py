"""The exam that every TaskRepositoryPort passes.

Subclass `TaskRepositoryContract` and give the fixture `repository_of`: a function from `keep_finished` to a repository
in which there is nothing yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, TaskConflict, TaskNotFound
from medusa.domain.policy import Trouble
from medusa.domain.ports import TaskRepositoryPort
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, Task
from medusa.domain.values import Checkpoint, Intent, Media, Receipt, Span, StepSpec

PATIENCE_S = 20.0
"""Seconds after which a thread is taken to hang; nothing waits that long when all is well."""
TARGET = Target("youtube", "youtube", "YouTube")

RepositoryOf = Callable[[int], TaskRepositoryPort]


def a_task(task_id: str, steps: int = 2, created_at: float = 1000.0) -> Task:
    """A task of so many steps, none of which has begun."""
    media = Media("/tmp/video.mp4", 5, "etag")
    specs = [StepSpec(f"step{n}", f"{task_id}:youtube:step{n}", {"text": "ä"}, media) for n in range(steps)]
    request = PublishRequest((TARGET,), {"youtube": {"title": "Tech Talk"}}, media)
    return Task(task_id, request, tuple(Step(spec, "youtube") for spec in specs), created_at)


def rich(step: Step) -> Step:
    """The step with something in every field that a runner writes."""
    receipt = Receipt("id1", "https://example.org/1", {"etag": [1, None]}, 99.5, ("mind the gap",))
    return replace(
        pipeline.started(step, 1001.0),
        attempt=3,
        trouble=Trouble(2, 1000.5),
        done=7,
        total=9,
        note="processing 40 %",
        wait_until=1234.5,
        checkpoint=Checkpoint({"session": "https://example.org/s"}, Span(7, 9), 7, True, 2.5, "soon", receipt),
        intent=Intent(step.key, {"message": "hi"}, "f00", "handle", 1002.0, 1062.0),
        committed=True,
        reopened=True,
        receipt=receipt,
        failure=Failure(FailureKind.QUOTA, "used up", "quotaExceeded", True, False, 2000.0, "p:1", "Wait."),
        warnings=("one", "two"),
        ended_at=1003.0,
    )


def finish(repository: TaskRepositoryPort, task: Task) -> None:
    """All steps succeed."""
    epoch = repository.take(task.id)
    for step in task.steps:
        repository.save_step(task.id, pipeline.succeeded(step, Receipt("x"), 1002.0), epoch)


class TaskRepositoryContract:
    @pytest.fixture
    def repository_of(self) -> RepositoryOf:
        raise NotImplementedError("a subclass gives it")

    @pytest.fixture
    def repository(self, repository_of: RepositoryOf) -> TaskRepositoryPort:
        return repository_of(100)

    # ------------------------------------------------------------ keeping

    def test_a_task_is_kept_as_it_is(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        repository.create(a_task("b", steps=1, created_at=1001.0))
        assert repository.get("a") == a_task("a")
        assert repository.get("b") == a_task("b", steps=1, created_at=1001.0)

    def test_an_id_is_used_once(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        with pytest.raises(TaskConflict):
            repository.create(a_task("a", steps=1))
        assert repository.get("a") == a_task("a")

    def test_an_unknown_task_is_not_found(self, repository: TaskRepositoryPort) -> None:
        for ask in (repository.get, repository.take, repository.ask_cancel):
            with pytest.raises(TaskNotFound):
                ask("nobody")
        with pytest.raises(TaskNotFound):
            repository.wait("nobody", 0, 0.0)

    def test_all_of_a_step_is_saved_and_no_other_step_is_touched(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a", steps=3)
        repository.create(task)
        repository.create(a_task("b"))
        step = rich(task.steps[1])
        repository.save_step("a", step, repository.take("a"))
        assert repository.get("a").steps == (task.steps[0], step, task.steps[2])
        assert repository.get("b") == a_task("b")

    # ------------------------------------------------------------ revisions

    def test_an_announced_change_raises_the_revision(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        epoch = repository.take("a")
        revisions = [repository.get("a").revision]
        for n in range(5):
            repository.save_step("a", replace(task.steps[0], done=n), epoch)
            revisions.append(repository.get("a").revision)
        assert revisions[0] == task.revision
        assert revisions == sorted(set(revisions))

    def test_a_quiet_change_is_saved_and_raises_nothing(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        repository.save_step("a", rich(task.steps[0]), repository.take("a"), announce=False)
        assert repository.get("a").steps[0] == rich(task.steps[0])
        assert repository.get("a").revision == task.revision
        assert repository.wait("a", task.revision, 0.0) is None

    def test_wait_returns_at_once_what_is_newer(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        assert repository.wait("a", task.revision - 1, None) == task
        assert repository.wait("a", task.revision, 0.0) is None

    def test_watchers_see_each_change_that_they_wait_for(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        epoch = repository.take("a")
        seen: list[int] = []
        turn = threading.Semaphore(0)

        def watch() -> None:
            revision = task.revision
            while len(seen) < 30:
                found = repository.wait("a", revision, PATIENCE_S)
                if found is None:
                    return
                revision = found.revision
                seen.append(found.steps[0].done)
                turn.release()

        watcher = threading.Thread(target=watch)
        watcher.start()
        for n in range(1, 31):
            repository.save_step("a", replace(task.steps[0], done=n), epoch)
            assert turn.acquire(timeout=PATIENCE_S), f"change {n} was not seen"
        watcher.join(PATIENCE_S)
        assert seen == list(range(1, 31))

    # ------------------------------------------------------------ one writer

    def test_who_takes_a_task_is_its_only_writer(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        first = repository.take("a")
        second = repository.take("a")
        assert second > first
        repository.save_step("a", pipeline.started(task.steps[0], 1001.0), second)
        now = repository.get("a")
        repository.save_step("a", pipeline.skipped(task.steps[0], 1002.0), first)
        repository.save_step("a", pipeline.skipped(task.steps[1], 1002.0), first, announce=False)
        assert repository.get("a") == now

    def test_taking_one_task_takes_no_other(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        repository.create(a_task("b"))
        epoch = repository.take("a")
        for _ in range(3):
            repository.take("b")
        repository.save_step("a", rich(task.steps[0]), epoch)
        assert repository.get("a").steps[0] == rich(task.steps[0])

    def test_steps_saved_from_many_threads_are_all_there(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a", steps=6)
        repository.create(task)
        epoch = repository.take("a")

        def work(step: Step) -> None:
            for n in range(1, 41):
                repository.save_step("a", replace(step, done=n), epoch)

        threads = [threading.Thread(target=work, args=(step,)) for step in task.steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [step.done for step in repository.get("a").steps] == [40] * 6
        assert repository.get("a").revision >= task.revision + 240

    # ------------------------------------------------------------ cancelling

    def test_a_cancel_is_remembered(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        repository.save_step("a", pipeline.started(task.steps[0], 1001.0), repository.take("a"))
        revision = repository.get("a").revision
        assert repository.ask_cancel("a") is True
        assert repository.get("a").cancel_asked
        assert repository.get("a").revision > revision

    def test_a_task_that_has_ended_is_not_cancelled(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        finish(repository, task)
        was = repository.get("a")
        assert repository.ask_cancel("a") is False
        assert repository.get("a") == was

    # ------------------------------------------------------------ lists

    def test_recent_pages_through_everything_newest_first(self, repository: TaskRepositoryPort) -> None:
        for n in range(7):
            repository.create(a_task(f"t{n}", created_at=1000.0 + n))
        assert repository.recent()[0] == a_task("t6", created_at=1006.0)
        found: list[str] = []
        while page := repository.recent(3, found[-1] if found else None):
            assert len(page) <= 3
            found += [task.id for task in page]
        assert found == [f"t{n}" for n in reversed(range(7))]

    def test_unfinished_are_those_that_have_not_ended_oldest_first(self, repository: TaskRepositoryPort) -> None:
        for n in range(4):
            repository.create(a_task(f"t{n}", created_at=1000.0 + n))
        finish(repository, a_task("t1"))
        repository.save_step("t0", pipeline.started(a_task("t0").steps[0], 1001.0), repository.take("t0"))
        assert repository.unfinished() == ("t0", "t2", "t3")

    # ------------------------------------------------------------ bounds

    def test_past_the_bound_those_that_finished_first_are_dropped(self, repository_of: RepositoryOf) -> None:
        repository = repository_of(2)
        for n in range(5):
            repository.create(a_task(f"t{n}", created_at=1000.0 + n))
        for n in (3, 1, 4, 0):
            finish(repository, a_task(f"t{n}"))
        for dropped in ("t3", "t1"):
            with pytest.raises(TaskNotFound):
                repository.get(dropped)
        assert [task.id for task in repository.recent()] == ["t4", "t2", "t0"]
        assert repository.unfinished() == ("t2",)

    def test_a_step_saved_too_late_is_ignored(self, repository_of: RepositoryOf) -> None:
        repository = repository_of(0)
        task = a_task("a")
        repository.create(task)
        epoch = repository.take("a")
        for step in task.steps:
            repository.save_step("a", pipeline.succeeded(step, Receipt("x"), 1002.0), epoch)
        repository.save_step("a", rich(task.steps[0]), epoch)
        with pytest.raises(TaskNotFound):
            repository.get("a")
