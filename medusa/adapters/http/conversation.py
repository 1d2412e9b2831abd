"""One request and its reply over a line. The grammar of HTTP/1.1 is h11's."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote, urlsplit

import h11

from medusa.adapters.http.cores import CORES
from medusa.adapters.http.line import Line
from medusa.adapters.http.message import REPLY_LIMIT, STANDARD_HEADERS, Reply, Request, Timeouts, blocks
from medusa.adapters.http.plain import READABLE, WRITABLE
from medusa.adapters.http.watch import Watch

_HEAD_LIMIT = 128 * 1024
"""Bytes of a reply's head."""
_IN_ADDRESSES = "!#$%&'()*+,/:;=?@[]~"
_ANY_FRAMING = 47
"""zlib's word for gzip or zlib, whichever it is."""


def head(request: Request) -> h11.Request:
    """The request's line and headers. Raises ValueError for what HTTP does not allow."""
    parts = urlsplit(request.url)
    target = quote(parts.path or "/", _IN_ADDRESSES) + ("?" + quote(parts.query, _IN_ADDRESSES) if parts.query else "")
    given = {name.lower() for name in request.headers}
    own = {"Host": parts.netloc, **STANDARD_HEADERS, **_length(request)}
    headers = [(name, value) for name, value in own.items() if name.lower() not in given]
    try:
        return h11.Request(method=request.method, target=target, headers=headers + list(request.headers.items()))
    except h11.LocalProtocolError as error:
        raise ValueError("not allowed in HTTP") from error


def _length(request: Request) -> Mapping[str, str]:
    if request.body is None and request.method in ("GET", "HEAD"):
        return {}
    return {"Content-Length": str(len(request.body or b""))}


class Conversation:
    """Sends, listening meanwhile, since a server may refuse before it has read everything; then reads the reply."""

    def __init__(self, line: Line, watch: Watch, timeouts: Timeouts) -> None:
        self._line = line
        self._watch = watch
        self._timeouts = timeouts
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._response: h11.Response | None = None

    def hold(self, request: Request, opening: h11.Request) -> Reply:
        """`opening` and the body of `request`, then the reply. Raises OSError or h11.RemoteProtocolError."""
        try:
            self._send(request, opening)
        except ConnectionError:
            if reply := self._last_words():
                return reply
            raise
        return self._reply()

    @property
    def complete(self) -> bool:
        """Both sides have said everything, so that the line may be used again."""
        mine, theirs = self._http.our_state, self._http.their_state
        return mine is theirs is h11.DONE and not self._http.trailing_data[0] and not self._line.ended

    def _send(self, request: Request, opening: h11.Request) -> None:
        said = memoryview(self._http.send(opening) or b"")
        self._hear()  # what came along with the end of the handshake is where poll cannot see it
        if not self._put(said):
            return
        sent = 0
        for block in blocks(request.body, CORES.taken):
            if not self._put(block):
                return
            sent += len(block)
        told = h11.Data(data=range(sent))  # type: ignore[arg-type]  # h11 looks at nothing but its length
        self._http.send_with_data_passthrough(told)
        self._http.send(h11.EndOfMessage())

    def _put(self, block: memoryview) -> bool:
        """Send all of it, and listen. False when the peer has refused meanwhile, and the rest is not wanted."""
        self._watch.in_hand = len(block)
        while True:
            block = self._offer(block)
            waits = self._watch.in_hand > 0
            listening = READABLE if self._response is None else 0
            seen = self._line.sees(listening | WRITABLE if waits else listening, self._timeouts.stall_s if waits else 0)
            if waits and not seen:
                raise TimeoutError
            if seen & listening and self._refused():
                return False
            if not waits:
                return True

    def _offer(self, block: memoryview) -> memoryview:
        """What the line, now full, has not taken of it."""
        with CORES:
            while True:
                taken = self._line.send(block)
                block = block[taken:]
                self._watch.in_hand = len(block) + self._line.behind
                if not taken or not self._watch.in_hand:
                    return block

    def _refused(self) -> bool:
        self._hear()
        event = self._event()
        while isinstance(event, h11.InformationalResponse):
            event = self._event()
        if isinstance(event, h11.Response):
            self._response = event
        return self._response is not None and self._response.status_code >= 300

    def _hear(self) -> None:
        arrived = self._line.receive()
        if arrived or self._line.ended:
            self._http.receive_data(arrived)
        if arrived and self._line.ended:
            self._http.receive_data(b"")

    def _last_words(self) -> Reply | None:
        """The reply of a peer that has hung up within the request, if it said one before."""
        with suppress(OSError, h11.RemoteProtocolError):
            return self._reply()
        return None

    def _reply(self) -> Reply:
        content = bytearray()
        try:
            self._read(content)
        except (ConnectionError, h11.RemoteProtocolError):
            if not self._was_refused():
                raise
        assert self._response
        headers = _headers(self._response)
        return Reply(self._response.status_code, headers, _decoded(bytes(content), headers))

    def _was_refused(self) -> bool:
        """Within the request: a peer that hangs up then may cut its own words short, and no other try gets more."""
        sending = self._http.our_state is h11.SEND_BODY
        return sending and self._response is not None and self._response.status_code >= 400

    def _read(self, content: bytearray) -> None:
        """The response, and what it holds."""
        deadline = time.monotonic() + self._timeouts.reply_s
        while not isinstance(event := self._next(deadline), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                self._response = event
            elif isinstance(event, h11.Data):
                content += event.data
            if len(content) >= REPLY_LIMIT:
                break

    def _next(self, deadline: float) -> object:
        while (event := self._event()) is h11.NEED_DATA:
            left = deadline - time.monotonic()
            if not self._line.sees(READABLE, min(left, self._timeouts.idle_s)) or left <= 0:
                raise TimeoutError
            self._hear()
        return event

    def _event(self) -> object:
        """What the peer has said next."""
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise error.with_traceback(None) from None  # h11's frames and it hold each other, and our buffers with them


def _headers(response: h11.Response) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _decoded(content: bytes, headers: Mapping[str, str]) -> bytes:
    """The content of a server that compresses although it was asked not to."""
    if headers.get("content-encoding", "").lower() not in ("gzip", "x-gzip", "deflate"):
        return content
    try:
        return zlib.decompressobj(_ANY_FRAMING).decompress(content, REPLY_LIMIT)
    except zlib.error as error:
        raise OSError("the reply cannot be decompressed") from error
