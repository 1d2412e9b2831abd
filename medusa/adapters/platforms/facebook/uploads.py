"""What a post is made of: a photo, a video by the phased upload, a reel. Nobody sees them before they are posted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from medusa.adapters.http import Reply
from medusa.adapters.platforms.facebook import limits
from medusa.adapters.platforms.facebook.api import Api, Made
from medusa.adapters.platforms.facebook.errors import (
    OBJECT_MISSING,
    PARAMETER,
    UPLOAD_UNKNOWN,
    GraphError,
    graph_error,
    rupload_failure,
)
from medusa.adapters.platforms.facebook.rules import Form
from medusa.adapters.platforms.facebook.wire import text_of
from medusa.adapters.platforms.facebook.wire_videos import corrected, window
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Media, Receipt, Span, StepSpec

REFUSALS: Final = 3
"""After so many refusals of the same bytes, without a reason that names them, the upload is begun anew."""
NEW_VIDEO_S: Final = 60.0
"""Seconds for which "does not exist" may only mean that reads lag behind the creation (facts: Meta 2.3)."""


class Invisible(Protocol):
    """One invisible step: UploaderPort, for that step alone."""

    def open(self, call: Call, spec: StepSpec, made: Made, /) -> Checkpoint: ...

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt: ...

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt: ...

    def abandon(self, call: Call, at: Checkpoint, /) -> None: ...


class PhotoUpload:
    """One request with the whole picture, unpublished (facts: Meta 2.2)."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, _call: Call, spec: StepSpec, _made: Made) -> Checkpoint:
        return Checkpoint({"form": Form.PHOTO.value}, Span(0, _media(spec).size))

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        media, scheduled = _media(spec), bool(spec.fields.get("scheduled"))
        params = {"published": "false"}
        if scheduled:
            params["temporary"] = "true"  # kept beyond a day, until the post goes out
        if spec.fields.get("alt_text"):
            params["alt_text_custom"] = spec.fields["alt_text"]
        graph, file = self._api.graph, call.body(_wanted(at))
        request = graph.send_part(f"{graph.page}/photos", params, "source", media.mime, file)
        photo = text_of(self._api.document(call, request), "id")
        if not photo:
            raise PlatformError(_unnamed("photo"))
        return Receipt(photo, usable_until=None if scheduled else call.now() + limits.PHOTO_USABLE_S)

    def ask(self, _call: Call, _spec: StepSpec, at: Checkpoint) -> Checkpoint:
        """It can't be asked: a picture that arrived and whose id was lost is dropped by Facebook after a day."""
        return at

    def abandon(self, _call: Call, _at: Checkpoint) -> None:
        return


class PhasedVideo:
    """start, then windows of bytes that Facebook chooses; its finish is the post (facts: Meta 2.3 b)."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, _call: Call, _spec: StepSpec, _made: Made) -> Checkpoint:
        return Checkpoint({"form": Form.VIDEO.value})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        return self._transfer(call, spec, at) if "session" in at.cursor else self._start(call, spec)

    def ask(self, _call: Call, _spec: StepSpec, at: Checkpoint) -> Checkpoint:
        """There is no query: the last window that is known; if it is a stale one, Facebook names the right one."""
        return replace(at, cursor={**at.cursor, "asked": at.cursor.get("asked", 0) + 1})

    def abandon(self, call: Call, at: Checkpoint) -> None:
        if session := at.cursor.get("session"):
            cancel = {"upload_phase": "cancel", "upload_session_id": session}
            self._api.reply(call, self._api.graph.write(f"{self._api.graph.page}/videos", cancel))

    def _start(self, call: Call, spec: StepSpec) -> Checkpoint:
        size = _media(spec).size
        params = {"upload_phase": "start", "file_size": str(size)}
        document = self._api.document(call, self._api.graph.write(f"{self._api.graph.page}/videos", params))
        session, video, want = text_of(document, "upload_session_id"), text_of(document, "video_id"), window(document)
        if not session or not video or want is None:
            raise PlatformError(_unnamed("upload session"))
        cursor = {"form": Form.VIDEO.value, "session": session, "video": video}
        return Checkpoint(cursor, _within(want, size), want.start, known=Receipt(video))

    def _transfer(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        graph, sent = self._api.graph, _wanted(at)
        params = {
            "upload_phase": "transfer",
            "upload_session_id": at.cursor["session"],
            "start_offset": str(sent.start),
        }
        mime, file = "application/octet-stream", call.body(sent)
        request = graph.send_part(f"{graph.page}/videos", params, "video_file_chunk", mime, file)
        reply = self._api.reply(call, request)
        want = corrected(reply)
        if want is None:
            want = self._next(call, reply, at)
        if want.start == want.stop:
            return _uploaded(at, _media(spec), want.start)
        if want.start == sent.start:
            raise PlatformError(_stuck(self._api.failure(call, reply)))
        return replace(at, cursor={**at.cursor, "asked": 0}, want=_within(want, _media(spec).size), done=want.start)

    def _next(self, call: Call, reply: Reply, at: Checkpoint) -> Span:
        error = graph_error(reply)
        if error and _knows_no_session(error, at.cursor.get("asked", 0)):
            raise PlatformError(Failure(FailureKind.SESSION_LOST, error.said, error.name))
        want = window(self._api.read(call, reply))
        if want is None:
            raise PlatformError(_unnamed("next window"))
        return want


class ReelUpload:
    """start, then all bytes in one request from Facebook's offset; its finish is the post (facts: Meta 2.4)."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, _call: Call, _spec: StepSpec, _made: Made) -> Checkpoint:
        return Checkpoint({"form": Form.REEL.value})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        return self._send(call, spec, at) if "video" in at.cursor else self._start(call, spec)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        if "video" not in at.cursor:
            return at
        status, size = self._api.video(call, at.cursor["video"]), _media(spec).size
        if status is None:
            raise PlatformError(_not_there(call.now() - at.cursor["since"]))
        if status.failed:
            raise PlatformError(Failure(FailureKind.SESSION_LOST, status.failed))
        if status.uploaded or status.received >= size:
            return Receipt(at.cursor["video"])
        return replace(at, want=Span(status.received, size), done=status.received)

    def abandon(self, _call: Call, _at: Checkpoint) -> None:
        """Nothing is known to remove it by; without a finish nobody sees it."""

    def _start(self, call: Call, spec: StepSpec) -> Checkpoint:
        graph = self._api.graph
        document = self._api.document(call, graph.write(f"{graph.page}/video_reels", {"upload_phase": "start"}))
        video = text_of(document, "video_id")
        if not video:
            raise PlatformError(_unnamed("video"))
        url = graph.upload_url(document.get("upload_url"), video)
        cursor = {"form": Form.REEL.value, "video": video, "url": url, "since": call.now()}
        return Checkpoint(cursor, Span(0, _media(spec).size), known=Receipt(video))

    def _send(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        want = _wanted(at)
        request = self._api.graph.send_bytes(at.cursor["url"], want, _media(spec).size, call.body(want))
        reply = self._api.reply(call, request)
        document: Any = reply.json()
        if not reply.ok or not isinstance(document, Mapping) or document.get("success") is not True:
            raise PlatformError(self._refused(call, reply))
        return Receipt(at.cursor["video"])

    def _refused(self, call: Call, reply: Reply) -> Failure:
        """Why; after a reply that was not understood the offset is asked for, so that is no reason to stop."""
        found = self._api.failure(call, reply) if graph_error(reply) else rupload_failure(reply)
        return replace(found, kind=FailureKind.TRANSIENT) if found.kind is FailureKind.BUG else found


def _uploaded(at: Checkpoint, media: Media, received: int) -> Receipt:
    if received != media.size:
        said = f"it says that the upload is complete after {received} of {media.size} bytes"
        raise PlatformError(Failure(FailureKind.BUG, said))
    upright = bool(media.width and media.height and media.height > media.width)
    warnings = ('Facebook may keep an upright video back as a draft of a reel; "as": "reel" posts it as one',)
    return Receipt(at.cursor["video"], extra={"session": at.cursor["session"]}, warnings=warnings if upright else ())


def _knows_no_session(error: GraphError, refusals: int) -> bool:
    """Facebook has no error of its own for it. Our parameters do not change, so 100 can only mean the session."""
    if error.code == PARAMETER:
        return error.subcode in (0, OBJECT_MISSING[1])
    return error.code in UPLOAD_UNKNOWN and refusals >= REFUSALS


def _within(want: Span, size: int) -> Span:
    """A window, which may not reach beyond the file."""
    return Span(min(want.start, size), min(want.stop, size))


def _media(spec: StepSpec) -> Media:
    if spec.media is None:
        raise AssertionError(f"the step {spec.name} has no media")
    return spec.media


def _wanted(at: Checkpoint) -> Span:
    if at.want is None:
        raise AssertionError("this checkpoint wants no bytes")
    return at.want


def _unnamed(what: str) -> Failure:
    return Failure(FailureKind.TRANSIENT, f"its reply named no {what}")


def _stuck(failure: Failure) -> Failure:
    """The window that was just sent is asked for again: another try, but a counted one."""
    if failure.kind is FailureKind.TRANSIENT:
        return failure
    return Failure(FailureKind.TRANSIENT, "it took none of the bytes that it was sent")


def _not_there(age_s: float) -> Failure:
    kind = FailureKind.TRANSIENT if age_s < NEW_VIDEO_S else FailureKind.SESSION_LOST
    return Failure(kind, "it does not know the reel that it was sent", "100/33")
