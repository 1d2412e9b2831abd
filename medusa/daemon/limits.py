"""Bandwidth limits as messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.bandwidth import LEAST, UNLIMITED
from medusa.domain.failures import InvalidRequest
from medusa.domain.values import Problem

BOUNDLESS: Final = 2.0**63
"""Bytes a second that the message has no number for: no limit, as good as."""


def messages(rates: Mapping[str | None, float], by_hand: Collection[str | None]) -> list[pb.BandwidthLimit]:
    """The limits that hold now, bytes a second by target; `by_hand` are those that do not follow the configuration."""
    return [
        pb.BandwidthLimit(
            target=target or "",
            bytes_per_second=int(rate) if rate < BOUNDLESS else 0,
            configured=target not in by_hand,
        )
        for target, rate in rates.items()
    ]


def asked(limits: Iterable[pb.BandwidthLimit], targets: Collection[str | None]) -> dict[str | None, float | None]:
    """Target -> what `MedusaCore.limit_bandwidth` is to be told. Raises InvalidRequest with all that is wrong."""
    found: dict[str | None, float | None] = {}
    problems: list[Problem] = []
    for place, limit in enumerate(limits):
        if (limit.target or None) not in targets:
            problems.append(Problem(f"limits[{place}].target", f"there is no target {limit.target!r}"))
        if not limit.configured and limit.bytes_per_second and limit.bytes_per_second < LEAST:
            problems.append(Problem(f"limits[{place}].bytes_per_second", f"must be 0, or {LEAST:.0f} or more"))
        found[limit.target or None] = _rate(limit)
    if problems:
        raise InvalidRequest(problems)
    return found


def _rate(limit: pb.BandwidthLimit) -> float | None:
    return None if limit.configured else float(limit.bytes_per_second or UNLIMITED)
