"""Tasks and steps as JSON text and back, exactly.

A field that has its default's value is left out, so that rows stay small and a later version may add fields. What a
checkpoint's cursor and an intent's fields hold is JSON already and goes through as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from medusa.domain.task import Step, Task


def task_to_json(task: Task) -> str:
    """The task with all its steps. Raises TypeError or ValueError if something in it is no JSON."""
    return _text(task)


def task_from_json(text: str) -> Task:
    """The task that `task_to_json` was given."""
    task: Task = _object(Task, json.loads(text))
    return task


def step_to_json(step: Step) -> str:
    """One step, its checkpoint, intent and receipt included. Raises TypeError or ValueError if it holds no JSON."""
    return _text(step)


def step_from_json(text: str) -> Step:
    """The step that `step_to_json` was given."""
    step: Step = _object(Step, json.loads(text))
    return step


def _text(value: object) -> str:
    return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        items = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(item) for field, item in items if item != _default(field)}
    if isinstance(value, Mapping):
        return {_key(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def _key(name: object) -> str:
    """JSON would turn any other key into a string, and it would not come back as what it was."""
    if not isinstance(name, str):
        raise TypeError(f"keys must be strings, not {type(name).__name__}")
    return name


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _object(kind: type, plain: Mapping[str, Any]) -> Any:
    readers = _readers(kind)
    return kind(**{name: readers[name](value) for name, value in plain.items()})


@cache
def _readers(kind: type) -> Mapping[str, Callable[[Any], Any]]:
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _reader(hint: Any) -> Callable[[Any], Any]:
    """How a value of this type is made from what JSON gives."""
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(_object, hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if get_origin(hint) is UnionType:
        return partial(_optional, _reader(next(one for one in get_args(hint) if one is not NoneType)))
    if get_origin(hint) is tuple:
        return partial(_tuple, _reader(get_args(hint)[0]))
    return _same


def _optional(reader: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else reader(value)


def _tuple(reader: Callable[[Any], Any], value: Any) -> Any:
    return tuple(reader(item) for item in value)


def _same(value: Any) -> Any:
    return value
