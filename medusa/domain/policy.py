"""When to try again, and when to give up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Final

from medusa.domain.failures import Failure, FailureKind
from medusa.domain.values import Problem

LINE_BROKE: Final = ("connection lost", "timeout")
"""Codes of failures of the line, and not of the platform."""
LONGEST_TRY_S: Final = 600.0
"""What passes beyond that between a try's time and its failure, the machine was off or asleep."""
NEAR: Final = 0.05
"""So small a share of an allowance is kept untouched: calls wait before the platform has to refuse them."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How one kind of failure is treated where it differs from all others; null: as they are."""

    attempts: int | None = None
    """Tries in a row that moved nothing. 1: no retry."""
    base_s: float | None = None
    """Upper bound of the first wait; it doubles with each try."""
    cap_s: float | None = None
    """Upper bound of any wait."""
    give_up_after_s: float | None = None
    """How long to bear with it while nothing moves."""


class OnFailure(StrEnum):
    """What the first failure of something required does to a task."""

    STOP = "stop"
    """It ends the task: what runs is stopped, and nothing becomes public any more."""
    GO_ON = "go_on"
    """It ends its own target, and those whose text needs what that one gives; the others go on. The task fails then."""


def patience(asked: object, path: str) -> tuple[Patience, list[Problem]]:
    """What a request says of retries, as an object with the fields of Patience, and all that is wrong with it."""
    if asked is None:
        return Patience(), []
    if not isinstance(asked, Mapping):
        return Patience(), [Problem(path, 'give an object, such as {"attempts": 3}')]
    names = [one.name for one in fields(Patience)]
    problems = [Problem(f"{path}.{name}", _unfit(name, value, names)) for name, value in asked.items()]
    problems = [problem for problem in problems if problem.says]
    return (Patience() if problems else Patience(**asked)), problems


def _unfit(name: object, value: object, names: list[str]) -> str:
    if name not in names:
        return f"unknown key; known: {', '.join(names)}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "must be a number"
    if name == "attempts":
        return "" if isinstance(value, int) and value >= 1 else "must be a whole number, 1 or more"
    return "" if value >= 0 else "must be 0 or more"


@dataclass(frozen=True, slots=True)
class QuotaWait:
    """What a task does once an allowance is used up."""

    wait: bool = False
    """Whether it waits for the reset; otherwise it fails at once."""
    at_most_s: float = 25 * 3600.0
    """How far away the reset may be: a day of a clock that is put back has 25 hours."""


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
    """How often to look whether a connection can be made again, and the longest wait after one that broke."""
    give_up_after_s: float = 24 * 3600.0
    """How long to keep looking for a connection, and to bear with rate limits, while nothing moves."""
    transient: Patience = field(default_factory=Patience)
    """A busy platform and a broken line, where they differ."""
    rate_limited: Patience = field(default_factory=Patience)
    """A platform that asks for slower calls, where it differs."""
    quota: QuotaWait = field(default_factory=QuotaWait)
    """An allowance that is used up until its reset."""

    @classmethod
    def off(cls) -> RetryPolicy:
        """`"retry": false`: the first failure is final."""
        return cls(attempts=1, give_up_after_s=0.0)

    @property
    def on(self) -> bool:
        return self.attempts > 1

    def of(self, kind: FailureKind) -> RetryPolicy:
        """The policy as it is for this kind of failure."""
        own = {FailureKind.TRANSIENT: self.transient, FailureKind.RATE_LIMITED: self.rate_limited}.get(kind)
        return self._but(own) if own else self

    def asked(self, patience: Patience) -> RetryPolicy:
        """The policy as a request wants it, for all kinds of failure."""
        if patience == Patience():
            return self
        return replace(self._but(patience), transient=patience, rate_limited=patience)

    def _but(self, patience: Patience) -> RetryPolicy:
        said = {one.name: getattr(patience, one.name) for one in fields(Patience)}
        return replace(self, **{name: value for name, value in said.items() if value is not None})


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
    """Epoch seconds since which it has had no connection, or was told to wait; later by the time nobody tried."""
    next_at: float | None = None
    """Epoch seconds at which it was to be tried again, while it is held."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at `at` (epoch seconds)."""

    at: float
    why: str
    """Completes "YouTube ..." for a person: "is busy (HTTP 503)"."""
    trouble: Trouble
    of: int = 0
    """So many attempts there are in all; 0 where they do not count."""


def decide(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float, jitter: float) -> Again | None:
    """What to do about a failure: Again, or None to give up. `jitter` is a random number in [0, 1)."""
    if failure.kind is FailureKind.QUOTA:
        return _after_reset(policy.quota, failure, trouble, now)
    policy = policy.of(failure.kind)
    if not policy.on:
        return None
    if failure.unreached:
        return _while_offline(policy, failure, trouble, now)
    if failure.kind is FailureKind.RATE_LIMITED:
        return _when_allowed(policy, failure, trouble, now, jitter)
    if failure.kind is FailureKind.TRANSIENT:
        return _after_backoff(policy, failure, trouble, now, jitter)
    return None


def _after_reset(quota: QuotaWait, failure: Failure, trouble: Trouble, now: float) -> Again | None:
    reset = failure.not_before
    if not quota.wait or reset is None or reset <= now:
        return None
    return _held(reset, "has no quota left", trouble, now, quota.at_most_s)


def _while_offline(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float) -> Again | None:
    since, until = _held_since(trouble, now), now + policy.offline_s
    if now - since >= policy.give_up_after_s:
        return None
    why = f"waits: no connection ({failure.said})"
    return Again(until, why, Trouble(trouble.attempts, since, until))


def _when_allowed(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float, jitter: float) -> Again | None:
    allowed = failure.not_before
    if allowed is None or allowed <= now:
        return _after_backoff(policy, failure, trouble, now, jitter)
    return _held(allowed, "is rate limited", trouble, now, policy.give_up_after_s)


def _held(until: float, why: str, trouble: Trouble, now: float, at_most_s: float) -> Again | None:
    """The platform has named the time: no attempt in the sense of the policy."""
    since = _held_since(trouble, now)
    return Again(until, why, Trouble(trouble.attempts, since, until)) if until - since <= at_most_s else None


def _held_since(trouble: Trouble, now: float) -> float:
    if trouble.held_since is None:
        return now
    idle = now - LONGEST_TRY_S - (trouble.next_at or now)
    return trouble.held_since + max(0.0, idle)


def _after_backoff(policy: RetryPolicy, failure: Failure, trouble: Trouble, now: float, jitter: float) -> Again | None:
    attempts = trouble.attempts + 1
    told = failure.not_before or 0.0
    if attempts >= policy.attempts or told - now > policy.give_up_after_s:
        return None
    wait = jitter * min(_cap(policy, failure), policy.base_s * 2.0 ** min(trouble.attempts, 30))
    return Again(max(now + wait, told), _said(failure), Trouble(attempts), policy.attempts)


def _cap(policy: RetryPolicy, failure: Failure) -> float:
    """A platform gets time to recover; a line that is back should not lie idle."""
    return min(policy.cap_s, policy.offline_s) if failure.code in LINE_BROKE else policy.cap_s


def _said(failure: Failure) -> str:
    if failure.kind is FailureKind.RATE_LIMITED:
        return "is rate limited"
    if failure.code in LINE_BROKE or failure.code.startswith("HTTP 2"):  # with such a reply nobody says they are busy
        return f"waits: {failure.said}"
    number = f"error {failure.code}" if failure.code[:1].isdigit() else failure.code
    return f"is busy ({number or failure.said})"
