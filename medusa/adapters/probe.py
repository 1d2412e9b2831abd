"""Finds media files and looks at them: what they hold (by MediaInfo), and whether they are still the same."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Final

from medusa.adapters.files import found, opened
from medusa.domain.etag import difference, etag
from medusa.domain.failures import MediaChanged, MediaError
from medusa.domain.values import Media, MediaKind

_SAMPLE = 64 * 1024
"""Bytes of head and of tail that go into an etag."""
_ASKED: Final = {
    "General": ("IsTruncated", "InternetMediaType", "Duration"),
    "Video": ("Width", "Height", "Rotation", "Duration"),
    "Image": ("Width", "Height", "Rotation"),
    "Audio": (),
}
"""What is wanted of the file, and of its tracks of each kind, by MediaInfo's names."""
_QUESTION: Final = "\n".join(
    f"{kind};{'|'.join((kind, *(f'%{name}%' for name in names)))}\\n" for kind, names in _ASKED.items()
)
"""The same as MediaInfo wants it: it answers with a line for each track."""
_ENDLESS: Final = re.compile(rb"\x18\x53\x80\x67(?:\xff|\x01\xff{7})")
"""How the segment of a Matroska or WebM file begins that tells no size (RFC 8794, 6.2)."""
_ONE_AT_A_TIME: Final = threading.Lock()
"""MediaInfo's threads wait for one another nearly all the time: two looks at once take as long, and twice the CPU."""


class MediaProbe:
    """ProbePort over local files."""

    def __init__(self, roots: Sequence[Path] = ()) -> None:
        """`roots`: the folders that media may lie beneath; without any, it may lie anywhere."""
        self._roots = roots

    def find(self, media: Media) -> Media:
        """The media at its absolute path. Raises MediaError."""
        return found(media, self._roots)

    def open(self, media: Media) -> FileIO:
        """Its file at the first byte, if it is the one that was looked at. Raises MediaError."""
        file = opened(media)
        try:
            changed = difference(media.etag, _etag(file, media.name))
            if changed:
                raise MediaChanged(f"{media.name} has changed since this task began: {changed}")
        except MediaError:
            file.close()
            raise
        file.seek(0)
        return file

    def look(self, media: Media) -> Media:
        """The media with size, etag and what its content shows. Raises MediaError."""
        name = media.name
        with opened(media) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise MediaError(f"{name} is empty")
            before = _etag(file, name)
            looked = replace(media, size=size, etag=before)
            if media.kind is MediaKind.TEXT:
                return looked
            shown = _shown(looked, file)
        changed = difference(before, self.etag(media))
        if changed:
            raise MediaChanged(f"{name} is still being written: {changed}")
        return shown

    def etag(self, media: Media) -> str:
        """The file's etag now. Raises MediaError when the file is gone."""
        with opened(media) as file:
            return _etag(file, media.name)


def _etag(file: FileIO, name: str) -> str:
    status = os.fstat(file.fileno())
    try:
        sample = file.read(_SAMPLE)
        if status.st_size > _SAMPLE:
            file.seek(max(_SAMPLE, status.st_size - _SAMPLE))
            sample += file.read(_SAMPLE)
    except OSError as error:
        raise MediaError(f"{name} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    return etag(status.st_size, status.st_mtime_ns, hashlib.sha256(sample).hexdigest()[:32])


def _shown(media: Media, file: FileIO) -> Media:
    """What MediaInfo finds. A file that is cut short parses without error: its tracks, or a flag, tell."""
    tracks = _tracks(file)
    video, image, general = tracks.get("Video"), tracks.get("Image"), tracks.get("General", {})
    if general.get("IsTruncated") == "Yes" and not _is_endless(file):
        raise MediaError(f"{media.name} is cut short: its end is missing")
    if media.kind is MediaKind.VIDEO and video is None:
        held = "an image" if image else "sound only" if "Audio" in tracks else "nothing that plays"
        raise MediaError(f"{media.name} is not a video: it has no video track (it holds {held})")
    if media.kind is MediaKind.IMAGE and image is None:
        raise MediaError(f"{media.name} is not an image{': it is a video' if video else ''}")
    found = video or image
    kind = MediaKind.VIDEO if video else MediaKind.IMAGE if image else media.kind
    if found is None:
        return media
    width, height = _pixels(found["Width"]), _pixels(found["Height"])
    if found["Rotation"] in ("90.000", "270.000"):  # as it is shown: phones store upright videos lying
        width, height = height, width
    return replace(
        media,
        kind=kind,
        mime=general.get("InternetMediaType") or media.mime,
        duration_s=_seconds(found.get("Duration") or general.get("Duration")),
        width=width,
        height=height,
    )


def _tracks(file: FileIO) -> dict[str, dict[str, str]]:
    """What MediaInfo says of the file and of its first track of each kind; "" where it does not know.

    It is asked in its own words, since its whole report takes as long as the look itself; and it reads heads and
    indexes alone: what lies between would tell it of bit rates and the like.
    """
    from pymediainfo import MediaInfo

    with _ONE_AT_A_TIME:
        lines = MediaInfo.parse(_Yielding(file), output=_QUESTION, parse_speed=0).splitlines()
    told = (line.split("|") for line in reversed(lines))
    return {kind: dict(zip(_ASKED[kind], values, strict=True)) for kind, *values in told}


def _is_endless(file: FileIO) -> bool:
    """Whether its size was not known when it was begun, as when a browser records: MediaInfo takes that for a cut."""
    file.seek(0)
    return _ENDLESS.search(file.read(1024)) is not None


class _Yielding:
    """A file for MediaInfo. Others have their turn while it is read, which a network's drive may make long."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        _ONE_AT_A_TIME.release()
        try:
            return self._file.read(size)
        finally:
            _ONE_AT_A_TIME.acquire()


def _pixels(count: str) -> int | None:
    return int(count) if count else None


def _seconds(milliseconds: str | None) -> float | None:
    return float(milliseconds) / 1000 if milliseconds else None
