"""The video itself: a resumable upload, the last block of which makes it exist (facts: resumable protocol).

Its cursor: `began`, epoch seconds by YouTube's clock; `uploads`, the channel's own playlist, "" when it cannot be read;
`session`, the upload's URL; `waits`, how often an upload whose bytes are all stored was asked for its reply.
"""

from __future__ import annotations

from medusa.adapters.http import Reply
from medusa.adapters.platforms.youtube import resumable, wire
from medusa.adapters.platforms.youtube.api import Api, Made, media_of
from medusa.adapters.platforms.youtube.errors import not_understood, reason_of
from medusa.adapters.platforms.youtube.search import look_for
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.values import Checkpoint, Json, Media, Receipt, StepSpec

LONGEST_WAIT_S = 60.0
FINISHING_WAITS = 20
"""After so many doubling waits, about a quarter of an hour, no final reply is expected any more."""
SHORT_SECONDS = 180.0
"""A Short is no longer (YouTube's help on Shorts)."""

_LOST = Failure(FailureKind.SESSION_LOST, "the upload's session is gone", "session")


class VideoUpload:
    """Begin a session, put the bytes, and read the video that comes of it."""

    def __init__(self, chunk_size: int) -> None:
        self._chunk_size = chunk_size

    def open(self, api: Api, _spec: StepSpec, made: Made, /) -> Checkpoint:
        """No session yet: the next advance begins it."""
        checked = made["preflight"].extra if "preflight" in made else {}
        return Checkpoint({"began": api.now(), "uploads": checked.get("uploads", "")})

    def advance(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Begin the session, or put the next bytes; ask again where nothing is left to send."""
        if "session" not in at.cursor:
            return self._begin(api, spec, at)
        if at.want is None:
            return self.ask(api, spec, at)
        put = resumable.put(at.cursor["session"], at.want, media_of(spec).size, api.call.body(at.want))
        moved = self._read(api, spec, at, api.send(put))
        if isinstance(moved, Checkpoint) and moved.want and moved.done <= at.want.start:
            said = "YouTube stored nothing of what was sent"
            raise PlatformError(Failure(FailureKind.TRANSIENT, said, "no advance"))
        return moved

    def ask(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """What the session says. One that was never begun, or begun in vain, is begun anew: it holds nothing."""
        if "session" not in at.cursor:
            return at
        reply = api.send(resumable.query(at.cursor["session"], media_of(spec).size))
        return _found(api, spec, at) if reply.status in resumable.GONE else self._read(api, spec, at, reply)

    def _begin(self, api: Api, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        media = media_of(spec)
        reply = api.send(resumable.begin(wire.video_insert(api.root, spec.fields), media))
        if not reply.ok or reason_of(reply):
            raise api.refused(reply)
        session = resumable.session_of(reply)
        if not session:
            raise PlatformError(not_understood(reply, "upload address"))
        began = resumable.server_time(reply) or at.cursor["began"]
        return self._from(0, {**at.cursor, "session": session, "began": began}, media.size)

    def _read(self, api: Api, spec: StepSpec, at: Checkpoint, reply: Reply) -> Checkpoint | Receipt:
        """Any reply of the session. One that makes no sense is asked for again: the session keeps the answer."""
        size = media_of(spec).size
        if reply.status in resumable.GONE:
            raise PlatformError(_LOST)
        if reply.status != resumable.INCOMPLETE:
            return _receipt(_video(api, reply), spec)
        offset = resumable.stored(reply)
        if offset is None or offset > size:
            raise PlatformError(not_understood(reply, "usable Range header"))
        return self._from(offset, at.cursor, size) if offset < size else _finishing(api, spec, at)

    def _from(self, offset: int, cursor: Json, size: int) -> Checkpoint:
        """The checkpoint from which the bytes from `offset` on are sent."""
        want = resumable.next_span(offset, size, self._chunk_size)
        return Checkpoint(cursor, want, offset, commits=want.stop == size)


def _video(api: Api, reply: Reply) -> Json:
    video = api.understood(reply)
    if not isinstance(video.get("id"), str):
        raise PlatformError(not_understood(reply, "video"))
    return video


def _receipt(video: Json, spec: StepSpec) -> Receipt:
    """The proof, with a warning if the video is not as private or public as it was asked to be."""
    asked, got = spec.fields["privacy"], wire.value_at(video, "status", "privacyStatus")
    warnings = () if got in (None, asked) else (f"the video was asked to be {asked}, and YouTube made it {got}",)
    url = f"{wire.WATCH}{video['id']}"
    return Receipt(video["id"], url, extra={"short": _is_short(media_of(spec))}, warnings=warnings)


def _is_short(media: Media) -> bool:
    """Square or taller, and of at most three minutes."""
    if not (media.duration_s and media.width and media.height):
        return False
    return media.duration_s <= SHORT_SECONDS and media.height >= media.width


def _finishing(api: Api, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
    """All bytes are stored and the final reply is yet to come: it is asked for, with growing pauses."""
    waits = int(at.cursor.get("waits", 0))
    if waits >= FINISHING_WAITS:
        return _found(api, spec, at)
    wait_s = min(2.0**waits, LONGEST_WAIT_S)
    note = "YouTube has the whole video, and is yet to confirm it"
    return Checkpoint(
        {**at.cursor, "waits": waits + 1}, None, media_of(spec).size, commits=True, wait_s=wait_s, note=note
    )


def _found(api: Api, spec: StepSpec, at: Checkpoint) -> Receipt:
    """The video of a session that is gone, if the last of its bytes may have arrived. Raises SESSION_LOST if not."""
    video = look_for(api, media_of(spec), spec.fields["title"], at.cursor) if at.commits else None
    if video:
        return _receipt(video, spec)
    if "waits" in at.cursor:
        raise PlatformError(_unconfirmed())
    raise PlatformError(_LOST)


def _unconfirmed() -> Failure:
    """Never to be sent again by itself: YouTube has said that it has every byte."""
    said = "YouTube has had the whole video, but never confirmed it"
    return Failure(FailureKind.BUG, said, "unconfirmed", todo="Look on the channel before you publish it again.")
