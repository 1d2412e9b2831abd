"""When it is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import Again, Patience, QuotaWait, RetryPolicy, Trouble, decide

NOW = 1_800_000_000.0
POLICY = RetryPolicy()
BUSY = Failure(FailureKind.TRANSIENT, "backend error", "HTTP 503")
OFFLINE = Failure(FailureKind.TRANSIENT, "name not resolved", "unreachable", no_effect=True, unreached=True)
LIMITED = Failure(FailureKind.RATE_LIMITED, "slow down", "429", not_before=NOW + 600.0, scope="page:1")
JITTER = st.floats(0.0, 1.0, exclude_max=True)
USED_UP = Failure(FailureKind.QUOTA, "quota exceeded", "quotaExceeded", True, not_before=NOW + 7200.0, scope="project")
FINAL = sorted(set(FailureKind) - {FailureKind.TRANSIENT, FailureKind.RATE_LIMITED})


def tries(policy: RetryPolicy, failure: Failure, now: float = NOW, limit: int = 10_000) -> list[Again]:
    """All that is tried when every try fails in the same way, each at the time that was said."""
    found: list[Again] = []
    trouble = Trouble()
    while (again := decide(policy, failure, trouble, now, 0.5)) and len(found) < limit:
        found.append(again)
        trouble, now = again.trouble, again.at
    return found


@pytest.mark.parametrize("kind", FINAL)
def test_what_does_not_pass_is_not_tried_again(kind: FailureKind) -> None:
    assert decide(POLICY, Failure(kind, "no", not_before=NOW + 1), Trouble(), NOW, 0.5) is None


@pytest.mark.parametrize("failure", [BUSY, OFFLINE, LIMITED, USED_UP, replace(LIMITED, not_before=None)])
def test_switched_off_nothing_is_tried_again(failure: Failure) -> None:
    assert decide(RetryPolicy.off(), failure, Trouble(), NOW, 0.5) is None


@given(st.integers(1, 12))
def test_a_busy_platform_is_tried_so_many_times(attempts: int) -> None:
    assert len(tries(RetryPolicy(attempts=attempts), BUSY)) == attempts - 1


@given(st.integers(0, 3), JITTER)
def test_the_wait_doubles_up_to_its_bound_and_is_jittered_in_full(attempts: int, jitter: float) -> None:
    again = decide(RetryPolicy(attempts=99, base_s=2.0, cap_s=9.0), BUSY, Trouble(attempts), NOW, jitter)
    assert again is not None
    assert again.at == pytest.approx(NOW + jitter * min(9.0, 2.0 * 2**attempts))


@given(st.integers(5, 10**6))
def test_no_wait_is_longer_than_the_cap(attempts: int) -> None:
    again = decide(RetryPolicy(attempts=attempts + 2), BUSY, Trouble(attempts), NOW, 0.999)
    assert again is not None
    assert again.at <= NOW + 60.0


@pytest.mark.parametrize("failure", [OFFLINE, LIMITED])
def test_time_in_which_nobody_tried_is_not_borne_with(failure: Failure) -> None:
    """The machine was off, or slept, for longer than the policy bears."""
    again = decide(POLICY, failure, Trouble(), NOW, 0.5)
    assert again is not None
    later = NOW + 3 * POLICY.give_up_after_s
    late = replace(failure, not_before=later + 600.0) if failure.not_before else failure
    assert decide(POLICY, late, again.trouble, later, 0.5) is not None


def test_slow_tries_are_borne_with_no_longer_than_quick_ones() -> None:
    trouble, now, tried = Trouble(), NOW, 0
    while again := decide(POLICY, OFFLINE, trouble, now, 0.5):
        trouble, now, tried = again.trouble, again.at + 60.0, tried + 1
    assert now - NOW == pytest.approx(POLICY.give_up_after_s, abs=70.0)


def test_a_platform_that_says_when_is_not_asked_sooner() -> None:
    again = decide(POLICY, replace(BUSY, not_before=NOW + 30.0), Trouble(), NOW, 0.1)
    assert again is not None
    assert again.at == NOW + 30.0


WAITING = RetryPolicy(quota=QuotaWait(wait=True))


@pytest.mark.parametrize(
    ("failure", "why", "of"),
    [
        (BUSY, "is busy (HTTP 503)", 5),
        (replace(BUSY, code=""), "is busy (backend error)", 5),
        (replace(BUSY, code="2"), "is busy (error 2)", 5),
        (replace(BUSY, code="HTTP 200", said="the reply holds no video"), "waits: the reply holds no video", 5),
        (replace(BUSY, code="timeout", said="no answer"), "waits: no answer", 5),
        (OFFLINE, "waits: no connection (name not resolved)", 0),
        (LIMITED, "is rate limited", 0),
        (replace(LIMITED, not_before=None), "is rate limited", 5),
        (USED_UP, "has no quota left", 0),
    ],
)
def test_the_reason_of_a_wait_is_told(failure: Failure, why: str, of: int) -> None:
    again = decide(WAITING, failure, Trouble(1), NOW, 0.5)
    assert again is not None
    assert (again.why, again.of) == (why, of)


def test_each_kind_may_have_a_policy_of_its_own() -> None:
    policy = RetryPolicy(transient=Patience(attempts=2), rate_limited=Patience(attempts=9, base_s=50.0))
    unbounded = replace(LIMITED, not_before=None)
    assert len(tries(policy, BUSY)) == 1
    assert len(tries(policy, unbounded)) == 8
    assert tries(policy, unbounded)[0].at == NOW + 25.0
    assert len(tries(replace(policy, transient=Patience(attempts=1)), BUSY)) == 0
    assert policy.of(FailureKind.AUTH) == policy


def test_a_quota_is_waited_for_only_when_that_is_asked_for() -> None:
    assert decide(POLICY, USED_UP, Trouble(), NOW, 0.5) is None
    again = decide(WAITING, USED_UP, Trouble(4), NOW, 0.5)
    assert again == Again(NOW + 7200.0, "has no quota left", Trouble(4, NOW, NOW + 7200.0))
    later = decide(WAITING, USED_UP, Trouble(), NOW - 24 * 3600.0, 0.5)
    assert later is None, "the reset is farther away than the policy bears with"


@pytest.mark.parametrize("reset", [None, NOW, NOW - 5.0])
def test_a_quota_without_a_reset_to_come_fails_at_once(reset: float | None) -> None:
    assert decide(WAITING, replace(USED_UP, not_before=reset), Trouble(), NOW, 0.5) is None


def test_a_broken_line_is_tried_again_within_seconds_whatever_went_before() -> None:
    policy = RetryPolicy(attempts=20)
    broke = replace(BUSY, code="connection lost")
    assert longest_wait(tries(policy, broke)) <= policy.offline_s
    assert longest_wait(tries(policy, BUSY)) > policy.offline_s


def longest_wait(found: list[Again]) -> float:
    times = [NOW, *(again.at for again in found)]
    return max(later - earlier for earlier, later in pairwise(times))


def test_being_offline_costs_no_attempt_and_ends() -> None:
    policy = RetryPolicy(give_up_after_s=60.0)
    found = tries(policy, OFFLINE)
    assert len(found) == 12
    assert all(again.trouble.attempts == 0 for again in found)
    assert [again.at for again in found] == [NOW + 5.0 * n for n in range(1, 13)]
    assert "name not resolved" in found[0].why


def test_being_offline_keeps_the_attempts_before() -> None:
    again = decide(POLICY, OFFLINE, Trouble(3), NOW, 0.5)
    assert again is not None
    assert again.trouble == Trouble(3, NOW, again.at)


def test_a_platform_that_answers_ends_being_offline() -> None:
    again = decide(POLICY, BUSY, Trouble(1, NOW - 80_000), NOW, 0.5)
    assert again is not None
    assert again.trouble == Trouble(2, None)


def test_a_rate_limit_is_waited_for_and_costs_no_attempt() -> None:
    again = decide(POLICY, LIMITED, Trouble(4), NOW, 0.5)
    assert again is not None
    assert again.at == NOW + 600.0
    assert again.trouble.attempts == 4


def test_a_rate_limit_that_is_too_long_is_given_up() -> None:
    assert decide(POLICY, replace(LIMITED, not_before=NOW + 25 * 3600.0), Trouble(), NOW, 0.5) is None


def test_a_rate_limit_without_an_end_is_tried_like_a_busy_platform() -> None:
    assert len(tries(POLICY, replace(LIMITED, not_before=None))) == 4


def test_a_rate_limit_that_says_at_once_is_not_tried_without_end() -> None:
    assert len(tries(POLICY, replace(LIMITED, not_before=NOW), limit=100)) < 100


def test_a_busy_platform_that_asks_for_too_long_a_wait_is_given_up() -> None:
    assert decide(POLICY, replace(BUSY, not_before=NOW + 25 * 3600.0), Trouble(), NOW, 0.5) is None
