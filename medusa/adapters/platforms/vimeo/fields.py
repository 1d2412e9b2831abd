"""Reads what a user asked for, key by key, and notes everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from medusa.domain.likeness import suggestion
from medusa.domain.template import render
from medusa.domain.values import Problem

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


class Fields:
    """One JSON object of the request. A method gives the value of a key, if it has one, and notes what is wrong."""

    def __init__(self, fields: Mapping[str, Any], samples: Mapping[str, str], path: str = "") -> None:
        """`samples` are what placeholders are measured with; `path` is where the object stands: "texttracks[0]"."""
        self._fields = fields
        self._samples = samples
        self._path = path
        self.problems: list[Problem] = []

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def only(self, known: Iterable[str]) -> None:
        """Note every key that is not known."""
        names = tuple(known)
        for key in self._fields:
            if key not in names:
                self.problem(str(key), f"unknown key{suggestion(str(key), names)}")

    def text(self, key: str, limit: int | None = None, *, blank: bool = False) -> str | None:
        """Text of at most `limit` characters once its placeholders are filled in; only with `blank` may it be blank."""
        value: str | None = self._typed(key, str, "text in quotes")
        if value is None:
            return None
        length = len(render(value, self._samples))
        if not blank and not value.strip():
            self.problem(key, "must not be empty")
        elif limit is not None and length > limit:
            self.problem(key, f"is {length} characters long; Vimeo takes {limit} at most")
        return value

    def choice(self, key: str, known: Iterable[str]) -> str | None:
        """One of a few words."""
        value: str | None = self._typed(key, str, "text in quotes")
        words = tuple(known)
        if value is None or value in words:
            return value
        self.problem(key, f"unknown value{suggestion(value, words)}")
        return None

    def flag(self, key: str) -> bool | None:
        """true or false."""
        value: bool | None = self._typed(key, bool, "true or false, without quotes")
        return value

    def number(self, key: str) -> float | None:
        """A number from 0 on; one that is written as text, as on the command line, counts as well."""
        value = self._fields.get(key)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if key not in self._fields:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.problem(key, "must be a number, without quotes")
        elif value < 0:
            self.problem(key, "must not be negative")
        else:
            return value
        return None

    def texts(self, key: str, limit: int | None = None) -> list[str]:
        """A list of at most `limit` texts, none of them blank."""
        found = []
        for place, item in enumerate(self._listed(key, 'texts, such as ["demo", "test"]')):
            if isinstance(item, str) and item.strip():
                found.append(item)
            else:
                self.problem(
                    f"{key}[{place}]", "must not be empty" if isinstance(item, str) else "must be text in quotes"
                )
        if limit is not None and len(found) > limit:
            self.problem(key, f"{len(found)} {key}; Vimeo takes {limit}")
        return found

    def objects(self, key: str) -> list[Fields]:
        """A list of objects, to be read like this one; `add` their problems afterwards."""
        found = []
        for place, item in enumerate(self._listed(key, "objects")):
            if isinstance(item, Mapping):
                found.append(Fields(item, self._samples, self._place(f"{key}[{place}]")))
            else:
                self.problem(f"{key}[{place}]", "must be an object")
        return found

    def required(self, key: str) -> None:
        """Note that the key is missing."""
        if key not in self._fields:
            self.problem(key, "is missing")

    def problem(self, key: str, says: str) -> None:
        """Note a problem of a key."""
        self.problems.append(Problem(self._place(key), says))

    def _typed(self, key: str, kind: type, name: str) -> Any:
        if key not in self._fields:
            return None
        value = self._fields[key]
        if isinstance(value, kind):
            return value
        self.problem(key, f"must be {name}")
        return None

    def _listed(self, key: str, of: str) -> list[Any]:
        if key not in self._fields:
            return []
        value = self._fields[key]
        if isinstance(value, list | tuple):
            return list(value)
        self.problem(key, f"must be a list of {of}")
        return []

    def _place(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key
