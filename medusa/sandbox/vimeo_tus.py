"""Vimeo's upload hosts: tus 1.0 without the creation extension (facts: Vimeo, tus transfer; tus 1.0, core protocol)."""

from __future__ import annotations

from collections.abc import Callable

from medusa.sandbox.exchange import Received, Reply, Route, World
from medusa.sandbox.inflow import Inflow, TooLong
from medusa.sandbox.vimeo_video import Upload, Video

VERSION = {"Tus-Resumable": "1.0.0"}
BODY_TYPE = "application/offset+octet-stream"


class Tus:
    """HEAD and PATCH on an upload link. No bearer token: the link itself is the key."""

    def __init__(self, world: World, find: Callable[[str], Video | None], completed: Callable[[Video], None]) -> None:
        self._world = world
        self._find = find
        self._completed = completed

    def routes(self) -> list[Route]:
        """Both operations."""
        return [
            Route("HEAD", "/files/{key}", "tus.head", self._head),
            Route("PATCH", "/files/{key}", "tus.patch", self._patch),
        ]

    async def _head(self, received: Received) -> Reply:
        if wrong := _wrong_version(received):
            return wrong
        found = self._open(received)
        if found is None:
            return self._gone()
        video, inflow = found
        headers = {
            "Upload-Offset": str(inflow.settle()),
            "Upload-Length": str(video.upload.size),
            "Cache-Control": "no-store",
        }
        return Reply(200, headers={**VERSION, **headers})

    async def _patch(self, received: Received) -> Reply:
        if wrong := _wrong_version(received) or _wrong_type(received):
            return wrong
        found = self._open(received)
        if found is None:
            return self._gone()
        video, inflow = found
        if wrong := _wrong_offset(received, inflow) or _too_long(received, video.upload, inflow):
            return wrong
        try:
            await inflow.take(received, video.upload.size - inflow.sink.size)
        except TooLong:
            return _too_large()
        if inflow.sink.size == video.upload.size and video.upload.done_at is None:
            self._completed(video)
        return Reply(204, headers={**VERSION, "Upload-Offset": str(inflow.sink.size)})

    def _open(self, received: Received) -> tuple[Video, Inflow] | None:
        """The upload behind the link, unless it is unknown, expired, or taken away by a fault."""
        video = self._find(received.params["key"])
        if video is None or video.upload.inflow is None:
            return None
        if received.fault("session_gone"):
            video.upload.lost = True
        if video.upload.status(self._world.clock.now()) == "error":
            return None
        return video, video.upload.inflow

    def _gone(self) -> Reply:
        """Facts: 404, 410 or 403, without Upload-Offset; the option says which."""
        return Reply(self._world.options.integer("vimeo_gone_status"), "The upload is gone\n", VERSION)


def _wrong_version(received: Received) -> Reply | None:
    if received.headers.get("Tus-Resumable") == VERSION["Tus-Resumable"]:
        return None
    return Reply(412, "unsupported version\n", {**VERSION, "Tus-Version": VERSION["Tus-Resumable"]})


def _wrong_type(received: Received) -> Reply | None:
    if received.content_type == BODY_TYPE:
        return None
    return Reply(415, f"The content type must be {BODY_TYPE}\n", VERSION)


def _wrong_offset(received: Received, inflow: Inflow) -> Reply | None:
    offset = received.headers.get("Upload-Offset", "")
    if not (offset.isascii() and offset.isdigit()):
        return Reply(400, "Upload-Offset is missing or no number\n", VERSION)
    if int(offset) != inflow.settle():
        return Reply(409, "Upload-Offset conflicts with what is stored\n", VERSION)
    return None


def _too_long(received: Received, upload: Upload, inflow: Inflow) -> Reply | None:
    """413, as the official tus server answers; nothing of such a body is stored. A finished upload takes no byte."""
    return _too_large() if (received.length or 0) > upload.size - inflow.sink.size else None


def _too_large() -> Reply:
    return Reply(413, "The body is longer than what is left of the upload\n", VERSION)
