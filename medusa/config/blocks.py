"""A block of the configuration -> the frozen dataclass that describes it, or all that is wrong with the block.

pydantic judges the types and builds the instance; its own error texts are never shown, since they quote what was given,
and that may be a secret. What it cannot do is done here first: unknown keys get a suggestion, relative paths are taken
from the configuration's folder, a number is accepted where digits are meant (a page's id without its quotes), and
a text whose field names a form, `field(metadata={"form": "url"})`, is looked at: see FORMS.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from types import NoneType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from medusa.config.reading import under
from medusa.domain.likeness import suggestion
from medusa.domain.values import Problem

T = TypeVar("T")

_SAYS: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dataclass_type": "must be an object",
}
"""pydantic's error types in our words. The types that carry a safe word of their own are in `_said`."""


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in text
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def _is_database_url(text: str) -> bool:
    """A password with a bare @, / or : in it would be taken for a host, and be shown in an error."""
    try:
        parts = urlsplit(text)
        whole = parts.netloc.count("@") <= 1 and parts.port != 0 and " " not in text
    except ValueError:
        return False
    return whole and parts.scheme in ("postgresql", "postgres") and bool(parts.path.strip("/")) and not parts.fragment


FORMS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "url": (_is_url, "must be an http(s) URL with a host, such as https://api.example.com"),
    "database": (
        _is_database_url,
        "must be like postgresql://USER:PASSWORD@HOST/NAME, with special characters percent-encoded (@ is %40)",
    ),
    "digits": (lambda text: text.isascii() and text.isdigit(), "must be digits only, such as 1234567890"),
}
"""What a text may have to look like, and what is said of one that does not."""


def build(
    kind: type[T], block: object, path: str, base: Path, aside: tuple[str, ...] = ()
) -> tuple[T | None, list[Problem]]:
    """An instance of the dataclass `kind` from a JSON object, or None and the problems. `path` is the block's place.

    Relative file paths are taken from `base`, "~" is the user's home. `aside` are keys that the block may also have
    and that the caller has taken out: a misspelt key may be one of them.
    """
    problems: list[Problem] = []
    shaped = _Shaper(base, problems, path, aside).shape(kind, block, path)
    try:
        built = TypeAdapter(kind).validate_json(json.dumps(shaped), strict=True)
    except ValidationError as error:
        found = [Problem(_place(path, one["loc"]), _said(one)) for one in error.errors(include_input=False)]
        told = {problem.path for problem in problems}
        return None, problems + [problem for problem in found if problem.path not in told]
    return (None if problems else built), problems


def _place(path: str, steps: Iterable[int | str]) -> str:
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else under(path, step)
    return path


def _said(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == "literal_error":
        return f"must be {error['ctx']['expected']}"
    if kind == "value_error":
        return str(error["ctx"]["error"])  # our own words, out of an account's __post_init__
    return _SAYS.get(kind, f"is not valid ({kind})")


class _Shaper:
    """Brings a JSON value into the shape that pydantic expects of a type, and notes what nobody else would notice."""

    def __init__(self, base: Path, problems: list[Problem], top: str, aside: tuple[str, ...]) -> None:
        self._base = base
        self._problems = problems
        self._top = top
        self._aside = aside

    def shape(self, kind: Any, value: object, path: str) -> Any:
        """The value as plain JSON: unknown keys left out, paths absolute."""
        kind = _bare(kind)
        if isinstance(value, Mapping):
            return self._object(kind, value, path)
        if isinstance(value, list | tuple):
            item_kind = get_args(kind)[0] if get_origin(kind) is tuple else object
            return [self.shape(item_kind, item, f"{path}[{place}]") for place, item in enumerate(value)]
        if isinstance(value, PurePath):
            value = str(value)
        if kind is str and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            return self._text(kind, value, path)
        return self._plain(value, path)

    def _object(self, kind: Any, value: Mapping[Any, object], path: str) -> Any:
        if not is_dataclass(kind):
            return {str(name): self.shape(object, item, under(path, str(name))) for name, item in value.items()}
        hints = get_type_hints(kind)
        known = {one.name: one.metadata.get("form", "") for one in fields(kind) if one.init}
        shaped = {}
        for name, item in value.items():
            if name in known:
                shaped[name] = self.shape(hints[name], item, under(path, name))
                self._judge_form(known[name], shaped[name], under(path, name))
            else:
                also = self._aside if path == self._top else ()
                self._problem(under(path, str(name)), f"unknown key{suggestion(str(name), [*known, *also])}")
        return shaped

    def _text(self, kind: Any, value: str, path: str) -> str:
        if not value.isprintable():
            self._problem(path, "holds a line break or another character that cannot be printed")
            return value.encode("ascii", "replace").decode()
        if value != value.strip():
            self._problem(path, "has spaces around it")
        elif not value and kind in (str, Path):
            self._problem(path, "is empty")
        elif kind is Path:
            return self._absolute(value, path)
        return value

    def _judge_form(self, form: str, value: object, path: str) -> None:
        told = any(problem.path == path for problem in self._problems)
        if form and isinstance(value, str) and not told:
            fits, says = FORMS[form]
            if not fits(value):
                self._problem(path, says)

    def _absolute(self, value: str, path: str) -> str:
        try:
            return str(self._base / Path(value).expanduser())
        except RuntimeError:
            self._problem(path, f"names a home folder that is not known: {value}")
            return value

    def _plain(self, value: object, path: str) -> object:
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            if math.isfinite(value):
                return value
            self._problem(path, "is not a finite number")
        else:
            self._problem(path, f"cannot be a Python {type(value).__name__}")
        return None

    def _problem(self, path: str, says: str) -> None:
        self._problems.append(Problem(path, says))


def _bare(kind: Any) -> Any:
    """The type without "or None"."""
    options = [option for option in get_args(kind) if option is not NoneType]
    return options[0] if NoneType in get_args(kind) and len(options) == 1 else kind
