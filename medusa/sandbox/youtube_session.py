"""A resumable upload under way, and what a request on it says of its bytes (facts: Google resumable protocol, RU)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medusa.sandbox.exchange import Received
from medusa.sandbox.google_document import Method
from medusa.sandbox.google_errors import GoogleError, bad_request
from medusa.sandbox.sink import Sink

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(slots=True)
class Session:
    """A resumable upload under way."""

    method: Method
    query: Mapping[str, str]
    metadata: dict[str, Any]
    content_type: str
    declared: int | None
    started_at: float
    sink: Sink
    writer: object = None  # who may write now: a later request with bytes takes over from one that hangs
    resource: object = None  # the final reply, once complete

    def state(self) -> dict[str, object]:
        """For /_sandbox/state: without the session's id, which is a secret."""
        return {
            "method": self.method.name,
            "size": self.declared,
            "received": self.sink.settled,
            "complete": self.resource is not None,
        }


@dataclass(frozen=True, slots=True)
class ContentRange:
    """``bytes 0-524287/1048576``; start is None in a status query, total None if it is unknown (``*``)."""

    start: int | None
    stop: int
    total: int | None


def parse_range(received: Received) -> ContentRange | None:
    """The Content-Range header; None if there is none. Raises GoogleError if it is malformed."""
    text = received.headers.get("Content-Range")
    if text is None:
        return None
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise bad_request("Failed to parse Content-Range header.")
    first, last, total = found.groups()
    whole = None if total == "*" else int(total)
    if first is None:
        return ContentRange(None, 0, whole)
    start, stop = int(first), int(last) + 1
    if stop <= start or (whole is not None and stop > whole):
        raise bad_request("Failed to parse Content-Range header.")
    return ContentRange(start, stop, whole)


def whole_body(received: Received) -> ContentRange:
    """What a PUT without Content-Range brings: everything, from byte 0."""
    if received.length is None:
        raise GoogleError(411, "lengthRequired", "POST requests require a Content-length header.", domain="global")
    return ContentRange(0, received.length, received.length)
