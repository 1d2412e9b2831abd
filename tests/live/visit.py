"""One visit to a platform: sends raw HTTP by requests, and notes of each named fact whether it holds.

Nothing of Medusa's adapters is used here: the facts that they are built on are looked at from outside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

TIMEOUT_S = (10, 120)
SHOWN = 300
"""Characters of a reply that a finding shows."""


class Unanswerable(Exception):
    """A fact does not hold without which the others cannot be looked at."""


@dataclass(frozen=True)
class Answer:
    """A reply; header names are lowercase."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def at(self, *path: str | int) -> Any:
        """The value at this path of the JSON document; None when it is not there."""
        try:
            found = json.loads(self.text)
            for step in path:
                found = found[step]
        except (ValueError, KeyError, IndexError, TypeError):
            return None
        return found

    def __str__(self) -> str:
        return f"HTTP {self.status} {' '.join(self.text.split())}"


@dataclass(frozen=True)
class Finding:
    """What was found of one fact. `holds` is None when it could not be looked at."""

    name: str
    says: str
    holds: bool | None = None
    saw: str = ""

    def __str__(self) -> str:
        word = {True: "holds", False: "NO LONGER HOLDS", None: "not looked at"}[self.holds]
        return f"{self.name}: {word}: {self.says}" + (f" (saw: {self.saw})" if self.holds is False else "")


class Visit:
    """Collects the findings of one run against one target."""

    def __init__(self, facts: Mapping[str, str], pause: Callable[[float], None]) -> None:
        self.findings = {name: Finding(name, says) for name, says in facts.items()}
        self._pause = pause
        self._secrets: list[str] = []
        self._session = requests.Session()

    def close(self) -> None:
        self._session.close()

    def secret(self, *texts: object) -> None:
        """Never to be shown in a finding."""
        self._secrets += [text for text in texts if isinstance(text, str) and text]

    def send(self, method: str, url: str, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
        """One exchange. `body`: json, data, files or params, as requests takes them."""
        reply = self._session.request(method, url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, **body)
        return Answer(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.text)

    def fact(self, name: str, holds: object, saw: object) -> None:
        """Note whether a fact holds, and what was seen. One that failed once stays failed."""
        before = self.findings[name]
        if before.holds is not False:
            self.findings[name] = Finding(name, before.says, bool(holds), self._masked(str(saw))[:SHOWN])

    def need(self, name: str, holds: object, saw: object) -> None:
        """Like `fact`; ends the visit when it does not hold."""
        self.fact(name, holds, saw)
        if not holds:
            raise Unanswerable(name)

    def later(self, look: Callable[[], Answer], there: Callable[[Answer], object], tries: int = 30) -> Answer:
        """Look again, every few seconds, until it is there or the tries are used up."""
        answer = look()
        for number in range(tries):
            if there(answer):
                break
            self._pause(min(2.0 + number, 10.0))
            answer = look()
        return answer

    @contextmanager
    def cleanup(self, undo: Callable[[], None]) -> Iterator[None]:
        """Whatever happens within: `undo` is called at its end."""
        try:
            yield
        finally:
            undo()

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def padded(clip: bytes, size: int) -> bytes:
    """An MP4 grown to `size` bytes by a box of type "free", which players skip (ISO 14496-12, 8.1.2)."""
    missing = size - len(clip)
    return clip if missing < 8 else clip + missing.to_bytes(4, "big") + b"free" + bytes(missing - 8)
