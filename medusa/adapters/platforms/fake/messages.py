"""Requests as the fake platform reads them, and the replies that it makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from medusa.adapters.http import Reply, Request
from medusa.adapters.platforms.fake.things import FakeSession

BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has arrived whole, at `at` (epoch seconds); `words` are the ids in its path."""

    request: Request
    content: bytes
    words: tuple[str, ...]
    at: float

    def json(self) -> Any:
        return json.loads(self.content)

    def query(self, name: str) -> str:
        return parse_qs(urlsplit(self.request.url).query)[name][0]


def content_of(request: Request) -> bytes:
    """The whole body."""
    content = bytearray()
    read(request, content)
    return bytes(content)


def read(request: Request, into: bytearray) -> None:
    """The whole body, or as much of it as there is when reading it fails."""
    if request.body is None or isinstance(request.body, bytes):
        into += request.body or b""
        return
    block = bytearray(BLOCK)
    while count := request.body.readinto(memoryview(block)):
        into += block[:count]


def begins_at(request: Request) -> int:
    """The first byte of "bytes 0-99/100"."""
    return int(request.headers["Content-Range"].removeprefix("bytes ").partition("-")[0])


def standing(session: FakeSession) -> Reply:
    """Where an upload stands."""
    if session.video:
        return answered({"id": session.video.id, "url": session.video.url}, 201)
    return answered({"offset": len(session.received)}, 308)


def answered(value: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def refused(status: int, said: str) -> Reply:
    return answered({"error": said}, status)
