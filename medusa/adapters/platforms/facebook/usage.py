"""How much of a Page's allowance is used up, from the headers of any reply (facts: Meta 5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

_SHARES: Final = ("call_count", "total_time", "total_cputime")
"""Percent of what is allowed; whichever is highest throttles."""
_PLAIN: Final = ("x-app-usage", "x-page-usage")
_BY_BUSINESS: Final = "x-business-use-case-usage"
WINDOW_S: Final = 3600.0
"""Calls are counted over a sliding hour."""
BACKOFF_S: Final = 1800.0
"""How long to hold back when a throttled reply does not say: calls while throttled extend it."""


def left(headers: Mapping[str, str], now: float) -> tuple[float, float] | None:
    """(the share in [0, 1] that is left, the epoch second when more is); None when no header says."""
    used = [share for meter in _meters(headers) for name in _SHARES if _is_number(share := meter.get(name))]
    if not used:
        return None
    wait_s = _wait_s(headers) or WINDOW_S
    return min(1.0, max(0.0, 1.0 - max(used) / 100.0)), now + wait_s


def regained_at(headers: Mapping[str, str], now: float) -> float:
    """Epoch second at which a throttled Page may call again."""
    return now + (_wait_s(headers) or BACKOFF_S)


def _wait_s(headers: Mapping[str, str]) -> float:
    """The header counts minutes; 0.0 when it says nothing."""
    minutes = (meter.get("estimated_time_to_regain_access") for meter in _meters(headers))
    return 60.0 * max((float(value) for value in minutes if _is_number(value)), default=0.0)


def _meters(headers: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name in _PLAIN:
        yield from _objects([_parsed(headers.get(name))])
    by_business = _parsed(headers.get(_BY_BUSINESS))
    for meters in by_business.values() if isinstance(by_business, Mapping) else ():
        yield from _objects(meters)


def _objects(items: object) -> Iterator[Mapping[str, Any]]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping):
            yield item


def _parsed(header: str | None) -> object:
    try:
        return json.loads(header or "null")
    except ValueError:
        return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
