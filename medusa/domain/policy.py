"""When to try again, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass

from medusa.domain.failures import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long Medusa keeps trying. Seconds throughout."""

    attempts: int = 5
    """Tries in a row that moved nothing; a byte of advance starts the count anew. 1: no retry."""
    base_s: float = 1.0
    """Upper bound of the first wait; it doubles with each try."""
    cap_s: float = 60.0
    """Upper bound of any wait."""
    offline_s: float = 5.0
    """How often to look whether a connection can be made again."""
    give_up_after_s: float = 24 * 3600.0
    """How long to keep looking for a connection, and to bear with rate limits, while nothing moves."""

    @classmethod
    def off(cls) -> RetryPolicy:
        """`"retry": false`: the first failure is final."""
        return cls(attempts=1, give_up_after_s=0.0)

    @property
    def on(self) -> bool:
        return self.attempts > 1


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether a task waits until a host has processed a video."""

    wait: bool | None = None
    """None: when another target's text uses the video's URL."""
    at_most_s: float = 1800.0
    """Seconds after which the rest goes on, with a warning."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """How a step has fared since it last moved: kept in the task, so that a restart goes on counting."""

    attempts: int = 0
    """Tries in a row that moved nothing."""
    held_since: float | None = None
    """Epoch seconds since which it has had no connection, or was told to wait."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at `at` (epoch seconds); `why` tells a person the reason."""

    at: float
    why: str
    trouble: Trouble


def decide(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float, jitter: float) -> Again | None:
    """What to do about a failure: Again, or None to give up. `jitter` is a random number in [0, 1)."""
    if not policy.on:
        return None
    if failure.unreached:
        return _while_offline(policy, failure, trouble, now)
    if failure.kind is FailureKind.RATE_LIMITED:
        return _when_allowed(policy, failure, trouble, now, jitter)
    if failure.kind is FailureKind.TRANSIENT:
        return _after_backoff(policy, failure, trouble, now, jitter)
    return None


def _while_offline(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float) -> Again | None:
    since = now if trouble.held_since is None else trouble.held_since
    if now - since >= policy.give_up_after_s:
        return None
    return Again(now + policy.offline_s, f"no connection ({failure.said})", Trouble(trouble.attempts, since))


def _when_allowed(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float, jitter: float) -> Again | None:
    if failure.not_before is None or failure.not_before <= now:
        return _after_backoff(policy, failure, trouble, now, jitter)
    since = now if trouble.held_since is None else trouble.held_since
    if failure.not_before - since > policy.give_up_after_s:
        return None
    return Again(failure.not_before, "rate limited", Trouble(trouble.attempts, since))


def _after_backoff(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float, jitter: float) -> Again | None:
    attempts = trouble.attempts + 1
    told = failure.not_before or 0.0
    if attempts >= policy.attempts or told - now > policy.give_up_after_s:
        return None
    wait = jitter * min(policy.cap_s, policy.base_s * 2.0 ** min(trouble.attempts, 30))
    at = max(now + wait, told)
    said = failure.code or failure.said
    return Again(at, f"{said}, attempt {attempts + 1} of {policy.attempts}", Trouble(attempts))
