"""Google's upload protocols: resumable, multipart and simple (facts: google, 2. Resumable protocol)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medusa.sandbox.exchange import Cut, MalformedBody, Received, Reply, World
from medusa.sandbox.google_document import Method
from medusa.sandbox.google_errors import GoogleError, bad_request, not_found
from medusa.sandbox.sink import GRANULE, Sink
from medusa.sandbox.youtube_session import ContentRange, Session, parse_range, whole_body

OPTIONS: Mapping[str, object] = {
    "youtube_session_s": 604_800.0,  # (unverified for YouTube) how long an upload session lives
    "youtube_gone_status": 404,  # what a session that is gone answers; 410 is documented for Cloud Storage
    "youtube_final_status": 200,  # of the reply to the last byte: 200 or 201
    "youtube_range_prefix": "bytes=",  # of the Range header of a 308; "" is accepted by clients too
    "youtube_odd_chunk": "refuse",  # (unverified) a chunk that is no multiple of 256 KiB: "refuse" or "truncate"
    "youtube_size_mismatch": "refuse",  # (unverified) a total other than X-Upload-Content-Length: "refuse", "accept"
    "youtube_cancel_status": 499,  # (unverified) reply to DELETE of a session, as Cloud Storage documents it
    "youtube_bytes_need_token": True,  # whether PUTs of bytes are refused without a valid Authorization
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A complete upload, for the method that asked for it."""

    method: Method
    query: Mapping[str, str]
    metadata: dict[str, Any]
    content_type: str
    sink: Sink
    origin: str


Finish = Callable[[Upload], object]
"""Makes the resource of a complete upload and returns it as JSON, or raises GoogleError."""
Prepare = Callable[[Method, Mapping[str, str], dict[str, Any]], None]
"""Refuses (raises GoogleError) what an upload will never be accepted with, before its bytes come."""


@dataclass(slots=True)
class Uploads:
    """The upload sessions of one platform."""

    world: World
    prepare: Prepare
    finish: Finish
    _sessions: dict[str, Session] = field(default_factory=dict)

    async def begin(self, received: Received, method: Method) -> Reply:
        """A request at an upload URL without a session: starts one, or brings everything at once."""
        match received.query.get("uploadType", "media"):
            case "resumable":
                return await self._start(received, method)
            case "multipart":
                return await self._related(received, method)
            case "media":
                return await self._simple(received, method)
        raise bad_request(f"Invalid upload type '{received.query['uploadType']}'.")

    async def go_on(self, received: Received) -> Reply:
        """A request on a session: bytes, a status query (``bytes */N``), or DELETE."""
        key = received.query["upload_id"]
        session = self._live(received, key)
        if received.method == "DELETE":
            self._sessions.pop(key).sink.discard()
            return Reply(self.world.options.integer("youtube_cancel_status"))
        wanted = parse_range(received)
        if wanted is not None and wanted.start is None:
            return await self._status(received, session, wanted)
        return await self._bytes(received, session, wanted)

    def states(self) -> list[dict[str, object]]:
        """All sessions, for /_sandbox/state."""
        return [session.state() for session in self._sessions.values()]

    def reset(self) -> None:
        """Forget all sessions."""
        for session in self._sessions.values():
            session.writer = None
        self._sessions.clear()

    def _live(self, received: Received, key: str) -> Session:
        session = self._sessions.get(key)
        lives = self.world.options.number("youtube_session_s")
        expired = session is not None and self.world.clock.now() >= session.started_at + lives
        if session is None or expired or received.fault("session_gone"):
            self._sessions.pop(key, None)
            gone = not_found()
            gone.status = self.world.options.integer("youtube_gone_status")
            raise gone
        return session

    async def _start(self, received: Received, method: Method) -> Reply:
        content_type = received.headers.get("X-Upload-Content-Type", "").partition(";")[0].strip()
        length = received.headers.get("X-Upload-Content-Length")
        if length is not None and not length.isdigit():
            raise bad_request("Invalid X-Upload-Content-Length header.")
        declared = int(length) if length is not None else None
        metadata = await self._metadata(received, method)
        query = _own(received)
        content_type = content_type or "application/octet-stream"
        method.check_media(content_type, declared)
        self.prepare(method, query, metadata)
        key = self.world.secret("AEnB2U", 56)
        sink = self._sink(method)
        now = self.world.clock.now()
        self._sessions[key] = Session(method, query, metadata, content_type, declared, now, sink)
        self.world.changed()
        location = f"{received.origin}{received.path}?{received.query_string}&upload_id={key}"
        return Reply(200, headers={"Location": location, "X-GUploader-UploadID": key})

    async def _metadata(self, received: Received, method: Method) -> dict[str, Any]:
        if method.body is None:
            await received.drain()
            return {}
        content = await received.body(1024 * 1024)
        if content and received.content_type != "application/json":
            raise bad_request(f"Media type '{received.content_type}' is not supported for metadata.", "badContent")
        return method.check_body(await received.json())

    async def _related(self, received: Received, method: Method) -> Reply:
        if not received.content_type.startswith("multipart/"):
            raise bad_request("Malformed multipart body.")
        metadata: dict[str, Any] | None = None if method.body is not None else {}
        async for part in received.related():
            if metadata is None:
                metadata = method.check_body(_json(await part.read()))
                continue
            return await self._take(received, method, metadata, part.content_type, part.blocks())
        raise no_media()

    async def _simple(self, received: Received, method: Method) -> Reply:
        return await self._take(received, method, {}, received.content_type, received.stream())

    async def _take(
        self,
        received: Received,
        method: Method,
        metadata: dict[str, Any],
        content_type: str,
        blocks: AsyncIterator[bytes],
    ) -> Reply:
        """The media of an upload in one request. Nothing of it stays unless all of it comes."""
        content_type = content_type or "application/octet-stream"
        method.check_media(content_type, None)
        query = _own(received)
        self.prepare(method, query, metadata)
        sink = self._sink(method)
        sink.begin()
        try:
            async for block in blocks:
                sink.write(block)
            await received.drain()
            method.check_media(content_type, sink.size)
        except (Cut, MalformedBody, GoogleError):
            sink.discard()
            raise
        sink.complete()
        if not sink.size:
            raise no_media()
        upload = Upload(method, query, metadata, content_type, sink, received.origin)
        return Reply(200, self.finish(upload))

    def _sink(self, method: Method) -> Sink:
        name = {"videos.insert": "youtube-video.mp4", "thumbnails.set": "youtube-thumbnail"}
        return self.world.sink(name.get(method.name, "youtube-captions"), picture=method.name == "thumbnails.set")

    async def _status(self, received: Received, session: Session, wanted: ContentRange) -> Reply:
        if await received.body(GRANULE):
            raise bad_request("Failed to parse Content-Range header.")
        self._check_total(session, wanted.total)
        whole = wanted.total if wanted.total is not None else session.declared
        if session.resource is None and session.writer is None and whole == session.sink.size:
            return self._complete(received, session)  # an upload of no bytes at all
        return self._where(session)

    async def _bytes(self, received: Received, session: Session, wanted: ContentRange | None) -> Reply:
        if session.resource is not None:
            await received.drain()
            return self._where(session)
        if session.writer is not None:
            session.sink.interrupted()
        wanted = wanted or whole_body(received)
        self._check_range(received, session, wanted)
        session.writer = writer = object()
        kept = await self._store(received, session, wanted, writer)
        session.writer = None
        total = wanted.total if wanted.total is not None else session.declared
        if kept and wanted.total is not None and session.sink.size == total:
            return self._complete(received, session)
        return self._where(session)

    async def _store(self, received: Received, session: Session, wanted: ContentRange, writer: object) -> bool:
        """Sink the request's bytes; whether all of them were kept."""
        sink = session.sink
        unit = received.fault("store_unit")
        sink.begin(unit.bytes if unit and unit.bytes > 0 else GRANULE)
        try:
            await self._pour(received, session, wanted)
        except BaseException:
            if session.writer is writer:
                sink.interrupted()
                session.writer = None
            raise
        sink.complete()
        return sink.size == wanted.stop

    async def _pour(self, received: Received, session: Session, wanted: ContentRange) -> None:
        """Write what of the body is new and has room. Raises Cut when a later request takes over."""
        sink, writer = session.sink, session.writer
        assert wanted.start is not None
        skip, limit = sink.size - wanted.start, sink.size + self._room(received, session, wanted)
        async for block in received.stream():
            if session.writer is not writer:
                raise Cut
            sink.write(block[skip:][: limit - sink.size])
            skip = max(0, skip - len(block))
        if sink.size < min(wanted.stop, limit):
            raise bad_request("The body is shorter than the Content-Range header says.")

    def _room(self, received: Received, session: Session, wanted: ContentRange) -> int:
        """How many bytes of this request are kept."""
        room = wanted.stop - session.sink.size
        if partial := received.fault("partial"):
            return min(room, partial.keep)
        if wanted.stop != wanted.total and wanted.stop % GRANULE:
            return max(0, room - wanted.stop % GRANULE)
        return room

    def _check_range(self, received: Received, session: Session, wanted: ContentRange) -> None:
        assert wanted.start is not None
        self._check_total(session, wanted.total)
        size = wanted.stop - wanted.start
        if received.length is not None and received.length != size:
            raise bad_request("The Content-Length does not match the Content-Range header.")
        if wanted.start > session.sink.size:
            raise bad_request(
                "Invalid request.  According to the Content-Range header, the upload offset is "
                f"{wanted.start} byte(s), which exceeds already uploaded size of {session.sink.size} byte(s)."
            )
        last = wanted.stop == wanted.total
        if not last and size % GRANULE and self.world.options.text("youtube_odd_chunk") == "refuse":
            raise bad_request(
                "Invalid request.  The number of bytes uploaded is required to be equal or greater than 262144, "
                "except for the final request (it's recommended to be the exact multiple of 262144).  "
                f"The received request contained {size} bytes, which does not meet this requirement."
            )
        session.method.check_media(session.content_type, wanted.stop)

    def _check_total(self, session: Session, total: int | None) -> None:
        mismatch = None not in (total, session.declared) and total != session.declared
        if mismatch and self.world.options.text("youtube_size_mismatch") == "refuse":
            raise bad_request(
                f"Invalid request.  The total size {total} differs from X-Upload-Content-Length {session.declared}."
            )

    def _complete(self, received: Received, session: Session) -> Reply:
        upload = Upload(
            session.method,
            session.query,
            session.metadata,
            session.content_type,
            session.sink,
            received.origin,
        )
        session.resource = self.finish(upload)
        return self._where(session)

    def _where(self, session: Session) -> Reply:
        """The final reply, again and again, or 308 with what is stored; no Range while nothing is."""
        if session.resource is not None:
            return Reply(self.world.options.integer("youtube_final_status"), session.resource)
        prefix = self.world.options.text("youtube_range_prefix")
        stored = session.sink.settled
        return Reply(308, headers={"Range": f"{prefix}0-{stored - 1}"} if stored else {})


def _own(received: Received) -> dict[str, str]:
    """The query; a repeated parameter (``part=a&part=b``) as one, joined by commas."""
    return {name: ",".join(received.query.getall(name)) for name in received.query}


def _json(content: bytes) -> object:
    try:
        return json.loads(content or b"null")
    except ValueError as problem:
        raise MalformedBody(str(problem)) from None


def no_media() -> GoogleError:
    """An upload without bytes, or a method that needs some called at its URL without /upload."""
    return GoogleError(400, "mediaBodyRequired", "The request does not include the media content.")
