"""A visible step: its intent is saved, it is sent once, and what may have got through is looked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from medusa.adapters.platforms.fake.adapter import KEY_LIVES_S
from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, PlatformError, StorageFailed
from medusa.domain.policy import RetryPolicy
from medusa.domain.reopening import resolved, retried
from medusa.domain.task import Step, StepState, Task, TaskStatus, status_reply
from medusa.domain.values import Intent, LookAgain, Receipt, StepSpec, Verdict
from medusa.runner.runner import TaskRunner
from tests.unit.runner.bench import Bench, step
from tests.unit.runner.conftest import BenchOf

POST = {"message": "It is out"}
LOST = Failure(FailureKind.TRANSIENT, "the reply was lost", "connection lost")
REFUSED = Failure(FailureKind.TRANSIENT, "busy", "HTTP 503", no_effect=True)
THERE = Receipt("post-9", "https://fake.invalid/posts/9")


@dataclass
class Scripted:
    """Stands before the fake adapter: says in order what a test wrote down; None: what the adapter itself does."""

    adapter: Any
    sends: list[Receipt | LookAgain | Failure | None] = field(default_factory=list)
    finds: list[Receipt | LookAgain | Verdict | Failure] = field(default_factory=list)
    sent: list[Intent] = field(default_factory=list)
    looks: list[tuple[float, int]] = field(default_factory=list)
    """Of each find: when, and how often it was looked for before."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.adapter, name)

    def publish(self, call: Any, intent: Intent) -> Any:
        self.sent.append(intent)
        said = self.sends.pop(0)
        return self.adapter.publish(call, intent) if said is None else _said(said)

    def find(self, call: Any, intent: Intent, looks: int) -> Any:
        self.looks.append((call.now(), looks))
        return _said(self.finds.pop(0))


def _said(what: object) -> object:
    if isinstance(what, Failure):
        raise PlatformError(what)
    return what


def scripted(bench: Bench, *sends: Any, finds: tuple[Any, ...] = ()) -> Scripted:
    script = Scripted(bench.targets.adapters["fake"], list(sends), list(finds))
    bench.targets.adapters["fake"] = script
    return script


def post(bench: Bench) -> Task:
    return bench.publish(POST, media=False)


def ended(task: Task) -> FailureKind | None:
    failure = step(task, "post").failure
    return failure.kind if failure else None


def interrupted(bench: Bench, **intent: Any) -> Task:
    """A task whose earlier run has saved the post's intent, and died."""
    task = bench.task(POST, media=False)
    for one in task.steps:
        done = pipeline.succeeded(one, Receipt("account-1"), bench.now())
        bench.saved(task, done if one.name == "preflight" else pipeline.started(one, bench.now()))
    made = bench.targets.adapters["fake"].intend(step(task, "post").spec, {}, bench.now())
    left = step(bench.repository.get(task.id), "post")
    bench.saved(task, pipeline.intended(left, replace(made, **intent)))
    return task


# ---------------------------------------------------------------- sending


def test_the_intent_is_saved_before_it_is_sent(bench: Bench) -> None:
    held = bench.platform.hold("post.create")
    task = bench.task(POST, media=False)
    seen: list[Intent | None] = []

    def look() -> None:
        held.arrived.wait()
        seen.append(step(bench.repository.get(task.id), "post").intent)
        held.release()

    looker = threading.Thread(target=look)
    looker.start()
    done = bench.run(bench.carry(task))
    looker.join()
    assert seen[0] is not None
    assert seen[0].sent_at == bench.now()
    assert seen[0].send_by == bench.now() + bench.ports.send_within_s
    assert seen[0].fields["message"] == "It is out"
    assert done.results == {"fake_post_id": bench.platform.posts[0].id}


def test_a_failure_without_effect_is_sent_again(bench: Bench) -> None:
    bench.platform.fail("post.create", REFUSED)
    assert post(bench).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges == ["account", "post.create", "post.create"]


def test_attempts_come_to_an_end(bench: Bench) -> None:
    bench.platform.fail("post.create", REFUSED, times=100)
    assert ended(post(bench)) is FailureKind.TRANSIENT
    assert bench.platform.exchanges.count("post.create") == 5


def test_retry_off_makes_the_first_failure_final(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy.off())
    bench.platform.fail("post.create", REFUSED)
    assert ended(post(bench)) is FailureKind.TRANSIENT
    assert bench.platform.exchanges.count("post.create") == 1


def test_retry_off_still_looks_for_what_may_be_out(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy.off())
    bench.platform.fail("post.create", LOST, after=True)
    assert post(bench).status is TaskStatus.COMPLETED
    assert len(bench.platform.posts) == 1


def test_after_send_by_it_is_not_sent(bench: Bench) -> None:
    """A machine that slept between saving and sending: another one may have taken over meanwhile."""
    script = scripted(bench, None, None)
    sent_late: list[float] = []
    run = bench.workers.run

    async def slow(work: Callable[[], Any], *, bulk: bool = False) -> Any:
        if step(task, "post").intent is None and not sent_late and bench.platform.exchanges == ["account"]:
            now = step(bench.repository.get(task.id), "post")
            if now.intent is not None:
                sent_late.append(now.intent.send_by)
                bench.loop.move(bench.ports.send_within_s + 1.0)
        return await run(work, bulk=bulk)

    bench.workers.run = slow  # type: ignore[method-assign]  # the machine sleeps before the work begins
    task = bench.task(POST, media=False)
    assert bench.run(bench.carry(task)).status is TaskStatus.COMPLETED
    assert len(sent_late) == 1
    assert [intent.sent_at > sent_late[0] for intent in script.sent] == [True]


# ---------------------------------------------------------------- what cannot be saved


def published_with_a_full_disk(bench: Bench, lost: Callable[[Step], bool]) -> Task:
    """A task's second run in a process that could not save one step in the first."""
    task = bench.task(*[POST] * len(bench.keys), media=False)
    save, full = bench.repository.save_step_soon, [StorageFailed("the disk is full")]

    def saved(task_id: str, step: Step, epoch: int, announce: bool = True) -> Future[None]:
        if not full or not lost(step):
            return save(task_id, step, epoch, announce)
        refused: Future[None] = Future()
        refused.set_exception(full.pop())
        return refused

    bench.repository.save_step_soon = saved  # type: ignore[method-assign]
    runner = TaskRunner(bench.ports, bench.workers)
    with pytest.raises(StorageFailed):
        bench.run(bench.carry(task, runner=runner))
    return bench.run(bench.carry(task, runner=runner))


def test_a_receipt_that_cannot_be_saved_is_not_looked_for(bench: Bench) -> None:
    script = scripted(bench, THERE)
    task = published_with_a_full_disk(bench, lambda step: step.name == "post" and step.succeeded)
    assert task.results == {"fake_post_id": "post-9"}
    assert (len(script.sent), script.looks) == (1, [])


def test_what_was_not_sent_since_something_else_is_not_saved_is_not_looked_for(bench_of: BenchOf) -> None:
    bench = bench_of(keys=("other", "fake"))
    script = scripted(bench, THERE)
    task = published_with_a_full_disk(bench, lambda step: step.target == "other" and step.intent is not None)
    assert task.results["fake_post_id"] == "post-9"
    assert (len(script.sent), script.looks) == (1, [])


def test_an_intent_that_could_not_be_saved_says_nothing_of_the_same_one_that_was_sent(bench: Bench) -> None:
    """Both are made at one instant, by a clock that is coarse or was set back."""
    script = scripted(bench, LOST, finds=(THERE,))
    task = published_with_a_full_disk(bench, lambda step: step.name == "post" and step.intent is not None)
    assert task.results == {"fake_post_id": "post-9"}
    assert (len(script.sent), len(script.looks)) == (1, 1)


# ---------------------------------------------------------------- a lost reply


def test_a_receipt_that_is_found_is_adopted(bench: Bench) -> None:
    bench.platform.fail("post.create", LOST, after=True)
    task = post(bench)
    assert task.results == {"fake_post_id": bench.platform.posts[0].id}
    assert bench.platform.exchanges.count("post.create") == 1


def test_it_is_looked_for_again_not_sooner_than_told(bench: Bench) -> None:
    script = scripted(bench, LOST, finds=(LookAgain(7.0), LookAgain(11.0), THERE))
    begun = bench.now()
    assert post(bench).results == {"fake_post_id": "post-9"}
    assert script.looks == [(begun, 0), (pytest.approx(begun + 7.0), 1), (pytest.approx(begun + 18.0), 2)]


def test_absent_counts_only_after_send_by(bench: Bench) -> None:
    script = scripted(bench, LOST, None, finds=(Verdict.ABSENT, Verdict.ABSENT))
    assert post(bench).status is TaskStatus.COMPLETED
    (first, second) = script.sent
    assert [looks for _, looks in script.looks] == [0, 1]
    assert script.looks[1][0] >= first.send_by
    assert second.sent_at >= first.send_by
    assert len(bench.platform.posts) == 1


def test_what_is_repeatable_is_sent_again_as_it_was(bench_of: BenchOf) -> None:
    bench = bench_of(account=FakeAccount(finds="key"))
    script = scripted(bench, LOST, LOST, None, finds=(Verdict.REPEATABLE,) * 4)
    assert post(bench).status is TaskStatus.COMPLETED
    assert len(script.sent) == 3
    assert len({(sent.sent_at, sent.handle, sent.fingerprint) for sent in script.sent}) == 1
    assert [sent.send_by - script.sent[0].send_by for sent in script.sent[1:]] == pytest.approx([1.0, 3.0])


def test_what_was_repeatable_before_a_wait_is_asked_again_after_it(bench_of: BenchOf) -> None:
    """The platform forgets the key while a rate limit holds it back: the post is not sent with a key that is new."""
    bench = bench_of(account=FakeAccount(finds="key"))
    limit = Failure(FailureKind.RATE_LIMITED, "slow down", "HTTP 429", not_before=bench.now() + 2 * KEY_LIVES_S)
    bench.platform.fail("post.create", limit, after=True)
    assert ended(post(bench)) is FailureKind.OUTCOME_UNKNOWN
    assert len(bench.platform.posts) == 1


@pytest.mark.parametrize("scope", ["fake:studio", ""])
def test_a_held_back_scope_makes_no_verdict_stale(bench_of: BenchOf, scope: str) -> None:
    bench = bench_of(account=FakeAccount(finds="key"))
    limit = Failure(FailureKind.RATE_LIMITED, "slow down", "429", not_before=bench.now() + 2 * KEY_LIVES_S, scope=scope)
    bench.platform.fail("post.create", limit, after=True)
    post(bench)
    assert len(bench.platform.posts) == 1


def test_a_repeat_without_effect_proves_nothing_about_the_first_send(bench: Bench) -> None:
    script = scripted(bench, LOST, REFUSED, None, finds=(Verdict.REPEATABLE,) * 4)
    post(bench)
    assert len({sent.sent_at for sent in script.sent}) == 1


def test_what_stays_repeatable_is_unknown_when_the_attempts_are_used_up(bench: Bench) -> None:
    script = scripted(bench, *[LOST] * 5, finds=(Verdict.REPEATABLE,) * 10)
    assert ended(post(bench)) is FailureKind.OUTCOME_UNKNOWN
    assert len(script.sent) == 5


def test_what_is_not_shown_is_sent_again_as_it_was_once_nobody_sends_it_any_more(bench: Bench) -> None:
    script = scripted(bench, LOST, None, finds=(Verdict.NOT_SHOWN,) * 3)
    assert post(bench).status is TaskStatus.COMPLETED
    (first, second) = script.sent
    assert script.looks[1][0] >= first.send_by
    assert (second.sent_at, second.fingerprint) == (first.sent_at, first.fingerprint)


@pytest.mark.parametrize("kind", [FailureKind.REJECTED, FailureKind.BUG])
def test_what_was_answered_as_if_it_were_there_is_only_looked_for(bench: Bench, kind: FailureKind) -> None:
    """Also by whoever retries the task: until it is found, or a person says that it is not there."""
    answered = Failure(kind, "you have posted this already", "506")
    script = scripted(bench, LOST, answered, finds=(*[Verdict.NOT_SHOWN] * 5, THERE))
    task = post(bench)
    for _ in range(2):
        assert ended(task) is FailureKind.OUTCOME_UNKNOWN
        bench.repository.reopen(retried(task))
        task = bench.run(bench.carry(task))
    assert task.results == {"fake_post_id": THERE.id}
    assert len(script.sent) == 2


def test_that_it_was_answered_so_outlives_the_process(bench: Bench) -> None:
    answered = Failure(FailureKind.REJECTED, "you have posted this already", "506")
    script = scripted(bench, answered, finds=(LookAgain(1e9), Verdict.NOT_SHOWN))
    task = bench.task(POST, media=False)

    async def dies() -> None:
        run = asyncio.ensure_future(bench.carry(task))
        while not script.looks:  # noqa: ASYNC110 - the loop's time stands still meanwhile
            await asyncio.sleep(0)
        run.cancel()

    bench.run(dies())
    assert ended(bench.run(bench.carry(task))) is FailureKind.OUTCOME_UNKNOWN
    assert len(script.sent) == 1


def test_what_a_person_calls_not_posted_is_looked_for_from_its_first_send_on(bench: Bench) -> None:
    script = scripted(bench, LOST, LOST, finds=(Verdict.UNKNOWN, THERE))
    task = post(bench)
    first = script.sent[0].sent_at
    bench.loop.move(3600.0)
    bench.repository.reopen(resolved(task, None, lambda *_: THERE))
    assert bench.run(bench.carry(task)).results == {"fake_post_id": THERE.id}
    assert [sent.sent_at for sent in script.sent] == [first, first]
    assert script.sent[1].send_by > first + 3600.0


def test_what_nobody_can_tell_is_not_sent_again(bench_of: BenchOf) -> None:
    bench = bench_of(account=FakeAccount(finds="nothing"))
    bench.platform.fail("post.create", LOST)
    task = post(bench)
    failure = step(task, "post").failure
    assert failure is not None
    assert failure.kind is FailureKind.OUTCOME_UNKNOWN
    assert (failure.said, failure.code) == (
        "it was sent, but whether it got through is not known (the reply was lost)",
        "connection lost",
    )
    assert bench.platform.exchanges.count("post.create") == 1


def test_a_look_that_fails_for_good_leaves_the_outcome_unknown(bench: Bench) -> None:
    bench.platform.fail("post.create", LOST)
    bench.platform.fail("posts.list", LOST, times=100)
    assert ended(post(bench)) is FailureKind.OUTCOME_UNKNOWN
    assert bench.platform.exchanges.count("posts.list") == 5
    assert bench.platform.exchanges.count("post.create") == 1


def test_a_look_that_fails_once_is_repeated(bench: Bench) -> None:
    bench.platform.fail("post.create", LOST, after=True)
    bench.platform.fail("posts.list", LOST)
    assert post(bench).status is TaskStatus.COMPLETED
    assert len(bench.platform.posts) == 1


def test_looks_do_not_use_up_the_sends_attempts(bench: Bench) -> None:
    busy = (LOST, LOST, LOST)
    finds = (*busy, Verdict.ABSENT, Verdict.ABSENT, *busy, Verdict.ABSENT, Verdict.ABSENT)
    script = scripted(bench, LOST, LOST, None, finds=finds)
    assert post(bench).status is TaskStatus.COMPLETED
    assert len(script.sent) == 3


def test_what_shows_later_is_waited_for(bench: Bench) -> None:
    bench.platform.shows_later = True
    bench.platform.read_lag_s = 4.0
    task = post(bench)
    assert task.results == {"fake_post_id": bench.platform.posts[0].id}
    assert bench.platform.exchanges.count("post.create") == 1


@pytest.mark.parametrize("kind", list(FailureKind))
def test_whatever_the_error_was_a_post_that_is_out_is_found(bench: Bench, kind: FailureKind) -> None:
    bench.platform.fail("post.create", Failure(kind, "an error"), after=True)
    assert post(bench).status is TaskStatus.COMPLETED
    assert len(bench.platform.posts) == 1


@pytest.mark.parametrize("bug", [KeyError("id"), SystemExit("a library gave up")])
def test_a_bug_after_a_post_went_out_is_no_end_of_looking_for_it(bench: Bench, bug: BaseException) -> None:
    bench.platform.fail("post.create", bug, after=True)
    assert post(bench).status is TaskStatus.COMPLETED
    assert len(bench.platform.posts) == 1


def test_after_a_bug_what_cannot_be_looked_for_is_unknown(bench_of: BenchOf) -> None:
    bench = bench_of(account=FakeAccount(finds="nothing"))
    bench.platform.fail("post.create", KeyError("id"), after=True)
    task = post(bench)
    assert ended(task) is FailureKind.OUTCOME_UNKNOWN
    assert "a bug in itself (KeyError)" in str(status_reply(task)["error"])


# ---------------------------------------------------------------- after a restart


def test_a_restart_looks_before_it_sends(bench: Bench) -> None:
    task = interrupted(bench)
    script = scripted(bench, finds=(THERE,))
    assert bench.run(bench.carry(task)).results == {"fake_post_id": "post-9"}
    assert script.sent == []


def test_a_restart_sends_what_is_not_there_once_the_old_worker_cannot(bench: Bench) -> None:
    task = interrupted(bench)
    assert bench.run(bench.carry(task)).status is TaskStatus.COMPLETED
    assert bench.now() >= (step(task, "post").started_at or 0.0) + 30.0
    assert bench.platform.exchanges[:2] == ["posts.list", "posts.list"]
    assert len(bench.platform.posts) == 1


def test_a_clock_that_was_ahead_holds_up_no_post(bench: Bench) -> None:
    """By the clock of today the old worker might send for another year; no worker ever has longer than this."""
    year = 365 * 86_400.0
    task = interrupted(bench, sent_at=bench.now() + year, send_by=bench.now() + year + 30.0)
    script = scripted(bench, THERE, finds=(Verdict.ABSENT, Verdict.ABSENT))
    begun = bench.now()
    assert bench.run(bench.carry(task)).status is TaskStatus.COMPLETED
    assert [at - begun for at, _ in script.looks] == pytest.approx([0.0, 30.0], abs=1e-3)
    assert len(script.sent) == 1


def test_a_restart_that_cannot_tell_does_not_send(bench_of: BenchOf) -> None:
    bench = bench_of(account=FakeAccount(finds="nothing"))
    task = interrupted(bench)
    assert ended(bench.run(bench.carry(task))) is FailureKind.OUTCOME_UNKNOWN
    assert bench.platform.exchanges == []


# ---------------------------------------------------------------- made from what has expired


class Expiring:
    """The fake adapter, whose videos are dropped by the platform unless they are used in time."""

    def __init__(self, adapter: Any, *lives: float) -> None:
        self.adapter, self.lives = adapter, list(lives)
        self.made = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.adapter, name)

    def advance(self, call: Any, spec: StepSpec, at: Any) -> Any:
        found = self.adapter.advance(call, spec, at)
        if spec.name != "video" or not isinstance(found, Receipt):
            return found
        self.made += 1
        return replace(found, usable_until=call.now() + self.lives.pop(0))


BOTH = {"title": "Tech Talk", "message": "It is out"}


def held_back(bench: Bench, seconds: float) -> Failure:
    return Failure(FailureKind.RATE_LIMITED, "slow down", "429", True, not_before=bench.now() + seconds)


def test_what_has_expired_is_made_anew_once(bench: Bench) -> None:
    expiring = bench.targets.adapters["fake"] = Expiring(bench.targets.adapters["fake"], 50.0, 1e6)
    bench.platform.fail("post.create", held_back(bench, 100.0))
    assert bench.publish(BOTH).status is TaskStatus.COMPLETED
    assert expiring.made == 2
    assert [one.fields["video"] for one in bench.platform.posts] == [bench.platform.videos[1].id]


def test_what_expires_again_ends_the_task(bench: Bench) -> None:
    expiring = bench.targets.adapters["fake"] = Expiring(bench.targets.adapters["fake"], 50.0, 50.0)
    bench.platform.fail("post.create", held_back(bench, 100.0))
    bench.platform.fail("post.create", held_back(bench, 200.0))
    task = bench.publish(BOTH)
    assert ended(task) is FailureKind.SESSION_LOST
    assert expiring.made == 2
    assert bench.platform.posts == []


def test_what_may_be_out_is_not_made_anew(bench: Bench) -> None:
    """Its reply was lost, it may be repeated, and its video expires meanwhile: a new one would be a second post."""
    adapter = Expiring(bench.targets.adapters["fake"], 0.5, 1e6)
    script = Scripted(adapter, [LOST, None], [Verdict.REPEATABLE] * 2)
    bench.targets.adapters["fake"] = script
    bench.publish(BOTH)
    assert adapter.made == 1
    assert len({sent.sent_at for sent in script.sent}) == 1


# ---------------------------------------------------------------- stopped


def test_a_post_on_the_wire_is_awaited_and_recorded_when_it_is_cancelled(bench: Bench) -> None:
    held = bench.platform.hold("post.create")
    task = bench.task(POST, media=False)
    done = bench.run(_cancelled_while(bench, task, held))
    assert step(done, "post").state is StepState.SUCCEEDED
    assert done.results == {"fake_post_id": bench.platform.posts[0].id}


def test_what_is_repeatable_is_not_repeated_once_it_is_cancelled(bench_of: BenchOf) -> None:
    bench = bench_of(account=FakeAccount(finds="key"))
    held = bench.platform.hold("post.create")
    bench.platform._scripts[0].error = PlatformError(LOST)
    done = bench.run(_cancelled_while(bench, bench.task(POST, media=False), held))
    assert ended(done) is FailureKind.OUTCOME_UNKNOWN
    assert bench.platform.exchanges.count("post.create") == 1


async def _cancelled_while(bench: Bench, task: Task, held: Any) -> Task:
    contexts: list[Any] = []
    run = asyncio.ensure_future(bench.carry(task, contexts))
    await asyncio.to_thread(held.arrived.wait)
    bench.repository.ask_cancel(task.id)
    contexts[0].wake()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    held.release()
    return await run


def test_a_post_that_comes_back_unsent_after_another_failed_is_not_sent_again(bench_of: BenchOf) -> None:
    """Two posts side by side: one is refused for good while the other is on the wire, and that one is then busy."""
    bench = bench_of(keys=("one", "two"))
    one, two = (Scripted(bench.targets.adapters[key]) for key in bench.keys)
    bench.targets.adapters.update(one=one, two=two)
    refused = threading.Event()
    one.sends = [Failure(FailureKind.REJECTED, "not allowed", no_effect=True)]

    def busy_once_the_other_has_failed(call: Any, intent: Intent) -> Any:
        two.sent.append(intent)
        refused.wait()
        raise PlatformError(REFUSED)

    two.publish = busy_once_the_other_has_failed  # type: ignore[method-assign]  # the test stands in between
    task = bench.task(POST, POST, media=False)

    save = bench.repository.save_step

    def saved(task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        save(task_id, step, epoch, announce)
        if step.target == "one" and step.state is StepState.FAILED:
            bench.loop.call_later(0, bench.loop.call_soon, refused.set)

    bench.repository.save_step = saved  # type: ignore[method-assign]  # the test stands in between
    done = bench.run(bench.carry(task))
    assert done.status is TaskStatus.FAILED
    assert len(two.sent) == 1
    assert step(done, "post", "two").state in (StepState.STOPPED, StepState.FAILED)
