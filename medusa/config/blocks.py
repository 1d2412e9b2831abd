"""A block of the configuration -> the frozen dataclass that describes it, or all that is wrong with the block.

Types are judged strictly: "2" is no number. But relative paths are taken from the configuration's folder, a number is
accepted where digits are meant (a page's id without its quotes), unknown keys get a suggestion, and a text whose field
names a form, `field(metadata={"form": "url"})`, is looked at: see FORMS. No problem quotes what was given, which may be
a secret.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path, PurePath
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from medusa.config.reading import under
from medusa.domain.values import Problem

T = TypeVar("T")

_WRONG: Final = object()
"""In the place of what cannot be used; the problem is noted."""
_MUST_BE: Final[Mapping[Any, str]] = {
    str: "must be text in quotes",
    Path: "must be text in quotes",
    int: "must be a whole number",
    float: "must be a number",
    bool: "must be true or false",
}
_JSON: Final = (NoneType, bool, int, float, str, PurePath, Mapping, list, tuple)
"""What JSON values are in Python; a path may stand for its text."""


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
    reading = _Reading(base, path, aside)
    built = reading.value(kind, block, path)
    return (None if reading.problems else built), reading.problems


def suggestion(name: str, known: Iterable[str]) -> str:
    """'; did you mean page_id?' for the known name that is most like `name`, or what is known."""
    names = sorted(known)
    return likeness(name, names) or f"; known: {', '.join(names)}"


def likeness(name: str, known: Iterable[str]) -> str:
    """'; did you mean page_id?', or nothing when no known name is like `name`."""
    close = get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


@cache
def _known(kind: Any) -> Mapping[str, tuple[Field[Any], Any]]:
    """The fields of a dataclass that are given, each with its type."""
    hints = get_type_hints(kind)
    return {one.name: (one, hints[one.name]) for one in fields(kind) if one.init}


class _Reading:
    """One pass over a block, which gathers problems instead of ending at the first."""

    def __init__(self, base: Path, top: str, aside: tuple[str, ...]) -> None:
        self.problems: list[Problem] = []
        self._base = base
        self._top = top
        self._aside = aside

    def value(self, kind: Any, given: object, path: str) -> Any:
        """What is given as an instance of the type `kind`, or _WRONG."""
        options = [option for option in get_args(kind) if option is not NoneType]
        if NoneType in get_args(kind) and len(options) == 1:  # "or None"
            return None if given is None else self.value(options[0], given, path)
        if isinstance(given, float) and not math.isfinite(given):
            return self._wrong(path, "is not a finite number")
        if not isinstance(given, _JSON):
            return self._wrong(path, f"cannot be a Python {type(given).__name__}")
        if is_dataclass(kind):
            return self._object(kind, given, path)
        if get_origin(kind) is tuple:
            return self._list(options[0], given, path)
        return self._plain(kind, given, path) if kind in (bool, int, float) else self._text(kind, given, path)

    def _object(self, kind: Any, given: object, path: str) -> Any:
        if not isinstance(given, Mapping):
            return self._wrong(path, "must be an object")
        known = _known(kind)
        for name in (name for name in given if name not in known):
            also = self._aside if path == self._top else ()
            self._wrong(under(path, str(name)), f"unknown key{suggestion(str(name), [*known, *also])}")
        found = {}
        for name, (one, hint) in known.items():
            place = under(path, name)
            if name in given:
                found[name] = self._of_form(one.metadata.get("form", ""), self.value(hint, given[name], place), place)
            elif one.default is MISSING and one.default_factory is MISSING:
                found[name] = self._wrong(place, "is missing")
        return self._made(kind, found, path)

    def _made(self, kind: Any, found: Mapping[str, object], path: str) -> Any:
        if any(value is _WRONG for value in found.values()):
            return _WRONG
        try:
            return kind(**found)
        except ValueError as error:  # our own words, out of its __post_init__
            return self._wrong(path, str(error))

    def _list(self, kind: Any, given: object, path: str) -> Any:
        if not isinstance(given, list | tuple):
            return self._wrong(path, "must be a list")
        found = tuple(self.value(kind, item, f"{path}[{place}]") for place, item in enumerate(given))
        return _WRONG if any(item is _WRONG for item in found) else found

    def _plain(self, kind: type[Any], given: object, path: str) -> Any:
        """A whole number may stand for another one; true and false are no numbers."""
        accepted = (int, float) if kind is float else kind
        if not isinstance(given, accepted) or isinstance(given, bool) is not (kind is bool):
            return self._wrong(path, _MUST_BE[kind])
        try:
            return kind(given)
        except OverflowError:
            return self._wrong(path, "is too large")

    def _text(self, kind: Any, given: object, path: str) -> Any:
        if isinstance(given, PurePath) or (kind is str and isinstance(given, int) and not isinstance(given, bool)):
            given = str(given)
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        if not isinstance(given, str):
            return self._wrong(path, _one_of(choices) if choices else _MUST_BE[kind])
        if not given.isprintable():
            return self._wrong(path, "holds a line break or another character that cannot be printed")
        if given != given.strip():
            return self._wrong(path, "has spaces around it")
        if choices:
            return given if given in choices else self._wrong(path, _one_of(choices))
        if not given:
            return self._wrong(path, "is empty")
        return self._absolute(given, path) if kind is Path else given

    def _of_form(self, form: str, value: Any, path: str) -> Any:
        if form and isinstance(value, str):
            fits, says = FORMS[form]
            return value if fits(value) else self._wrong(path, says)
        return value

    def _absolute(self, given: str, path: str) -> Any:
        try:
            return self._base / Path(given).expanduser()
        except RuntimeError:
            return self._wrong(path, f"names a home folder that is not known: {given}")

    def _wrong(self, path: str, says: str) -> Any:
        self.problems.append(Problem(path, says))
        return _WRONG


def _one_of(choices: tuple[str, ...]) -> str:
    *most, last = map(repr, choices)
    return f"must be {', '.join(most)} or {last}" if most else f"must be {last}"
