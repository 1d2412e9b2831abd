"""A request as it came: its head, its fields, and its body as small or large as it is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import select
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy, MultiDict, MultiMapping

from medusa.sandbox.faults import Fault
from medusa.sandbox.log import Record
from medusa.sandbox.multipart import MalformedBody, MultipartReader, Part
from medusa.sandbox.world import World

SMALL = 64 * 1024 * 1024
SHOWN = 64 * 1024
"""Bytes of a text body that its log record holds."""
LOOK = 16 * 1024
"""Bytes read at once until it is known which operation it is: its faults strike at a byte that is still to come."""


class Cut(Exception):
    """The line is dead: the client has gone, or a fault resets it. Nobody will read a reply."""


class Received:
    """One request as it came."""

    def __init__(self, request: web.Request, world: World, platform: str, record: Record) -> None:
        self.world = world
        self.platform = platform
        self.operation = ""
        self.faults: tuple[Fault, ...] = ()
        self.method = request.method
        self.path = request.path
        self.params: Mapping[str, str] = request.match_info
        self.query: MultiMapping[str] = request.query
        self.query_string = request.query_string
        self.headers: CIMultiDictProxy[str] = request.headers
        self.content_type = request.content_type if "Content-Type" in request.headers else ""
        self.length = request.content_length
        self.origin = f"{request.scheme}://{request.host}"
        self._request = request
        self._record = record
        self._ended = not request.can_read_body
        self._body: bytes | None = None
        self._fields: MultiDict[str] | None = None
        self._parts: AsyncIterator[Part] | None = None
        self._pending: Part | None = None

    def fault(self, kind: str) -> Fault | None:
        """The fault of this kind that acts on this request."""
        return next((fault for fault in self.faults if fault.kind == kind), None)

    async def stream(self) -> AsyncIterator[bytes]:
        """The raw body, in blocks as they come."""
        while block := await self._read():
            yield block

    async def body(self, limit: int = SMALL) -> bytes:
        """The whole raw body. Raises MalformedBody if it is longer than `limit` bytes."""
        if self._body is None:
            content = bytearray()
            async for block in self.stream():
                content += block
                if len(content) > limit:
                    raise MalformedBody(f"the body is longer than {limit} bytes")
            self._body = bytes(content)
            self._record.body = self._shown(self._body)
        return self._body

    async def json(self) -> object:
        """The body as JSON; None if it is empty. Raises MalformedBody if it is not JSON."""
        try:
            return json.loads(await self.body() or b"null")
        except ValueError as problem:
            raise MalformedBody(str(problem)) from None

    async def fields(self) -> MultiDict[str]:
        """The text fields, over those of the query: urlencoded, JSON (its top level) or multipart.

        Of a multipart body it reads the text fields that come before the first file part, and no further; `parts`
        goes on from there. May be called again: the same dictionary comes back.
        """
        if self._fields is None:
            self._fields = MultiDict(self.query)
            if self.content_type.startswith("multipart/"):
                self._parts = self.related()
                self._pending = await self._next_file(self._parts)
            else:
                for name, value in await self._plain_fields():
                    self._fields[name] = value
        return self._fields

    async def parts(self) -> AsyncIterator[Part]:
        """The file parts of a multipart/form-data body, each to be read before the next.

        Text fields that come between or after them are added to what `fields` returned.
        """
        await self.fields()
        while self._parts is not None and self._pending is not None:
            part, self._pending = self._pending, None
            self._note(part.name, {"filename": part.filename})
            yield part
            await part.skip()
            self._pending = await self._next_file(self._parts)

    def related(self) -> AsyncIterator[Part]:
        """All parts of a multipart body as they come, whatever they are. Raises MalformedBody."""
        return MultipartReader(self._read, self.headers.get("Content-Type", "")).parts()

    async def form(self) -> dict[str, str | bytes]:
        """All fields at once, file parts as bytes: for small bodies. Raises MalformedBody."""
        files: dict[str, str | bytes] = {}
        async for part in self.parts():
            content = await part.read()
            files[part.name] = content
            self._note(part.name, _summary(content))
        return {**await self.fields(), **files}

    async def drain(self) -> None:
        """Read what is left of the body and drop it."""
        async for _ in self.stream():
            pass

    async def _plain_fields(self) -> list[tuple[str, str]]:
        if self.content_type == "application/json":
            document = await self.json()
            if not isinstance(document, dict):
                raise MalformedBody("the JSON body is no object")
            return [(name, _as_field(value)) for name, value in document.items() if value is not None]
        if self.content_type == "application/x-www-form-urlencoded":
            try:
                return parse_qsl((await self.body()).decode(), keep_blank_values=True)
            except ValueError as problem:
                raise MalformedBody(str(problem)) from None
        return []

    async def _next_file(self, parts: AsyncIterator[Part]) -> Part | None:
        assert self._fields is not None
        async for part in parts:
            if part.filename is not None:
                return part
            text = (await part.read()).decode("utf-8", "replace")
            self._fields[part.name] = text
            self._note(part.name, text)
        return None

    def _note(self, name: str, value: object) -> None:
        body = self._record.body
        noted = body if isinstance(body, dict) and not _is_size(body) else {}
        self._record.body = {**noted, name: value}

    def _shown(self, content: bytes) -> object:
        kind = self.content_type
        if kind.startswith("text/") or kind.endswith(("json", "xml", "x-www-form-urlencoded")):
            return content[:SHOWN].decode("utf-8", "replace")
        return _summary(content) if content else None

    async def _read(self) -> bytes:
        """The next block of the body, b"" at its end; here the faults on bytes act."""
        await self.struck()
        if self._ended:
            return b""
        block = await self._next_block()
        self._ended = not block
        self._record.received += len(block)
        if self._record.body is None or _is_size(self._record.body):
            self._record.body = {"size": self._record.received} if self._record.received else None
        return block

    async def _next_block(self) -> bytes:
        slow = self.fault("slow")
        most = max(1, int(slow.bytes_per_s / 20)) if slow else -1 if self.operation else LOOK
        if cut := self._breaking_point():
            most = cut - self._record.received if most < 0 else min(most, cut - self._record.received)
        try:
            content = self._request.content
            block = await (content.readany() if most < 0 else content.read(most))
        except (OSError, web.PayloadAccessError, web.RequestPayloadError, HttpProcessingError) as lost:
            raise Cut from lost
        if slow and block:
            await asyncio.sleep(len(block) / slow.bytes_per_s)
        return block

    def _breaking_point(self) -> int:
        """After how many bytes of the body the line is cut or stalls; 0 if it is not, or is by now."""
        fault = self.fault("cut") or self.fault("stall")
        return fault.after if fault is not None and fault.after > self._record.received else 0

    async def struck(self) -> None:
        """Raise Cut if a cut or stall is due by now; a stall lasts until the client goes or the sandbox closes."""
        if (cut := self.fault("cut")) and self._record.received >= cut.after:
            raise Cut
        if (stall := self.fault("stall")) and self._record.received >= stall.after:
            await self._wait_for_the_end()
            raise Cut

    async def _wait_for_the_end(self) -> None:
        """Nothing is read meanwhile, so asyncio would not notice that the client goes: ask the socket."""
        transport = self._request.transport
        if transport is None:
            return
        poll = select.poll()
        gone = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)
        poll.register(transport.get_extra_info("socket").fileno(), gone)
        # a socket's state has no event to wait for
        while not transport.is_closing() and not self.world.closing.is_set() and not poll.poll(0):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _summary(content: bytes) -> dict[str, object]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _is_size(body: object) -> bool:
    return isinstance(body, dict) and body.keys() == {"size"}


def _as_field(value: object) -> str:
    """A JSON value as Graph reads it from a form: text as it is, the rest as JSON text."""
    return value if isinstance(value, str) else json.dumps(value)
