"""Reads a JSON file and says, with its place, what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medusa.domain.values import Problem


class _Object(dict[str, Any]):
    """A JSON object that remembers the keys that were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.twice = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))


def read(file: Path) -> tuple[Any, tuple[Problem, ...]]:
    """The file's JSON value, and what is wrong with it; the value is None when it cannot be read at all."""
    try:
        return parse(file.read_bytes(), str(file))
    except OSError as error:
        return None, (Problem(str(file), f"cannot be read: {error.strerror or type(error).__name__}"),)


def parse(text: bytes, name: str) -> tuple[Any, tuple[Problem, ...]]:
    """The JSON value of a text called `name`, and what is wrong with it.

    A key that is given twice in one object is a problem: the earlier value would be lost in silence.
    """
    if not text.strip():
        return None, (Problem(name, "the file is empty"),)
    try:
        value = json.loads(text.decode("utf-8-sig"), object_pairs_hook=_Object)
    except UnicodeDecodeError as error:
        return None, (Problem(name, f"is not UTF-8 text (byte {error.start})"),)
    except json.JSONDecodeError as error:
        return None, (Problem(name, f"is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}"),)
    except RecursionError:
        return None, (Problem(name, "is nested too deeply"),)
    return value, tuple(_given_twice("", value))


def _given_twice(path: str, value: object) -> Iterator[Problem]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _given_twice(f"{path}[{place}]", item)
    elif isinstance(value, _Object):
        yield from (Problem(under(path, name), "is given twice") for name in value.twice)
        for name, item in value.items():
            yield from _given_twice(under(path, name), item)


def under(path: str, name: str) -> str:
    """The path of the key `name` of the object at `path`."""
    return f"{path}.{name}" if path else name


def kind_of(value: object) -> str:
    """What a value is, in JSON's words; never the value itself, which may be a secret."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "an object" if isinstance(value, Mapping) else "a list"
