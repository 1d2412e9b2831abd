"""The key "bandwidth": one rate, or one for each part of the day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from medusa.config.reading import kind_of, under
from medusa.domain.bandwidth import REST, UNLIMITED, Hours, Timetable, hours, rate
from medusa.domain.values import Problem

SCHEMA: Final[Mapping[str, Any]] = {
    "description": 'How fast to send: "2 MiB/s", or by the local time of day {"08:00-18:00": "2 MiB/s"}.',
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "propertyNames": {"pattern": f"^([0-9]+:[0-9]+-[0-9]+:[0-9]+|{REST})$"},
            "additionalProperties": {"type": "string"},
        },
    ],
}


def timetable(given: object, path: str) -> tuple[Timetable, list[Problem]]:
    """What a "bandwidth" key says, as far as it is right, and all that is wrong with it."""
    if not isinstance(given, Mapping):
        otherwise, problems = _rate(given, path)
        return Timetable(otherwise=otherwise), problems
    parts: list[Hours] = []
    otherwise, problems = UNLIMITED, list[Problem]()
    for name, item in given.items():
        place = under(path, str(name))
        found, wrong = _rate(item, place)
        problems += wrong
        if name == REST:
            otherwise = found
            continue
        try:
            parts.append(hours(str(name), found))
        except ValueError as error:
            problems.append(Problem(place, str(error)))
    return Timetable(tuple(parts), otherwise), problems


def _rate(given: object, path: str) -> tuple[float, list[Problem]]:
    if not isinstance(given, str):
        return UNLIMITED, [Problem(path, f'must be text such as "2 MiB/s", not {kind_of(given)}')]
    try:
        return rate(given), []
    except ValueError as error:
        return UNLIMITED, [Problem(path, str(error))]
