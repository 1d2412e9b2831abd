"""Vimeo's upload links: tus 1.0 without the creation extension (facts: Vimeo, tus transfer; TUS core protocol)."""

from __future__ import annotations

from typing import Any, Final

from medusa.adapters.http import Reply, Request

_VERSION: Final = {"Tus-Resumable": "1.0.0"}
_GONE: Final = frozenset({403, 404, 410})


def head(link: str) -> Request:
    """How much is there? The link itself is the key: no bearer token goes to these hosts."""
    return Request("HEAD", link, _VERSION, secrets=(link,))


def patch(link: str, offset: int, body: Any) -> Request:
    """The bytes from `offset` on."""
    headers = {**_VERSION, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return Request("PATCH", link, headers, body, secrets=(link,))


def offset(reply: Reply) -> int | None:
    """How many bytes the server has; None when the reply does not say."""
    return _number(reply, "upload-offset")


def length(reply: Reply) -> int | None:
    """How many bytes there are in all; None when the reply does not say."""
    return _number(reply, "upload-length")


def gone(reply: Reply) -> bool:
    """The upload is not known any more: no byte can be added to it."""
    return reply.status in _GONE and offset(reply) is None


def _number(reply: Reply, name: str) -> int | None:
    text = reply.headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
