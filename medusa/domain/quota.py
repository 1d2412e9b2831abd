"""What an account may still do in a period, and what steps need of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from medusa.domain.failures import QUOTA_CODE, Failure, FailureKind
from medusa.domain.task import Step


@dataclass(frozen=True, slots=True)
class Quota:
    """An allowance that a platform gives for a period. Whoever has the same owner shares it."""

    owner: str
    """"youtube:project:1234"."""
    name: str
    """What is counted: "videos", "units"."""
    limit: int
    """All that the period allows."""
    resets_at: float
    """Epoch seconds at which the next period begins."""
    spent: int = 0
    """What is booked in this period."""

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.spent)

    @property
    def resets(self) -> str:
        """When, for a person, by the local clock."""
        return f"{datetime.fromtimestamp(self.resets_at):%Y-%m-%d %H:%M}"

    def __str__(self) -> str:
        return f"{self.remaining:,} of {self.limit:,} {self.name}"


@dataclass(frozen=True, slots=True)
class Shortage:
    """Steps need more of a quota than is left."""

    quota: Quota
    needed: int

    def __str__(self) -> str:
        left = f"{self.quota} are left of the quota until {self.quota.resets}"
        return f"{left}, and this needs {self.needed:,}"


def shortage(steps: Iterable[Step], quotas: Iterable[Quota]) -> Shortage | None:
    """What is missing for all of these steps that have not ended: the one that resets last."""
    needed: Counter[str] = Counter()
    for step in steps:
        needed.update({} if step.ended else step.spec.costs)
    lacking = [Shortage(one, needed[one.name]) for one in quotas if needed[one.name] > one.remaining]
    return max(lacking, key=lambda one: one.quota.resets_at, default=None)


def exhausted(short: Shortage) -> Failure:
    """By our own count it is not tried: that costs nothing."""
    return Failure(
        FailureKind.QUOTA,
        str(short),
        QUOTA_CODE,
        no_effect=True,
        not_before=short.quota.resets_at,
        todo='Try again after the reset, or let it wait: "retry": {"quota": {"wait": true}}.',
    )
