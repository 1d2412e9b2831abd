"""How much of their allowances the app and the Page have left, from the headers of any reply (facts: Meta 5)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from medusa.adapters.platforms.facebook.account import Scopes

_SHARES: Final = ("call_count", "total_time", "total_cputime")
"""Percent of what is allowed; whichever is highest throttles."""
_BY_BUSINESS: Final = "x-business-use-case-usage"
_REGAIN: Final = "estimated_time_to_regain_access"
"""Minutes until a throttled Page may call again."""
RELIEF_S: Final = 300.0
"""How long to hold back near the limit, when no header says: calls are counted over a sliding hour."""
BACKOFF_S: Final = 1800.0
"""The same at the limit: calls while throttled extend it."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a scope has left."""

    scope: str
    share: float
    """In [0, 1]."""
    regained_at: float
    """Epoch seconds at which there is more."""


def left(headers: Mapping[str, str], scopes: Scopes, now: float) -> Iterator[Left]:
    """What each header says: the app's calls, the Page's, and each business object's that the calls were for."""
    for header, scope in (("x-app-usage", scopes.app), ("x-page-usage", scopes.page)):
        yield from _left(_parsed(headers.get(header)), scope, now)
    for number, meters in _business(headers):
        for meter in meters:
            kind = meter.get("type", "pages") if isinstance(meter, Mapping) else ""
            scope = scopes.of_page(number) if kind == "pages" else f"facebook:{kind}:{number}"
            yield from _left(meter, scope, now)


def regained_at(headers: Mapping[str, str], now: float) -> float:
    """Epoch second at which who was throttled by this reply may call again."""
    meters = (meter for _, meters in _business(headers) for meter in meters if isinstance(meter, Mapping))
    return now + (max(map(_wait_s, meters), default=0.0) or BACKOFF_S)


def _left(meter: object, scope: str, now: float) -> Iterator[Left]:
    """Nothing when it is no meter."""
    found = meter if isinstance(meter, Mapping) else {}
    used = [share for name in _SHARES if _is_number(share := found.get(name))]
    if used:
        share = min(1.0, max(0.0, 1.0 - max(used) / 100.0))
        yield Left(scope, share, now + (_wait_s(found) or (RELIEF_S if share else BACKOFF_S)))


def _wait_s(meter: Mapping[str, Any]) -> float:
    """0.0 when it says nothing."""
    minutes = meter.get(_REGAIN)
    return 60.0 * minutes if _is_number(minutes) else 0.0


def _business(headers: Mapping[str, str]) -> Iterator[tuple[str, list[object]]]:
    """(number of the business object, its meters)."""
    by_number = _parsed(headers.get(_BY_BUSINESS))
    for number, meters in by_number.items() if isinstance(by_number, Mapping) else ():
        yield number, meters if isinstance(meters, list) else []


def _parsed(header: str | None) -> object:
    try:
        return json.loads(header or "null")
    except ValueError:
        return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
