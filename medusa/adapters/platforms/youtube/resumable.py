"""Google's resumable upload protocol, without any I/O (facts: resumable protocol, RU)."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

from medusa.adapters.http import Reply, Request
from medusa.adapters.platforms.youtube.account import CHUNK_UNIT
from medusa.domain.ports import Body
from medusa.domain.values import Media, Span

GONE = (404, 410)
"""What a session that has expired answers: 404; Cloud Storage documents 410 too."""
INCOMPLETE = 308
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")


def begin(request: Request, media: Media) -> Request:
    """The request that begins a session, from one that has the metadata. Size and type are fixed by it."""
    mime = media.mime if media.mime.startswith("video/") else "application/octet-stream"
    declared = {"X-Upload-Content-Length": str(media.size), "X-Upload-Content-Type": mime}
    return replace(request, headers={**request.headers, **declared})


def session_of(reply: Reply) -> str:
    """The new session's URL, a secret; "" when the reply names none."""
    return reply.headers.get("location", "")


def server_time(reply: Reply) -> float | None:
    """The server's clock by the Date header, in epoch seconds; None when it has none."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except ValueError:
        return None


def put(session: str, span: Span, size: int, body: Body) -> Request:
    """The bytes of `span` of a media of `size` bytes."""
    headers = {"Content-Range": f"bytes {span.start}-{span.stop - 1}/{size}"}
    return Request("PUT", session, headers, body, secrets=_secrets(session))


def query(session: str, size: int) -> Request:
    """How many bytes are stored. Changes nothing."""
    headers = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
    return Request("PUT", session, headers, b"", secrets=_secrets(session))


def stored(reply: Reply) -> int | None:
    """Bytes that a 308 says are stored; None when its Range header cannot be read. No header: nothing is."""
    text = reply.headers.get("range")
    if text is None:
        return 0
    found = _RANGE.fullmatch(text.strip())
    return int(found[1]) + 1 if found else None


def next_span(offset: int, size: int, chunk_size: int) -> Span:
    """What to send from `offset`: the rest, or a chunk that ends on the unit that Google asks for."""
    if not chunk_size:
        return Span(offset, size)
    stop = offset + chunk_size
    return Span(offset, min(size, stop - stop % CHUNK_UNIT))


def _secrets(session: str) -> tuple[str, ...]:
    """Whoever has the URL, or the id in it, can write to the session."""
    return (session, *parse_qs(urlsplit(session).query).get("upload_id", ()))
