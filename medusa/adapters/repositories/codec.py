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
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from medusa.domain.task import Step, Task
from medusa.domain.values import Checkpoint, Intent, StepSpec

T = TypeVar("T")
_APART: Final = frozenset({"spec", "checkpoint", "intent"})
_Known = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[Any, ...]]
"""The names of a dataclass's fields, what gets their values, and their defaults."""
_SCALARS: Final = frozenset({str, int, float, bool, NoneType})
_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


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


def to_json(value: object) -> str:
    """A single value of the domain. Raises TypeError or ValueError if something in it is no JSON."""
    return _text(value)


def from_json(kind: type[T], text: str) -> T:
    """The value of this type that `to_json` was given."""
    found: T = _object(kind, json.loads(text))
    return found


def progress_to_json(step: Step) -> str:
    """What changes in a step while it runs: all but its spec, its checkpoint and its intent."""
    return _dumped(_fields_of(step, _known_of_progress()))


def progress_from_json(text: str, spec: StepSpec, checkpoint: Checkpoint | None, intent: Intent | None) -> Step:
    """The step that `progress_to_json` was given, with what was left out."""
    return Step(spec=spec, checkpoint=checkpoint, intent=intent, **_read(Step, json.loads(text)))


def _text(value: object) -> str:
    return _dumped(_plain(value))


def _dumped(plain: object) -> str:
    return _encode(plain)


def _plain(value: Any) -> Any:
    kind: type = type(value)
    return value if kind in _SCALARS else _writer(kind)(value)


@cache
def _writer(kind: type) -> Callable[[Any], Any]:
    """How values of this very type become what JSON knows; found once, since every save goes through here."""
    known = _known(kind) if is_dataclass(kind) else None
    if known is not None:
        return partial(_fields_of, known=known)
    if issubclass(kind, Mapping):
        return lambda value: {_key(name): _plain(item) for name, item in value.items()}
    if issubclass(kind, tuple | list):
        return lambda value: [_plain(item) for item in value]
    return attrgetter("value") if issubclass(kind, Enum) else _same


def _fields_of(value: Any, known: _Known) -> dict[str, Any]:
    """The fields that have not their default's value."""
    names, values_of, defaults = known
    items = zip(names, values_of(value), defaults, strict=True)
    return {name: _plain(item) for name, item, default in items if item is not default and item != default}


@cache
def _known(kind: Any) -> _Known:
    return _known_of(*fields(kind))


@cache
def _known_of_progress() -> _Known:
    return _known_of(*(field for field in fields(Step) if field.name not in _APART))


def _known_of(*some: Field[Any]) -> _Known:
    names = tuple(field.name for field in some)
    several = attrgetter(*names)  # in one go
    values_of = several if len(names) > 1 else lambda value: (several(value),)
    return names, values_of, tuple(map(_default, some))


def _key(name: object) -> str:
    """JSON would turn any other key into a string, and it would not come back as what it was."""
    if not isinstance(name, str):
        raise TypeError(f"keys must be strings, not {type(name).__name__}")
    return name


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _object(kind: type, plain: Mapping[str, Any]) -> Any:
    return kind(**_read(kind, plain))


def _read(kind: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    readers = _readers(kind)
    return {name: value if (read := readers[name]) is _same else read(value) for name, value in plain.items()}


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
