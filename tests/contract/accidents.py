"""What can happen to one exchange: a death, a stop, a reply that is no good."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from medusa.adapters.http import Reply, Request
from medusa.domain.ports import Body
from tests.contract.rig import Accident, Send


def before(error: BaseException) -> Accident:
    """The request is never sent."""

    def happen(send: Send, request: Request) -> Reply:
        raise error

    return happen


def after(error: BaseException) -> Accident:
    """The reply has arrived, and nobody reads it any more."""

    def happen(send: Send, request: Request) -> Reply:
        send(request)
        raise error

    return happen


def within(error: BaseException) -> Accident:
    """Half of the body goes out. A request whose body is not media is never sent."""

    def happen(send: Send, request: Request) -> Reply:
        if request.body is None or isinstance(request.body, bytes):
            raise error
        return send(replace(request, body=_Broken(request.body, error)))

    return happen


class _Broken:
    """A body that raises when half of it is read."""

    def __init__(self, body: Body, error: BaseException) -> None:
        self._body, self._error = body, error
        self._left = len(body) // 2

    def __len__(self) -> int:
        return len(self._body)

    def readinto(self, view: memoryview, /) -> int:
        if self._left <= 0:
            raise self._error
        count = self._body.readinto(view[: self._left])
        self._left -= count
        return count


def refused(status: int, body: bytes, **headers: str) -> Accident:
    """Not done: this comes back instead."""
    return lambda send, request: Reply(status, _lower(headers), body)


def garbled(change: Callable[[Reply], Reply]) -> Accident:
    """Done, but the reply arrives changed."""
    return lambda send, request: change(send(request))


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-").lower(): value for name, value in headers.items()}


HTML = b"<!DOCTYPE html><html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>"
BAD_REPLIES: dict[str, Accident] = {
    "500 not done": refused(500, b'{"error": {"message": "backend error"}}'),
    "503 HTML not done": refused(503, HTML, content_type="text/html"),
    "500 empty not done": refused(500, b""),
    "429 not done": refused(429, b"{}", retry_after="7"),
    "400 HTML not done": refused(400, HTML),
    "401 empty not done": refused(401, b""),
    "403 of a strange shape not done": refused(403, b'{"error": ["forbidden"]}'),
    "404 not done": refused(404, b"null"),
    "302 not done": refused(302, b"", location="https://elsewhere.invalid/login"),
    "502 HTML done": garbled(lambda reply: Reply(502, {"content-type": "text/html"}, HTML)),
    "200 HTML done": garbled(lambda reply: Reply(200, {"content-type": "text/html"}, HTML)),
    "200 empty done": garbled(lambda reply: Reply(200, {}, b"")),
    "cut JSON done": garbled(lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2])),
    "no headers done": garbled(lambda reply: replace(reply, headers={})),
    "a list done": garbled(lambda reply: replace(reply, body=b"[1, 2, 3]")),
    "a number done": garbled(lambda reply: replace(reply, body=b"12")),
    "an empty object done": garbled(lambda reply: replace(reply, body=b"{}")),
    "an error in 200 done": garbled(
        lambda reply: Reply(200, reply.headers, b'{"error": {"code": 1, "message": "no"}}')
    ),
    "an error of text in 200 done": garbled(lambda reply: Reply(200, reply.headers, b'{"error": "no"}')),
    "values missing done": garbled(lambda reply: replace(reply, body=_changed(reply.body, _nothing))),
    "values of other types done": garbled(lambda reply: replace(reply, body=_changed(reply.body, _other_type))),
}


def _changed(body: bytes, change: Callable[[object], object]) -> bytes:
    """The same JSON object with each of its values changed; what is no JSON object stays."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return json.dumps(change(document) if isinstance(document, dict) else document).encode()


def _other_type(value: object) -> object:
    """Texts turned into numbers, numbers into texts, lists into objects."""
    if isinstance(value, dict):
        return {name: _other_type(item) for name, item in value.items()}
    if isinstance(value, list):
        return {"0": value}
    return str(value) if isinstance(value, int | float) else 7


def _nothing(value: object) -> object:
    """Nulls in the place of values, and lists of one object that holds nothing."""
    if isinstance(value, dict):
        return {name: _nothing(item) for name, item in value.items()}
    return [{}] if isinstance(value, list) else None
