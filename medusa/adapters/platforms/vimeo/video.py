"""The step "video": from an empty video to one that is complete, named and linked.

Its cursor holds `stage`, and what the stages before have found:

make    look for a video that carries this step's marker already: adopt it, delete it if it can take no bytes any more,
        or make a new one, with all its metadata and privacy and with the marker in its name -> `send`
send    bytes, from where the server stands -> `send`, or `name` once all are there
settle  the link is dead and the last block may have arrived: look a few times whether the video is complete -> `name`
name    give it its real title -> `link`
link    read the link that it has now -> done
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from medusa.adapters.http import Reply
from medusa.adapters.platforms.vimeo import wire, wire_tus
from medusa.adapters.platforms.vimeo.api import Api
from medusa.adapters.platforms.vimeo.errors import unreadable
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Receipt, Span, StepSpec

LISTED_AFTER_S: Final = 5.0
"""After a create whose reply was lost: how long a new video may take to show in the listing (unverified)."""

SETTLE_LOOKS: Final = 3
"""Looks, so far apart, at a video whose upload may just have ended well (unverified: whether its status lags)."""


class VideoStep:
    """Uploads one video."""

    def __init__(self, api: Api, chunk_size: int) -> None:
        self._api = api
        self._chunk_size = chunk_size

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:  # noqa: ARG002  # the port's
        """At the first stage, which looks before it makes: an earlier attempt may have left a video."""
        return Checkpoint({"stage": "make", "marker": wire.marker(spec.key), "deleted": [], "left": []})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """One stage further."""
        match at.cursor["stage"]:
            case "make":
                return self._make(call, spec, at)
            case "send":
                return self._send(call, spec, at)
            case "settle":
                return self._after_loss(call, spec, at)
            case "name":
                return self._name(call, spec, at)
            case _:
                return self._link(call, spec, at)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        """A video may have been made unseen: it is looked for a little later. Of bytes the server knows."""
        match at.cursor["stage"]:
            case "make":
                return replace(at, wait_s=LISTED_AFTER_S, note="looking whether Vimeo has made the video already")
            case "send":
                return self._stands(call, spec, at)
            case _:
                return at  # to rename and to read twice does no harm

    def abandon(self, call: Call, at: Checkpoint) -> None:
        """Delete what has not got all its bytes; a complete video stays."""
        if at.cursor["stage"] in ("name", "link"):
            return
        for found in self._marked(call, at):
            if not found.complete:
                self._api.do(call, self._api.wire.delete(found.uri))

    # ------------------------------------------------------------ a place for the bytes

    def _make(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        found = self._marked(call, at)
        for one in found:
            if adopted := self._adopt(call, spec, at, one):
                return adopted
        return self._remove(call, at, found[0].uri) if found else self._create(call, spec, at)

    def _marked(self, call: Call, at: Checkpoint) -> list[wire.Video]:
        """The account's videos that carry the marker, but for those that were dealt with: a listing may lag behind."""
        listed = self._api.videos(call, self._api.wire.recent())
        dealt_with = (*at.cursor["deleted"], *at.cursor["left"])
        return [one for one in listed if at.cursor["marker"] in one.name and one.uri not in dealt_with]

    def _adopt(self, call: Call, spec: StepSpec, at: Checkpoint, found: wire.Video) -> Checkpoint | None:
        """Where to go on with this video; None when it can't become the one that is wanted."""
        if found.complete:
            return self._all_there(spec, at, found)
        if not found.upload_link or found.size not in (0, _size(spec)):
            return None
        reply = self._api.exchange(call, wire_tus.head(found.upload_link))
        if wire_tus.gone(reply):
            return None
        sending = self._sending(spec, at, found)
        return self._from(spec, sending, self._offset(call, reply))

    def _remove(self, call: Call, at: Checkpoint, uri: str) -> Checkpoint:
        reply = self._api.exchange(call, self._api.wire.delete(uri))
        if not reply.ok and reply.status not in (403, 404):
            raise self._api.refused(call, reply)
        which = "left" if reply.status == 403 else "deleted"  # 403: the token lacks the scope; it is told at the end
        return Checkpoint(_cursor(at, "make", **{which: [*at.cursor[which], uri]}))

    def _create(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        name = wire.working_name(spec.fields["title"], at.cursor["marker"])
        reply = self._api.do(call, self._api.wire.create(name, _size(spec), spec.fields["details"]))
        made = wire.video(reply.json())
        if made is None or not made.upload_link:
            raise PlatformError(unreadable(reply, "where the bytes go"))
        return self._sending(spec, at, made)

    # ------------------------------------------------------------ bytes

    def _send(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        assert at.want is not None
        request = wire_tus.patch(at.cursor["upload_link"], at.want.start, call.body(at.want))
        reply = self._api.exchange(call, request)
        if wire_tus.gone(reply):
            return self._after_loss(call, spec, at)
        if reply.status == 409:  # the server stands elsewhere: it will be asked
            raise PlatformError(Failure(FailureKind.TRANSIENT, "the server has another offset", "HTTP 409"))
        stored = self._offset(call, reply)
        if stored <= at.done:
            raise PlatformError(Failure(FailureKind.TRANSIENT, "the server stored none of the bytes", "offset"))
        return self._from(spec, at, stored)

    def _stands(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        reply = self._api.exchange(call, wire_tus.head(at.cursor["upload_link"]))
        if wire_tus.gone(reply) or wire_tus.length(reply) not in (None, _size(spec)):
            return self._after_loss(call, spec, at)
        return self._from(spec, at, self._offset(call, reply))

    def _after_loss(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        """The upload link is dead, which it also is once the upload has ended well."""
        reply = self._api.exchange(call, self._api.wire.video(at.cursor["uri"]))
        if reply.status != 404:
            if not reply.ok:
                raise self._api.refused(call, reply)
            found = wire.video(reply.json())
            if found is None:
                raise PlatformError(unreadable(reply, "how the video stands"))
            if found.complete:
                return self._all_there(spec, at, found)
            if found.upload != "error" and _may_settle(spec, at):
                return _settling(at)
        raise PlatformError(Failure(FailureKind.SESSION_LOST, "Vimeo does not know the upload any more", "upload gone"))

    def _offset(self, call: Call, reply: Reply) -> int:
        stored = wire_tus.offset(reply)
        if not reply.ok:
            raise self._api.refused(call, reply)
        if stored is None:
            raise PlatformError(unreadable(reply, "how much has arrived"))
        return stored

    def _sending(self, spec: StepSpec, at: Checkpoint, video: wire.Video) -> Checkpoint:
        """At the first byte of a video. Its link is not told before it is complete: a lost upload gets another."""
        cursor = _cursor(at, "send", uri=video.uri, upload_link=video.upload_link)
        return Checkpoint(cursor, want=self._next(spec, 0), known=Receipt(video.id))

    def _from(self, spec: StepSpec, at: Checkpoint, stored: int) -> Checkpoint:
        """The server has so many bytes."""
        size = _size(spec)
        if stored >= size:
            return Checkpoint(_cursor(at, "name"), done=size, known=at.known)
        return Checkpoint(at.cursor, want=self._next(spec, stored), done=stored, known=at.known)

    def _next(self, spec: StepSpec, start: int) -> Span:
        size = _size(spec)
        return Span(start, min(size, start + self._chunk_size) if self._chunk_size else size)

    # ------------------------------------------------------------ title and link

    def _all_there(self, spec: StepSpec, at: Checkpoint, video: wire.Video) -> Checkpoint:
        cursor = _cursor(at, "name", uri=video.uri)
        return Checkpoint(cursor, done=_size(spec), known=Receipt(video.id, video.link or None))

    def _name(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        renamed = self._api.video(call, self._api.wire.rename(at.cursor["uri"], spec.fields["title"]))
        known = Receipt(renamed.id, renamed.link or None)
        return Checkpoint(_cursor(at, "link"), done=at.done, known=known)

    def _link(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        found = self._api.video(call, self._api.wire.video(at.cursor["uri"]))
        if not found.link:
            raise PlatformError(Failure(FailureKind.TRANSIENT, "Vimeo does not tell the video's link", "no link"))
        warnings = (*_privacy_warning(spec, found), *_left_warning(at))
        return Receipt(found.id, found.link, {"uri": found.uri}, warnings=warnings)


def _may_settle(spec: StepSpec, at: Checkpoint) -> bool:
    """The block that was under way, if there was one, was the last."""
    last = at.want is None or at.want.stop == _size(spec)
    return last and int(at.cursor.get("looks", 0)) < SETTLE_LOOKS


def _settling(at: Checkpoint) -> Checkpoint:
    """Look again a little later: to begin anew now might make a second video of one that is complete."""
    cursor = _cursor(at, "settle", looks=at.cursor.get("looks", 0) + 1)
    note = "looking whether Vimeo has the whole video"
    return Checkpoint(cursor, done=at.done, wait_s=LISTED_AFTER_S, note=note, known=at.known)


def _cursor(at: Checkpoint, stage: str, **found: Any) -> dict[str, Any]:
    return {**at.cursor, "stage": stage, **found}


def _size(spec: StepSpec) -> int:
    assert spec.media is not None
    return spec.media.size


def _privacy_warning(spec: StepSpec, video: wire.Video) -> tuple[str, ...]:
    asked = spec.fields["details"]["privacy"]["view"]
    if video.view in (asked, ""):
        return ()
    return (f"Vimeo made the video's privacy {video.view!r} instead of {asked!r}",)


def _left_warning(at: Checkpoint) -> tuple[str, ...]:
    return tuple(
        f"an unfinished video was left on Vimeo ({uri}): the access token lacks the scope delete"
        for uri in at.cursor["left"]
    )
