"""An invisible step: from checkpoint to checkpoint, asked after each trouble, never made twice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import RetryPolicy
from medusa.domain.ports import Call
from medusa.domain.task import StepState, TaskStatus
from medusa.domain.values import Checkpoint, Receipt, StepSpec
from tests.unit.runner.bench import FILM, WINDOW, Bench, step
from tests.unit.runner.conftest import BenchOf

VIDEO = {"title": "Tech Talk"}
BUSY = Failure(FailureKind.TRANSIENT, "busy", "HTTP 503")
LOST = Failure(FailureKind.SESSION_LOST, "the session is gone")
FINISHED = ["account", "session.create", "session.bytes", "session.bytes", "session.bytes"]


def on_platform(bench: Bench) -> list[tuple[int, str]]:
    return [(video.size, video.sha256) for video in bench.platform.videos]


ONCE = [(len(FILM), hashlib.sha256(FILM).hexdigest())]


def test_it_is_opened_and_advanced_window_by_window(bench: Bench) -> None:
    task = bench.publish(VIDEO)
    assert bench.platform.exchanges == FINISHED
    assert on_platform(bench) == ONCE
    video = step(task, "video")
    assert (video.state, video.done, video.total) == (StepState.SUCCEEDED, len(FILM), len(FILM))
    assert task.results == {"fake_url": bench.platform.videos[0].url}


def test_after_trouble_the_platform_is_asked_where_it_stands(bench: Bench) -> None:
    bench.platform.fail("session.bytes", BUSY, after=True, skip=1)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges == [*FINISHED[:4], "session.status", "session.bytes"]
    assert on_platform(bench) == ONCE


def test_a_byte_of_advance_starts_the_count_of_attempts_anew(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy(attempts=3))
    for window in range(3):
        bench.platform.fail("session.bytes", BUSY, times=2, skip=window)  # six failures in all, never three in a row
    task = bench.publish(VIDEO)
    assert task.status is TaskStatus.COMPLETED
    assert on_platform(bench) == ONCE


def test_attempts_without_advance_come_to_an_end(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy(attempts=3))
    bench.platform.fail("session.bytes", BUSY, times=100, skip=1)
    task = bench.publish(VIDEO)
    failed = step(task, "video")
    assert failed.state is StepState.FAILED
    assert failed.failure == BUSY
    assert bench.platform.exchanges.count("session.bytes") == 1 + 3


def test_answers_alone_are_no_advance(bench: Bench) -> None:
    """`ask` answers with a checkpoint every time, and the count goes on all the same."""
    bench.platform.fail("account", BUSY, times=100)
    task = bench.publish(VIDEO)
    assert task.status is TaskStatus.FAILED
    assert bench.platform.exchanges == ["account"] * 5


def test_retry_off_makes_the_first_failure_final(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy.off())
    bench.platform.fail("session.bytes", BUSY)
    task = bench.publish(VIDEO)
    assert step(task, "video").failure == BUSY
    assert bench.platform.exchanges == FINISHED[:3]


def test_without_a_connection_no_attempt_is_counted(bench: Bench) -> None:
    unreached = Failure(FailureKind.TRANSIENT, "no route", "unreachable", no_effect=True, unreached=True)
    bench.platform.fail("session.bytes", unreached, times=200)
    task = bench.publish(VIDEO)
    assert task.status is TaskStatus.COMPLETED
    assert on_platform(bench) == ONCE
    assert bench.loop.time() == pytest.approx(200 * RetryPolicy().offline_s)


def test_without_a_connection_it_gives_up_in_the_end(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy(give_up_after_s=60.0))
    unreached = Failure(FailureKind.TRANSIENT, "no route", "unreachable", no_effect=True, unreached=True)
    bench.platform.fail("session.bytes", unreached, times=1000)
    assert step(bench.publish(VIDEO), "video").failure == unreached
    assert bench.loop.time() == pytest.approx(60.0)


# ---------------------------------------------------------------- a lost session


def test_a_lost_session_is_opened_anew_and_the_old_one_abandoned(bench: Bench) -> None:
    bench.platform.fail("session.bytes", LOST, skip=1)
    task = bench.publish(VIDEO)
    assert task.status is TaskStatus.COMPLETED
    opened = ["account", "session.create", "session.bytes", "session.bytes", "session.drop"]
    assert bench.platform.exchanges == [*opened, *FINISHED[1:]]
    assert on_platform(bench) == ONCE


def test_a_session_that_is_lost_again_ends_the_step(bench: Bench) -> None:
    bench.platform.fail("session.bytes", LOST, times=2)
    task = bench.publish(VIDEO)
    assert step(task, "video").failure == LOST
    assert bench.platform.exchanges.count("session.create") == 2
    assert bench.platform.videos == []


def test_an_orphan_that_stays_is_no_failure(bench: Bench) -> None:
    bench.platform.fail("session.bytes", LOST, skip=1)
    bench.platform.fail("session.drop", Failure(FailureKind.REJECTED, "not allowed"))
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED


# ---------------------------------------------------------------- the last block


def test_a_lost_reply_to_the_last_block_is_asked_about_and_nothing_is_sent_again(bench: Bench) -> None:
    bench.platform.fail("session.bytes", BUSY, after=True, skip=2)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges == [*FINISHED, "session.status"]
    assert on_platform(bench) == ONCE


def test_a_last_block_that_did_not_arrive_is_sent_again(bench: Bench) -> None:
    bench.platform.granule = WINDOW
    bench.platform.fail("session.bytes", BUSY, skip=2)
    task = bench.publish(VIDEO)
    assert task.status is TaskStatus.COMPLETED
    assert bench.platform.exchanges == [*FINISHED, "session.status", "session.bytes"]
    assert on_platform(bench) == ONCE


def test_a_session_lost_after_the_last_block_is_looked_for(bench: Bench) -> None:
    """The video exists, and all that came back was "no such session": asking finds it."""
    bench.platform.fail("session.bytes", LOST, after=True, skip=2)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges == [*FINISHED, "session.status"]
    assert on_platform(bench) == ONCE


def test_a_last_block_that_is_wanted_again_has_made_nothing(bench: Bench) -> None:
    """The platform's own reply says so, without being asked: a session that is lost after that is opened anew."""
    adapter = bench.targets.adapters["fake"]
    advance, wanted_again = adapter.advance, [True]

    def once_more(call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        if not at.commits or at.want is None or not wanted_again:
            found: Checkpoint | Receipt = advance(call, spec, at)
            return found
        wanted_again.clear()
        body, block = call.body(at.want), memoryview(bytearray(WINDOW))
        while body.readinto(block):
            """It goes out."""
        return at

    adapter.advance = once_more
    bench.platform.fail("session.bytes", LOST, skip=2)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges.count("session.create") == 2
    assert on_platform(bench) == ONCE


def test_committed_and_nowhere_to_be_found_is_an_unknown_outcome(bench: Bench) -> None:
    bench.platform.fail("session.bytes", BUSY, after=True, skip=2)
    bench.platform.fail("session.status", LOST, times=100)
    task = bench.publish(VIDEO)
    failure = step(task, "video").failure
    assert failure is not None
    assert failure.kind is FailureKind.OUTCOME_UNKNOWN
    assert "does not send it a second time" in failure.todo
    assert bench.platform.exchanges.count("session.create") == 1
    assert on_platform(bench) == ONCE


@pytest.mark.parametrize(
    "refusal",
    [
        Failure(FailureKind.AUTH, "this token cannot be renewed", no_effect=True, todo="Log in again."),
        Failure(FailureKind.QUOTA, "no reads are left", no_effect=True),
        Failure(FailureKind.TRANSIENT, "could not connect", "unreachable", no_effect=True, unreached=True),
    ],
)
@pytest.mark.parametrize("retry", [RetryPolicy(give_up_after_s=60.0), RetryPolicy.off()])
def test_a_question_that_is_refused_proves_nothing_about_the_last_block(
    bench_of: BenchOf, refusal: Failure, retry: RetryPolicy
) -> None:
    bench = bench_of(retry=retry)
    bench.platform.fail("session.bytes", BUSY, after=True, skip=2)
    bench.platform.fail("session.status", refusal, times=100)
    failure = step(bench.publish(VIDEO), "video").failure
    assert failure is not None
    assert failure.kind is FailureKind.OUTCOME_UNKNOWN
    assert refusal.said in failure.said
    assert failure.todo.startswith(refusal.todo or "Look at the studio, ")
    assert on_platform(bench) == ONCE


def test_a_restart_asks_before_it_sends(bench: Bench) -> None:
    bench.platform.fail("session.bytes", Failure(FailureKind.QUOTA, "used up"), skip=1)
    task = bench.publish(VIDEO)
    bench.platform.exchanges.clear()
    left = pipeline.started(step(task, "video"), bench.now())
    bench.saved(task, left)
    again = bench.run(bench.carry(task))
    assert step(again, "video").succeeded
    assert bench.platform.exchanges == ["session.status", "session.bytes", "session.bytes"]
    assert on_platform(bench) == ONCE


# ---------------------------------------------------------------- credentials, limits, quota


def credentials(tmp_path: Path) -> FakeAccount:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"token": "fake-token"}))
    return FakeAccount(credentials_file=file, window=WINDOW)


def test_credentials_are_renewed_and_after_a_success_renewed_again(bench_of: BenchOf, tmp_path: Path) -> None:
    bench = bench_of(account=credentials(tmp_path))
    auth = Failure(FailureKind.AUTH, "expired", no_effect=True)
    for window in range(3):
        bench.platform.fail("session.bytes", auth, skip=window)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges.count("token") == 3
    assert on_platform(bench) == ONCE


@pytest.mark.parametrize("operation", ["account", "session.create", "session.bytes", "thumbnail.put"])
def test_credentials_that_are_refused_when_fresh_are_not_renewed_for_ever(
    bench_of: BenchOf, tmp_path: Path, operation: str
) -> None:
    bench = bench_of(account=credentials(tmp_path))
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"picture")
    auth = Failure(FailureKind.AUTH, "this account is suspended", no_effect=True)
    bench.platform.fail(operation, auth, times=1000)
    task = bench.publish({**VIDEO, "thumbnail": str(picture)})
    assert bench.platform.exchanges.count("token") == 1
    assert any(one.failure == auth for one in task.steps)


def test_credentials_that_nobody_can_renew_end_the_step(bench: Bench) -> None:
    bench.platform.revoke()
    task = bench.publish(VIDEO)
    failure = step(task, "preflight").failure
    assert failure is not None
    assert (failure.kind, failure.todo) == (FailureKind.AUTH, "Log in again.")


def test_a_rate_limit_holds_back_other_tasks_too(bench: Bench) -> None:
    later = bench.now() + 90.0
    limited = Failure(FailureKind.RATE_LIMITED, "slow down", "HTTP 429", True, False, later, "fake:studio")
    bench.platform.fail("session.create", limited)
    at: list[float] = []
    answer = bench.platform.exchange

    def timed(call, request):  # type: ignore[no-untyped-def]  # the very signature of Http.exchange
        if request.url.endswith("/uploads"):
            at.append(call.now())
        return answer(call, request)

    bench.platform.exchange = timed  # type: ignore[method-assign]  # only looks at the clock
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert at[0] < later <= at[1]
    bench.accounts.block("fake:studio", bench.now() + 500.0)
    before = bench.now()
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert at[2] >= before + 500.0


@pytest.mark.parametrize(("left", "held"), [(0.0, True), (0.05, True), (0.06, False), (1.0, False)])
def test_a_budget_that_is_nearly_used_up_holds_the_scope_back(bench: Bench, left: float, held: bool) -> None:
    uploader = bench.targets.adapters["fake"]
    open_as_before = uploader.open

    def opened(call, spec: StepSpec, made: dict[str, Receipt]) -> Checkpoint:  # type: ignore[no-untyped-def]  # the test stands in between
        if spec.name == "video":
            call.budget("fake:studio", left, bench.now() + 300.0)
        found: Checkpoint = open_as_before(call, spec, made)
        return found

    uploader.open = opened
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert (bench.loop.time() >= 300.0) == held


def test_a_quota_stops(bench: Bench) -> None:
    quota = Failure(FailureKind.QUOTA, "used up", "quotaExceeded", no_effect=True, not_before=bench.now() + 60.0)
    bench.platform.fail("session.create", quota)
    assert step(bench.publish(VIDEO), "video").failure == quota
    assert bench.platform.exchanges.count("session.create") == 1


def test_a_bug_in_an_adapter_is_a_failure_and_no_exception(bench: Bench) -> None:
    bench.platform.fail("session.create", KeyError("no such thing"))
    failure = step(bench.publish(VIDEO), "video").failure
    assert failure is not None
    assert failure.kind is FailureKind.BUG
    assert "KeyError" in failure.said


# ---------------------------------------------------------------- the file


def test_another_file_in_its_place_is_not_sent(bench: Bench) -> None:
    platform = bench.platform
    bench.platform.fail("session.bytes", BUSY, skip=1)
    really_open = bench.ports.probe.open
    opens: list[int] = []

    def replaced(media):  # type: ignore[no-untyped-def]  # the very signature of ProbePort.open
        opens.append(1)
        if len(opens) == 4:
            bench.film.unlink()
            bench.film.write_bytes(b"another")
        return really_open(media)

    bench.ports.probe.open = replaced  # type: ignore[method-assign]  # the test stands in between
    failure = step(bench.publish(VIDEO), "video").failure
    assert failure is not None
    assert (failure.kind, failure.code) == (FailureKind.REJECTED, "media")
    assert "changed since this task began: its size went from 163,840 to 7 bytes" in failure.said
    assert platform.videos == []


def test_when_attempts_end_after_the_last_block_took_effect_the_video_is_found(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy.off())
    bench.platform.fail("session.bytes", BUSY, after=True, skip=2)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert on_platform(bench) == ONCE
