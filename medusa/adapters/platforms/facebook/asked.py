"""Reads what a user asked of Facebook, key by key, and notes everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from medusa.domain.likeness import suggestion
from medusa.domain.template import render
from medusa.domain.values import Problem

_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_CLOSING = {")": "(", "]": "[", "}": "{"}


class Fields:
    """The metadata. Every reading method gives a key's value, or nothing and notes a problem if there is one."""

    def __init__(self, fields: Mapping[str, Any], samples: Mapping[str, str]) -> None:
        """`samples`: what placeholders are measured with. A key whose value is None counts as not given."""
        self._fields = {key: value for key, value in fields.items() if value is not None}
        self._samples = samples
        self.problems: list[Problem] = []

    def __contains__(self, key: str) -> bool:
        return key in self._fields

    def only(self, known: Iterable[str]) -> None:
        """Note every key that is not known."""
        names = tuple(known)
        for key in self._fields:
            if key not in names:
                self.problem(key, f"unknown key{suggestion(key, names)}")

    def refuse(self, misplaced: Mapping[str, str]) -> None:
        """Note every one of these keys that was given, with the reason why it has no place here."""
        for key, why in misplaced.items():
            if key in self._fields:
                self.problem(key, why)

    def text(self, key: str, limit: int) -> str:
        """Text of at most `limit` characters once its placeholders are filled in; "" when not given."""
        value: str | None = self._typed(key, str, "text in quotes")
        if value is None:
            return ""
        length = len(render(value, self._samples))
        if not value.strip():
            self.problem(key, "must not be empty")
        elif length > limit:
            self.problem(key, f"is {length} characters long; Facebook takes {limit} at most")
        return value

    def link(self, key: str) -> str:
        """A URL, or placeholders that give one; "" when not given."""
        value: str | None = self._typed(key, str, "text in quotes")
        if value is None:
            return ""
        url = render(value, self._samples)
        if not is_url(url):
            self.problem(key, f"is no http(s) URL: {url!r}")
        elif is_facebook(url):
            self.problem(key, "leads to facebook.com, which Facebook refuses as a post's link")
        return value

    def choice(self, key: str, known: Iterable[str]) -> str:
        """One of a few words; "" when not given."""
        value: str = self._typed(key, str, "text in quotes") or ""
        if value and value not in known:
            self.problem(key, f"unknown value{suggestion(value, known)}")
        return value

    def flag(self, key: str) -> bool:
        """true or false; false when not given."""
        return bool(self._typed(key, bool, "true or false, without quotes"))

    def object(self, key: str) -> Mapping[str, Any] | None:
        """A JSON object."""
        found: Mapping[str, Any] | None = self._typed(key, Mapping, "an object")
        return found

    def time(self, key: str) -> int | None:
        """A moment in Unix seconds, from ISO 8601 with a zone or from Unix seconds."""
        if key not in self._fields:
            return None
        try:
            return moment(self._fields[key])
        except ValueError as problem:
            self.problem(key, str(problem))
            return None

    def problem(self, key: str, says: str) -> None:
        """Note a problem of a key, once."""
        if Problem(key, says) not in self.problems:
            self.problems.append(Problem(key, says))

    def _typed(self, key: str, kind: type, name: str) -> Any:
        value = self._fields.get(key)
        if value is not None and not isinstance(value, kind):
            self.problem(key, f"must be {name}")
            return None
        return value


def moment(value: object) -> int:
    """Unix seconds of a moment as people write it. Raises ValueError, in words."""
    if isinstance(value, str):
        return _read(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return int(value)
    raise ValueError("must be a time such as 2026-12-01T09:00:00+01:00, or Unix seconds")


def _read(value: str) -> int:
    if value.isascii() and value.isdigit():
        return int(value)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no time such as 2026-12-01T09:00:00+01:00") from None
    if at.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; write it such as 2026-12-01T09:00:00+01:00")
    return int(at.timestamp())


def is_url(text: str) -> bool:
    """Whether this is one http(s) URL."""
    return bool(_URL.fullmatch(text)) and bool(_host(text))


def is_facebook(url: str) -> bool:
    """Whether a link post with this URL is refused with 1609008 (facts: Meta 2.1)."""
    return f".{_host(url)}".endswith(".facebook.com")


def first_url(text: str) -> str:
    """The first http(s) URL in a text that Facebook takes as a link, without the punctuation after it; or ""."""
    urls = (_trimmed(match[0]) for match in _URL.finditer(text))
    return next((url for url in urls if is_url(url) and not is_facebook(url)), "")


def _trimmed(url: str) -> str:
    """A closing bracket belongs to the URL if the URL also opens it."""
    while True:
        shorter = url.rstrip(".,;:!?'*…»”’")  # not _: a video's id may end in one
        if shorter and shorter[-1] in _CLOSING and shorter.count(shorter[-1]) > shorter.count(_CLOSING[shorter[-1]]):
            shorter = shorter[:-1]
        if shorter == url:
            return url
        url = shorter


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
