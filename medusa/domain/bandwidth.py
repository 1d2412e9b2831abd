"""How many bytes a second may be sent, by the time of day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNLIMITED: Final = float("inf")
_UNITS: Final[Mapping[str, float]] = {
    "B": 1,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "kbit": 1e3 / 8,
    "Mbit": 1e6 / 8,
    "Gbit": 1e9 / 8,
}
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)(?:/s|ps)")
_HOURS: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")
_DAY: Final = 24 * 60
LEAST: Final = 1024.0
"""Bytes a second: below it, no platform keeps a connection."""
EVERY_TARGET: Final = ""
"""The name of the limit that all targets share."""
REST: Final = "else"
"""The key of a timetable for the rest of the day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of each day, in minutes since midnight; one that stops before it starts goes over midnight."""

    start: int
    stop: int
    rate: float
    """Bytes a second."""

    def __contains__(self, minute: int) -> bool:
        if self.start < self.stop:
            return self.start <= minute < self.stop
        return minute >= self.start or minute < self.stop


@dataclass(frozen=True, slots=True)
class Timetable:
    """A limit for each minute of the day; the first of its hours that holds the minute counts."""

    hours: tuple[Hours, ...] = ()
    otherwise: float = UNLIMITED
    """Bytes a second outside of them."""

    def rate(self, minute: int) -> float:
        """Bytes a second in this minute of the day, UNLIMITED where there is no limit."""
        return next((hours.rate for hours in self.hours if minute in hours), self.otherwise)


def rate(given: str | float) -> float:
    """Bytes a second: "2 MiB/s", "500 kB/s", "10 Mbit/s", or a number of them; "unlimited" is UNLIMITED.

    Raises ValueError in words.
    """
    bytes_per_s = _read(given) if isinstance(given, str) else given
    if not bytes_per_s >= LEAST:
        raise ValueError("must be 1 KiB/s or more; pause a task to let it rest")
    return bytes_per_s


def _read(text: str) -> float:
    if text == "unlimited":
        return UNLIMITED
    found = _RATE.fullmatch(text)
    unit = _UNITS.get(found[2]) if found else None
    if found is None or unit is None:
        raise ValueError(f'must be like "2 MiB/s", "10 Mbit/s" (units: {", ".join(_UNITS)}) or "unlimited"')
    return float(found[1]) * unit


def told(bytes_per_s: float) -> str:
    """For people, and for `rate` to read: "2 MiB/s", "300 kB/s", "unlimited"."""
    if bytes_per_s == UNLIMITED:
        return "unlimited"
    amounts = {unit: bytes_per_s / _UNITS[unit] for unit in ("GiB", "MiB", "KiB", "GB", "MB", "kB")}
    exact = (unit for unit, amount in amounts.items() if 1 <= amount < 1024 and round(amount, 2) == amount)
    near = (unit for unit, amount in amounts.items() if amount >= 1)
    unit = next(exact, next(near, "B"))
    return f"{f'{bytes_per_s / _UNITS[unit]:.2f}'.rstrip('0').rstrip('.')} {unit}/s"


def hours(text: str, bytes_per_s: float) -> Hours:
    """The part of the day that "08:00-18:00" names. Raises ValueError in words."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f'hours are like "08:00-18:00", the rest of the day is "{REST}"')
    start, stop = (int(found[place]) * 60 + int(found[place + 1]) for place in (1, 3))
    if stop > _DAY or start == stop:
        raise ValueError('must be a part of the day, such as "08:00-18:00" or "22:00-06:00"')
    return Hours(start, stop, bytes_per_s)
