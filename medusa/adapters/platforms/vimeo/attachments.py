"""The steps "thumbnail" and "texttracks.N": a POST makes the item, a PUT fills it, a PATCH switches it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medusa.adapters.http import Reply, Request
from medusa.adapters.platforms.vimeo import wire
from medusa.adapters.platforms.vimeo.api import Api
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Json, Receipt, Span, StepSpec

_CLOSED: Final = frozenset({403, 404, 410})


class AttachmentStep:
    """Adds one picture or one text track to the video."""

    def __init__(self, api: Api, what: str) -> None:
        """`what` is the API's word: "pictures" or "texttracks"."""
        self._api = api
        self._what = what

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:  # noqa: ARG002  # the port's
        """At the POST."""
        return Checkpoint({"stage": "make", "video": made["video"].extra["uri"]})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """One of the three exchanges."""
        match at.cursor["stage"]:
            case "make":
                return self._make(call, spec, at)
            case "fill":
                return self._fill(call, spec, at)
            case _:
                return self._activate(call, at)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:  # noqa: ARG002  # the port's
        """All three may be repeated: an item that is made twice shows once, since only one is switched on."""
        return at

    def _make(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        video = at.cursor["video"]
        if spec.media is None:  # a frame of the video itself is complete at once
            frame = {"time": spec.fields["time"], "active": True}
            return Receipt(self._api.attached(call, self._attach(video, frame), takes_bytes=False).uri)
        about = {name: value for name, value in spec.fields.items() if name != "active"}
        made = self._api.attached(call, self._attach(video, about), takes_bytes=True)
        cursor = {"stage": "fill", "video": video, "uri": made.uri, "link": made.link}
        return Checkpoint(cursor, want=Span(0, spec.media.size))

    def _attach(self, video: str, about: Json) -> Request:
        return self._api.wire.attach(video, self._what, about)

    def _fill(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        assert spec.media is not None
        assert at.want is not None
        request = wire.put_bytes(at.cursor["link"], spec.media.mime, call.body(at.want))
        reply = self._api.exchange(call, request)
        closed = reply.status in _CLOSED  # expired, or filled by a PUT whose reply was lost: switching it on will tell
        if not reply.ok and not closed:
            raise self._api.refused(call, reply)
        if spec.fields.get("active", True):
            return Checkpoint({**at.cursor, "stage": "activate", "closed": closed}, done=spec.media.size)
        if closed:
            raise _not_taken(reply)
        return Receipt(at.cursor["uri"])

    def _activate(self, call: Call, at: Checkpoint) -> Receipt:
        uri = at.cursor["uri"]
        reply = self._api.exchange(call, self._api.wire.activate(uri))
        if not reply.ok and at.cursor["closed"] and reply.status in (400, 403, 404):
            raise PlatformError(
                Failure(FailureKind.SESSION_LOST, "Vimeo did not take the file", f"HTTP {reply.status}")
            )
        if not reply.ok:
            raise self._api.refused(call, reply)
        return Receipt(uri)


def _not_taken(reply: Reply) -> PlatformError:
    return PlatformError(Failure(FailureKind.SESSION_LOST, "Vimeo did not take the file", f"HTTP {reply.status}"))
