"""What is added to a video that is up: thumbnail, captions, playlists. Each is one exchange, harmless if repeated."""

from __future__ import annotations

from dataclasses import replace

from medusa.adapters.platforms.youtube import wire
from medusa.adapters.platforms.youtube.api import Api, Made, Repeatable, media_of
from medusa.adapters.platforms.youtube.ready import may_read, poll, polling
from medusa.domain.ports import Body
from medusa.domain.values import Checkpoint, Receipt, Span, StepSpec

CONFLICT = 409
"""It is there already: captionExists, or the video in the playlist (facts: other calls)."""
PROCESSING_S = 1800.0
"""After so long a Short's thumbnail is sent all the same."""


class _Extra(Repeatable):
    """Where each begins: with the id of the video, and with all bytes of its file if it has one."""

    def open(self, _api: Api, spec: StepSpec, made: Made, /) -> Checkpoint:
        """Nothing is done yet."""
        return Checkpoint({"video": made["video"].id}, _whole_file(spec))


class Thumbnail(_Extra):
    """A thumbnail replaces the one before. That of a Short is taken only once the video is processed."""

    def open(self, api: Api, spec: StepSpec, made: Made, /) -> Checkpoint:
        """Nothing is done yet."""
        if made["video"].extra.get("short") and may_read(made):
            return Checkpoint(polling(api, made))
        return super().open(api, spec, made)

    def advance(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Send the image, after the wait if there is one."""
        if at.want is None:
            waited_s = api.now() - at.cursor["began"]
            later = poll(api, at) if waited_s < PROCESSING_S else None
            return later or Checkpoint(at.cursor, _whole_file(spec))
        plain = wire.thumbnail_set(api.root, at.cursor["video"])
        headers = {**plain.headers, "Content-Type": media_of(spec).mime}
        api.fetch(replace(plain, headers=headers, body=api.call.body(at.want)))
        return Receipt(at.cursor["video"])


class Captions(_Extra):
    """A language and a name are one track: the second of them is refused."""

    def advance(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Send the track with its file."""
        media, video = media_of(spec), at.cursor["video"]
        content = _content(api.call.body(Span(0, media.size)))
        reply = api.send(wire.caption_insert(api.root, video, spec.fields, media.mime, content))
        if reply.status == CONFLICT:
            return Receipt(video)
        return Receipt(str(api.understood(reply).get("id", "")) or None)


class Playlist(_Extra):
    """A video may be in a playlist twice, so after an interruption it is looked for there."""

    def advance(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Put the video at the playlist's end."""
        reply = api.send(wire.playlist_insert(api.root, at.cursor["video"], spec.fields["playlist"]))
        if reply.status == CONFLICT:
            return Receipt(None)
        return Receipt(str(api.understood(reply).get("id", "")) or None)

    def ask(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Whether the video is in the playlist."""
        found = api.items(wire.playlist_find(api.root, at.cursor["video"], spec.fields["playlist"]))
        return Receipt(str(found[0].get("id"))) if found else at


def _whole_file(spec: StepSpec) -> Span | None:
    return Span(0, spec.media.size) if spec.media else None


def _content(body: Body) -> bytes:
    """A small file's bytes."""
    content = bytearray(len(body))
    view = memoryview(content)
    filled = 0
    while filled < len(content) and (count := body.readinto(view[filled:])):
        filled += count
    return bytes(content)
