"""What is sent and what comes back: plain data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from medusa.domain.ports import Body

BLOCK = 252 * 1024
"""Bytes read from a body, and given to the connection, at once: two of TLS's pieces, which stay in a core's cache."""
CROWDED_BLOCK = 4 * BLOCK
"""The same where many send at once, so that they take turns less often."""
REPLY_LIMIT = 8 * 1024 * 1024
"""Bytes of a reply that are read; no platform's JSON comes near it."""
EXCERPT = 300
"""Characters of a reply that was not understood, for the user."""
STANDARD_HEADERS: Mapping[str, str] = {"User-Agent": "medusa-media", "Accept": "*/*", "Accept-Encoding": "identity"}

_MARKUP = re.compile(r"(?is)<(style|script)\b.*?(</\1>|\Z)|<[^>]*(>|\Z)")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    connect_s: float = 10.0
    stall_s: float = 20.0
    """A send of which nothing moves, or is acknowledged, for so long ends: so does one over a line that has died."""
    idle_s: float = 60.0
    """A wait for a reply of which nothing comes for so long ends."""
    reply_s: float = 120.0
    """For reading a whole reply, however slowly it trickles in."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. Its repr shows neither headers, query nor body: they may hold secrets."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Body | None = field(default=None, repr=False)
    fresh: bool = False
    """On a connection of its own: a stale kept-alive one that dies looks like a lost reply."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must not come back out of a reply's text, beside the Authorization header, which never does."""

    def masked(self, content: bytes) -> bytes:
        """A reply's body without what we sent as secrets: platforms like to quote a bad token back."""
        authorization = self.headers.get("Authorization", "").rpartition(" ")[2]
        for secret in (authorization, *self.secrets):
            if len(secret) >= 8:
                content = content.replace(secret.encode(), b"***")
        return content


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, with any HTTP status. Header names are lowercase."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON: an empty body, HTML, a cut document."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def excerpt(self) -> str:
        """The beginning of the body on one line, without markup, for a person."""
        text = self.body[: 16 * EXCERPT].decode("utf-8", "replace")
        if "html" in self.headers.get("content-type", "") or text.lstrip().startswith("<"):
            text = _MARKUP.sub(" ", text)
        text = " ".join(text.split())
        return text[:EXCERPT] + ("..." if len(text) > EXCERPT else "")


def blocks(body: bytes | Body | None, is_crowded: Callable[[], bool] = lambda: False) -> Iterator[memoryview]:
    """A body in blocks, without a copy. Those of a Body are views of one buffer: use each before the next."""
    if body is None or isinstance(body, bytes):
        whole = memoryview(body or b"")
        yield from (whole[start : start + BLOCK] for start in range(0, len(whole), BLOCK))
        return
    buffer = memoryview(bytearray(min(CROWDED_BLOCK, max(len(body), 1))))
    while count := body.readinto(buffer if is_crowded() else buffer[:BLOCK]):
        yield buffer[:count]
