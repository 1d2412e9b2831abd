"""What a person reads while a step waits, and what it shows of its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from medusa.domain.failures import Failure, FailureKind, MedusaError
from medusa.domain.policy import Patience, QuotaWait, Ready, RetryPolicy
from medusa.domain.task import Step, Task, TaskStatus, status_reply
from tests.unit.runner.bench import BEGIN, FILM, Bench, step
from tests.unit.runner.conftest import BenchOf

VIDEO = {"title": "Tech Talk"}


def clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(BEGIN + seconds):%H:%M:%S}"


def messages(bench: Bench, *asked: dict[str, Any]) -> list[str]:
    """Every message that a watcher could have seen, in order, each once in a row."""
    seen: list[str] = []
    save = bench.repository.save_step

    def saved(task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        save(task_id, step, epoch, announce)
        said = status_reply(bench.repository.get(task_id)).get("message", "")
        if announce and said and said not in seen[-1:]:
            seen.append(said)

    bench.repository.save_step = saved  # type: ignore[method-assign]  # looks on
    bench.publish(*asked)
    return seen


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (
            Failure(FailureKind.TRANSIENT, "overloaded", "HTTP 503"),
            f"Fake is busy (HTTP 503), next try at {clock(1)}, attempt 2 of 5",
        ),
        (
            Failure(FailureKind.TRANSIENT, "overloaded"),
            f"Fake is busy (overloaded), next try at {clock(1)}, attempt 2 of 5",
        ),
        (
            Failure(FailureKind.TRANSIENT, "could not connect", "unreachable", no_effect=True, unreached=True),
            f"Fake waits: no connection (could not connect), next try at {clock(5)}",
        ),
        (
            Failure(FailureKind.RATE_LIMITED, "slow down", "HTTP 429", True, not_before=BEGIN + 95.0),
            f"Fake is rate limited, next try at {clock(95)}",
        ),
        (
            Failure(FailureKind.RATE_LIMITED, "slow down", "HTTP 429", no_effect=True),
            f"Fake is rate limited, next try at {clock(1)}, attempt 2 of 5",
        ),
    ],
)
def test_every_wait_has_a_reason_and_an_end(bench: Bench, failure: Failure, says: str) -> None:
    bench.platform.fail("session.create", failure)
    assert says in messages(bench, VIDEO)


def test_a_wait_for_another_day_names_the_day(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy(quota=QuotaWait(wait=True, at_most_s=50 * 3600.0)))
    reset = BEGIN + 49 * 3600.0
    used_up = Failure(FailureKind.QUOTA, "all used", "quotaExceeded", no_effect=True, not_before=reset)
    bench.platform.fail("session.create", used_up)
    assert f"Fake has no quota left, next try at {datetime.fromtimestamp(reset)}" in messages(bench, VIDEO)


def test_attempts_are_counted_in_the_message(bench: Bench) -> None:
    bench.platform.fail("session.create", Failure(FailureKind.TRANSIENT, "overloaded", "HTTP 503"), times=2)
    waits = [said for said in messages(bench, VIDEO) if "busy" in said]
    assert waits == [
        f"Fake is busy (HTTP 503), next try at {clock(1)}, attempt 2 of 5",
        f"Fake is busy (HTTP 503), next try at {clock(3)}, attempt 3 of 5",
    ]


def test_who_only_looks_does_not_say_that_it_tries_again(bench: Bench) -> None:
    """Whoever reads it must not think that the post is sent a second time."""
    bench.platform.fail("post.create", Failure(FailureKind.TRANSIENT, "reply lost", "connection lost"), after=True)
    bench.platform.fail("posts.list", Failure(FailureKind.TRANSIENT, "overloaded", "HTTP 503"))
    waits = [said for said in messages(bench, {"message": "It is out"}) if "busy" in said]
    assert waits == [f"Fake is busy (HTTP 503), next look at {clock(1)}, attempt 2 of 5"]


def test_who_is_held_back_by_another_tasks_limit_says_so(bench: Bench) -> None:
    bench.accounts.block("fake:studio", BEGIN + 60.0)
    assert f"Fake is rate limited, next try at {clock(60)}" in messages(bench, VIDEO)


def test_a_limit_that_grows_while_it_is_waited_for_is_waited_for(bench: Bench) -> None:
    def blocked_until(scopes: Iterable[str]) -> float:
        return BEGIN + 60.0 if bench.now() < BEGIN + 60.0 else BEGIN + 90.0

    bench.accounts.blocked_until = blocked_until  # type: ignore[method-assign]  # another process extends it
    assert f"Fake is rate limited, next try at {clock(90)}" in messages(bench, VIDEO)


def test_a_machine_that_slept_does_not_wait_once_more(bench: Bench) -> None:
    """Its timers stood still meanwhile, and the wait's end, which the user reads, is past."""
    bench.accounts.block("fake:studio", BEGIN + 3600.0)

    async def slept() -> Task:
        run = asyncio.ensure_future(bench.carry(bench.task(VIDEO)))
        await asyncio.sleep(60.0)
        bench.slept = 7200.0
        return await run

    assert bench.run(slept()).status is TaskStatus.COMPLETED
    assert bench.loop.time() < 70.0


def test_a_clock_that_is_set_back_makes_no_wait_longer(bench: Bench) -> None:
    bench.platform.fail("session.create", Failure(FailureKind.TRANSIENT, "overloaded", not_before=BEGIN + 60.0))

    async def set_back() -> Task:
        run = asyncio.ensure_future(bench.carry(bench.task(VIDEO)))
        await asyncio.sleep(30.0)
        bench.slept = -7200.0
        return await run

    assert bench.run(set_back()).status is TaskStatus.COMPLETED
    assert bench.loop.time() < 70.0


def test_offline_before_and_after_a_long_sleep_is_no_reason_to_give_up(bench: Bench) -> None:
    """A lid that is closed on Friday in a train: on Monday the network needs a moment, too."""
    gone = Failure(FailureKind.TRANSIENT, "could not connect", "unreachable", no_effect=True, unreached=True)
    bench.platform.fail("session.create", gone, times=8)

    async def slept() -> Task:
        run = asyncio.ensure_future(bench.carry(bench.task(VIDEO)))
        await asyncio.sleep(12.0)
        bench.slept = 60 * 3600.0
        return await run

    assert bench.run(slept()).status is TaskStatus.COMPLETED


def test_a_limit_that_lasts_longer_than_the_policy_bears_ends_the_task_at_once(bench_of: BenchOf) -> None:
    bench = bench_of(retry=RetryPolicy(rate_limited=Patience(give_up_after_s=50.0)))
    bench.accounts.block("fake:studio", BEGIN + 60.0)
    failure = step(bench.publish(VIDEO), "preflight").failure
    assert failure is not None
    assert (failure.kind, failure.not_before) == (FailureKind.RATE_LIMITED, BEGIN + 60.0)
    assert failure.said == f"it is rate limited until {datetime.fromtimestamp(BEGIN + 60.0)}"
    assert bench.platform.exchanges == []


def test_a_limit_that_cannot_be_kept_for_others_is_obeyed_all_the_same(bench: Bench) -> None:
    def full(scope: str, until: float) -> None:
        raise MedusaError("tasks.db cannot be written: disk full")

    bench.accounts.block = full  # type: ignore[method-assign]  # the disk is full
    limit = Failure(FailureKind.RATE_LIMITED, "slow down", "429", True, not_before=BEGIN + 60.0, scope="fake:studio")
    bench.platform.fail("session.create", limit)
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.loop.time() >= 60.0


def test_a_limit_of_one_endpoint_holds_back_steps_of_its_kind_only(bench: Bench) -> None:
    limit = Failure(FailureKind.RATE_LIMITED, "too many", "613", True, not_before=BEGIN + 60.0, scope="fake:studio")
    bench.platform.fail("post.create", replace(limit, endpoint=True))
    bench.publish({"message": "It is out"}, media=False)
    assert bench.loop.time() >= 60.0
    bench.accounts.block("fake:studio:post", bench.now() + 100.0)
    before = bench.loop.time()
    assert bench.publish(VIDEO).status is TaskStatus.COMPLETED
    assert bench.loop.time() == before
    bench.publish({"message": "It is out, too"}, media=False)
    assert bench.loop.time() >= before + 100.0
    assert bench.accounts.blocked_until(["fake:studio"]) == 0.0


def test_processing_is_told(bench_of: BenchOf) -> None:
    bench = bench_of(ready=Ready(wait=True))
    bench.platform.processing_polls = 2
    said = messages(bench, VIDEO)
    assert [one for one in said if "processing" in one] == ["processing 33 %", "processing 50 %"]
    assert "Uploading to Fake..." in said


def test_bytes_are_shown_as_they_go_and_never_more_than_there_are(bench: Bench) -> None:
    shown: list[tuple[int, int]] = []
    save = bench.repository.save_step

    def saved(task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        save(task_id, step, epoch, announce)
        if step.name == "video" and step.total:
            shown.append((step.done, step.total))

    bench.repository.save_step = saved  # type: ignore[method-assign]  # looks on
    bench.publish(VIDEO)
    assert {total for _, total in shown} == {len(FILM)}
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    assert shown[-1] == (len(FILM), len(FILM))


def test_a_call_that_takes_too_long_is_given_up_and_tried_again(bench: Bench) -> None:
    held = bench.platform.hold("session.create")
    task = bench.task(VIDEO)

    async def slow() -> Any:
        run = asyncio.ensure_future(bench.carry(task))
        await asyncio.to_thread(held.arrived.wait)
        bench.loop.move(bench.ports.call_timeout_s)
        return await run

    assert bench.run(slow()).status is TaskStatus.COMPLETED
    assert bench.platform.exchanges.count("session.create") == 2
    assert step(bench.repository.get(task.id), "video").attempt == 5
