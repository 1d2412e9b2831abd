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
from medusa.domain.failures import Failure, FailureKind, TaskConflict, TaskLost, TaskNotFound
from medusa.domain.policy import Trouble
from medusa.domain.ports import Changed, TaskRepositoryPort
from medusa.domain.reopening import retried
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, Task, TaskStatus
from medusa.domain.values import Checkpoint, Intent, Media, Receipt, Span, StepSpec

PATIENCE_S = 20.0
"""Seconds after which a thread is taken to hang; nothing waits that long when all is well."""
TARGET = Target("youtube", "youtube", "YouTube")
OTHER = Target("vimeo", "vimeo", "Vimeo")
FAILURE = Failure(FailureKind.REJECTED, "too long")
CURSOR = Checkpoint({"session": "https://example.org/s"}, Span(7, 9), 7)

RepositoryOf = Callable[[int], TaskRepositoryPort]


def a_task(task_id: str, steps: int = 2, created_at: float = 1000.0, target: Target = TARGET) -> Task:
    """A task of so many steps, none of which has begun."""
    media = Media("/tmp/video.mp4", 5, "etag")
    specs = [StepSpec(f"step{n}", f"{task_id}:youtube:step{n}", {"text": "ä"}, media) for n in range(steps)]
    request = PublishRequest((target,), {target.key: {"title": "Tech Talk"}}, media)
    return Task(task_id, request, tuple(Step(spec, target.key) for spec in specs), created_at)


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


def begin(repository: TaskRepositoryPort, task: Task) -> int:
    """The first step starts; the epoch by which it was saved."""
    epoch = repository.take(task.id)
    repository.save_step(task.id, pipeline.started(task.steps[0], 1001.0), epoch)
    return epoch


def finish(repository: TaskRepositoryPort, task: Task) -> None:
    """All steps succeed."""
    epoch = repository.take(task.id)
    for step in task.steps:
        repository.save_step(task.id, pipeline.succeeded(step, Receipt("x"), 1002.0), epoch)


def fail(repository: TaskRepositoryPort, task: Task) -> None:
    """The first step fails, and nothing else starts."""
    epoch = repository.take(task.id)
    repository.save_step(task.id, pipeline.failed(task.steps[0], FAILURE, 1002.0), epoch)
    for step in task.steps[1:]:
        repository.save_step(task.id, pipeline.skipped(step, 1002.0), epoch)


def ids(tasks: tuple[Task, ...]) -> list[str]:
    return [task.id for task in tasks]


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

    def test_a_reader_of_all_changes_is_told_each_once(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("before"))
        changes = repository.changes()
        assert changes.wait(0.0) == Changed()
        repository.create(a_task("a"))
        epoch = repository.take("before")
        repository.save_step("before", rich(repository.get("before").steps[0]), epoch)
        assert changes.wait(None).ids == {"a", "before"}
        repository.ask_cancel("a")
        fail(repository, repository.get("a"))
        repository.delete("a")
        assert changes.wait(None).ids == {"a"}
        assert changes.wait(0.0) == Changed()
        changes.close()
        repository.set_paused("before", True)
        assert changes.wait(0.0) == Changed()

    def test_a_reader_of_all_changes_is_let_go(self, repository: TaskRepositoryPort) -> None:
        changes = repository.changes()
        reader = threading.Thread(target=lambda: changes.wait(None))
        reader.start()
        changes.close()
        reader.join(PATIENCE_S)
        assert not reader.is_alive()

    def test_revisions_are_told_of_those_that_are_there(self, repository: TaskRepositoryPort) -> None:
        for name in ("a", "b", "c"):
            repository.create(a_task(name))
        repository.ask_cancel("a")
        assert repository.revisions(["a", "b", "gone"]) == {"a": 2, "b": 1}
        assert repository.revisions(["a"], newest=2) == {"a": 2, "b": 1, "c": 1}
        assert repository.revisions([f"t{n}" for n in range(2000)]) == {}

    def test_a_reader_of_all_changes_is_woken(self, repository: TaskRepositoryPort) -> None:
        changes = repository.changes()
        found: list[Changed] = []
        reader = threading.Thread(target=lambda: found.append(changes.wait(PATIENCE_S)))
        reader.start()
        repository.create(a_task("a"))
        reader.join(PATIENCE_S)
        assert [change.ids for change in found] == [{"a"}]

    def test_who_takes_a_task_is_its_only_writer(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        first = repository.take("a")
        second = repository.take("a")
        assert second > first
        repository.save_step("a", pipeline.started(task.steps[0], 1001.0), second)
        now = repository.get("a")
        with pytest.raises(TaskLost, match="task a "):
            repository.save_step("a", pipeline.skipped(task.steps[0], 1002.0), first)
        with pytest.raises(TaskLost):
            repository.save_step_soon("a", pipeline.skipped(task.steps[1], 1002.0), first, announce=False).result()
        assert repository.get("a") == now

    def test_what_is_begun_in_order_is_done_in_order(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        epoch = repository.take_soon("a").result(PATIENCE_S)
        begun = [repository.save_step_soon("a", replace(task.steps[0], done=n), epoch) for n in range(1, 51)]
        given_up = repository.release_soon("a")
        begun[-1].result(PATIENCE_S)
        assert all(saved.done() for saved in begun)
        assert repository.get("a").steps[0].done == 50
        assert repository.get("a").revision == task.revision + 50
        given_up.result(PATIENCE_S)

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
        begin(repository, task)
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
        begin(repository, a_task("t0"))
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

    # ------------------------------------------------------------ finding

    def test_a_list_can_be_narrowed(self, repository: TaskRepositoryPort) -> None:
        for n in range(6):
            repository.create(a_task(f"t{n}", created_at=1000.0 + n, target=TARGET if n % 2 else OTHER))
        for n in (1, 2):
            finish(repository, a_task(f"t{n}"))
        assert ids(repository.recent(status=TaskStatus.COMPLETED)) == ["t2", "t1"]
        assert ids(repository.recent(target="youtube")) == ["t5", "t3", "t1"]
        assert ids(repository.recent(since=1003.0)) == ["t5", "t4", "t3"]
        assert ids(repository.recent(since=2000.0)) == []
        assert ids(repository.recent(1, "t4", since=1001.0, target="vimeo")) == ["t2"]
        assert ids(repository.recent(status=TaskStatus.COMPLETED, target="vimeo")) == ["t2"]
        assert ids(repository.recent(1, "t5", status=TaskStatus.PENDING, target="youtube", since=1001.0)) == ["t3"]
        assert ids(repository.recent(target="nobody")) == []
        with pytest.raises(TaskNotFound):
            repository.recent(before="nobody")

    def test_what_was_created_since_is_all_there_in_whatever_order_it_came(
        self, repository: TaskRepositoryPort
    ) -> None:
        """The clocks of several machines differ."""
        for name, created_at in (("a", 1005.0), ("b", 1001.0), ("c", 1003.0), ("d", 1002.0)):
            repository.create(a_task(name, created_at=created_at))
        assert ids(repository.recent(since=1003.0)) == ["c", "a"]
        assert ids(repository.recent(2, "d", since=1002.0)) == ["c", "a"]

    def test_the_counts_are_those_of_the_tasks(self, repository_of: RepositoryOf) -> None:
        repository = repository_of(2)
        assert repository.counts() == {"pending": 0, "in_progress": 0, "completed": 0, "failed": 0}
        for n in range(7):
            repository.create(a_task(f"t{n}"))
        for n in range(3):
            finish(repository, a_task(f"t{n}"))
        begin(repository, a_task("t3"))
        repository.ask_cancel("t4")
        fail(repository, a_task("t5"))
        assert repository.counts() == {"pending": 1, "in_progress": 2, "completed": 1, "failed": 1}
        repository.delete("t5")
        assert repository.counts() == {"pending": 1, "in_progress": 2, "completed": 1, "failed": 0}

    # ------------------------------------------------------------ one task a key

    def test_the_same_key_and_content_give_the_same_task(self, repository: TaskRepositoryPort) -> None:
        assert repository.create(a_task("a"), "key", "f1") == "a"
        fail(repository, a_task("a"))
        assert repository.create(a_task("b"), "key", "f1") == "a"
        assert repository.create(a_task("c"), "other key", "f1") == "c"
        assert repository.create(a_task("d")) == "d"
        assert repository.create(a_task("e")) == "e"
        assert ids(repository.recent()) == ["e", "d", "c", "a"]

    def test_the_same_key_with_other_content_is_refused(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"), "key", "f1")
        with pytest.raises(TaskConflict, match="task a"):
            repository.create(a_task("b"), "key", "f2")
        assert ids(repository.recent()) == ["a"]

    def test_a_key_is_free_again_once_its_task_is_gone(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"), "key", "f1")
        fail(repository, a_task("a"))
        repository.delete("a")
        assert repository.create(a_task("b"), "key", "f2") == "b"

    def test_one_of_many_who_use_a_key_at_once_makes_the_task(self, repository: TaskRepositoryPort) -> None:
        start, given = threading.Barrier(8), list[str]()

        def create(n: int) -> None:
            start.wait(PATIENCE_S)
            given.append(repository.create(a_task(f"t{n}"), "key", "f"))

        threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert given == [ids(repository.recent())[0]] * 8
        assert len(repository.recent()) == 1

    # ------------------------------------------------------------ pausing

    def test_a_paused_task_rests_until_it_is_told_to_go_on(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        repository.create(a_task("b"))
        before = repository.get("a")
        assert repository.set_paused("a", True) is True
        paused = repository.get("a")
        assert paused == replace(before, paused=True, revision=paused.revision, updated_at=paused.updated_at)
        assert paused.revision > before.revision
        assert repository.counts()["in_progress"] == 1
        assert repository.unfinished() == ("b",)
        assert repository.set_paused("a", False) is True
        assert repository.unfinished() == ("a", "b")
        assert repository.counts()["pending"] == 2

    def test_a_paused_task_in_which_something_runs_is_brought_to_rest(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        running = pipeline.started(task.steps[0], 1001.0)
        repository.save_step("a", running, repository.take("a"))
        repository.set_paused("a", True)
        assert repository.unfinished() == ("a",)
        assert repository.get("a").message == "Pausing..."
        repository.save_step("a", pipeline.suspended(running), repository.take("a"))
        assert repository.unfinished() == ()

    def test_a_paused_task_that_is_to_end_waits_for_someone_to_end_it(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        repository.set_paused("a", True)
        repository.ask_cancel("a")
        assert repository.unfinished() == ("a",)

    def test_what_is_to_end_or_to_rest_is_told_to_who_took_it(self, repository: TaskRepositoryPort) -> None:
        for name in ("resting", "cancelled", "both", "neither", "untaken", "ended"):
            repository.create(a_task(name))
            if name not in ("untaken", "ended"):
                repository.take(name)
        for name in ("resting", "both", "untaken", "ended"):
            repository.set_paused(name, True)
        for name in ("cancelled", "both"):
            repository.ask_cancel(name)
        finish(repository, a_task("ended"))
        assert repository.called_off() == {"resting": False, "cancelled": True, "both": True}
        repository.set_paused("resting", False)
        assert repository.called_off() == {"cancelled": True, "both": True}

    def test_a_task_that_has_ended_is_not_paused(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        finish(repository, a_task("a"))
        was = repository.get("a")
        assert repository.set_paused("a", True) is False
        assert repository.get("a") == was
        with pytest.raises(TaskNotFound):
            repository.set_paused("nobody", True)

    # ------------------------------------------------------------ going on with what has ended

    def test_a_failed_task_goes_on_where_it_stands(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a", steps=3)
        repository.create(task)
        epoch = repository.take("a")
        upload = replace(rich(task.steps[0]), intent=None, committed=False)
        repository.save_step("a", upload, epoch)
        repository.save_step("a", pipeline.failed(task.steps[1], FAILURE, 1002.0), epoch)
        repository.save_step("a", pipeline.stopped(upload, 1003.0), epoch)
        repository.save_step("a", pipeline.skipped(task.steps[2], 1003.0), epoch)
        failed = repository.get("a")
        assert failed.status is TaskStatus.FAILED
        again = repository.reopen(retried(failed))
        assert again == repository.get("a")
        assert again.steps == retried(failed).steps
        assert again.steps[0].checkpoint == upload.checkpoint
        assert again.revision > failed.revision
        assert repository.unfinished() == ("a",)
        with pytest.raises(TaskLost):
            repository.save_step("a", pipeline.started(again.steps[1], 1004.0), epoch)
        assert repository.get("a") == again, "the earlier run writes no more"
        finish(repository, again)
        assert repository.get("a").status is TaskStatus.COMPLETED
        assert repository.counts() == {"pending": 0, "in_progress": 0, "completed": 1, "failed": 0}

    def test_only_what_has_ended_and_is_unchanged_is_reopened(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        with pytest.raises(TaskConflict):
            repository.reopen(repository.get("a"))
        fail(repository, a_task("a"))
        seen = retried(repository.get("a"))
        repository.reopen(seen)
        fail(repository, a_task("a"))
        with pytest.raises(TaskConflict):
            repository.reopen(seen)
        with pytest.raises(TaskNotFound):
            repository.reopen(a_task("nobody"))
        assert repository.get("a").status is TaskStatus.FAILED

    def test_a_reopened_task_is_not_dropped_as_a_finished_one(self, repository_of: RepositoryOf) -> None:
        repository = repository_of(1)
        repository.create(a_task("a"))
        fail(repository, a_task("a"))
        repository.reopen(retried(repository.get("a")))
        for name in ("b", "c"):
            repository.create(a_task(name))
            finish(repository, a_task(name))
        assert ids(repository.recent()) == ["c", "a"]

    def test_what_has_ended_can_be_deleted(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        repository.create(a_task("b"))
        with pytest.raises(TaskConflict):
            repository.delete("a")
        finish(repository, a_task("a"))
        repository.delete("a")
        with pytest.raises(TaskNotFound):
            repository.get("a")
        with pytest.raises(TaskNotFound):
            repository.delete("a")
        assert ids(repository.recent()) == ["b"]

    # ------------------------------------------------------------ what gives access

    def test_a_completed_task_holds_nothing_that_gives_access(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        epoch = repository.take("a")
        for step in task.steps:
            repository.save_step("a", pipeline.succeeded(rich(step), Receipt("x"), 1002.0), epoch)
        assert [(step.checkpoint, step.intent) for step in repository.get("a").steps] == [(None, None)] * 2
        late = pipeline.succeeded(rich(task.steps[0]), Receipt("x"), 1002.0)
        repository.save_step("a", late, epoch, announce=False)
        assert repository.get("a").steps[0] == replace(late, checkpoint=None, intent=None)

    def test_a_cancelled_task_keeps_only_what_may_be_out(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a", steps=3)
        repository.create(task)
        epoch = repository.take("a")
        unseen = replace(rich(task.steps[0]), intent=None, committed=False, receipt=None, checkpoint=CURSOR)
        sent = replace(rich(task.steps[1]), receipt=None)
        for step in (unseen, sent):
            repository.save_step("a", step, epoch)
        repository.ask_cancel("a")
        for step in (unseen, sent):
            repository.save_step("a", pipeline.stopped(step, 1003.0), epoch)
        repository.save_step("a", pipeline.skipped(task.steps[2], 1003.0), epoch)
        kept = repository.get("a").steps
        assert kept[0].checkpoint is None
        assert (kept[1].checkpoint, kept[1].intent) == (sent.checkpoint, sent.intent)

    def test_of_a_cancelled_upload_with_an_id_no_session_is_kept(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a")
        repository.create(task)
        epoch = repository.take("a")
        sending = replace(CURSOR, known=Receipt("id1"))
        whole = replace(sending, want=None, done=9)
        repository.ask_cancel("a")
        for step, at in zip(task.steps, (sending, whole), strict=True):
            stopped = pipeline.stopped(replace(pipeline.started(step, 1001.0), checkpoint=at), 1003.0)
            repository.save_step("a", stopped, epoch)
        assert [step.checkpoint for step in repository.get("a").steps] == [Checkpoint(known=sending.known), whole]

    # ------------------------------------------------------------ what may be out

    def test_what_may_be_out_is_told_until_it_has_its_receipt(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a", steps=3)
        repository.create(task)
        repository.create(a_task("b"))
        epoch = repository.take("a")
        unseen = replace(rich(task.steps[0]), intent=None, committed=False)
        sent = replace(rich(task.steps[1]), committed=False)
        whole = replace(rich(task.steps[2]), intent=None)
        for step in (unseen, sent, whole):
            repository.save_step("a", step, epoch)
        assert sorted(repository.in_doubt(), key=lambda step: step.key) == [sent, whole]
        repository.save_step("a", pipeline.failed(sent, FAILURE, 1003.0), epoch)
        repository.save_step("a", pipeline.succeeded(whole, Receipt("id2"), 1003.0), epoch)
        assert repository.in_doubt() == (pipeline.failed(sent, FAILURE, 1003.0),)

    def test_who_has_published_something_is_known_by_its_id(self, repository: TaskRepositoryPort) -> None:
        task = a_task("a", steps=4)
        post = replace(task.steps[0], spec=replace(task.steps[0].spec, visible=True))
        task = replace(task, steps=(post, *task.steps[1:]))
        repository.create(task)
        epoch = repository.take("a")
        last_block = pipeline.committed(task.steps[1])
        for step, id_ in ((post, "post"), (last_block, "video"), (task.steps[2], "bytes")):
            repository.save_step("a", pipeline.succeeded(step, Receipt(id_), 1003.0), epoch)
        assert repository.publisher_of("post") == post.key
        assert repository.publisher_of("video") == last_block.key
        assert repository.publisher_of("bytes") is None, "nobody sees them"
        repository.save_step("a", pipeline.failed(task.steps[3], FAILURE, 1003.0), epoch)
        repository.delete("a")
        assert repository.publisher_of("post") is None

    # ------------------------------------------------------------ holding

    def test_who_released_a_task_can_take_it_again(self, repository: TaskRepositoryPort) -> None:
        repository.create(a_task("a"))
        first = repository.take("a")
        repository.release("a")
        repository.release("a")
        repository.release("nobody")
        assert repository.take("a") > first
        assert repository.take("a", force=True) > first + 1
