"""Keys and types of a JSON object that came from the user."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medusa.domain.likeness import likeness
from medusa.domain.values import Json, Problem


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of values: what it is called, and whether a value is of it."""

    words: str
    fits: Callable[[Any], bool]


def _is_list_of(item: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(isinstance(one, item) for one in value)


TEXT = Kind("text in quotes", lambda value: isinstance(value, str))
FLAG = Kind("true or false, without quotes", lambda value: isinstance(value, bool))
TEXTS = Kind('a list of texts, such as ["demo", "test"]', _is_list_of(str))
CATEGORY = Kind(
    'a category\'s number, such as "22"',
    lambda value: not isinstance(value, bool) and isinstance(value, int | str) and str(value).isdecimal(),
)
TRACKS = Kind("a list of {file, language, name}", _is_list_of(Mapping))
TRANSLATIONS = Kind(
    "an object: language to {title, description}",
    lambda value: isinstance(value, Mapping) and all(isinstance(one, Mapping) for one in value.values()),
)


def sorted_out(given: Json, keys: Mapping[str, Kind], path: str = "") -> tuple[dict[str, Any], list[Problem]]:
    """What in `given` is well typed, and a problem for each unknown key and each value of another type."""
    good: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        if name not in keys:
            near = likeness(name, keys) or f"; known: {', '.join(keys)}"
            problems.append(Problem(f"{path}{name}", f"unknown key{near}"))
        elif not keys[name].fits(value):
            problems.append(Problem(f"{path}{name}", f"must be {keys[name].words}, not {_called(value)}"))
        else:
            good[name] = value
    return good, problems


def one_of(path: str, value: str, allowed: tuple[str, ...]) -> Iterator[Problem]:
    """A word out of a few."""
    if value not in allowed:
        yield Problem(path, f'"{value}" is not one of {", ".join(allowed)}{likeness(value, allowed)}')


def _called(value: Any) -> str:
    """A value as its author wrote it in JSON; of a list or an object, what it is."""
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, Mapping) else json.dumps(value, ensure_ascii=False, default=str)
