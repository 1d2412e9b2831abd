"""Finds media files and looks at them: what they hold (by MediaInfo), and whether they are still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from io import FileIO
from pathlib import Path

from medusa.adapters.files import found, opened
from medusa.domain.etag import difference, etag
from medusa.domain.failures import MediaChanged, MediaError
from medusa.domain.values import Media, MediaKind

_SAMPLE = 64 * 1024
"""Bytes of head and of tail that go into an etag."""


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
    from pymediainfo import MediaInfo

    tracks = {track.track_type: track.to_data() for track in reversed(MediaInfo.parse(file).tracks)}
    video, image, general = tracks.get("Video"), tracks.get("Image"), tracks.get("General", {})
    if general.get("istruncated") == "Yes":
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
    width, height = found.get("width"), found.get("height")
    if found.get("rotation") in ("90.000", "270.000"):  # as it is shown: phones store upright videos lying
        width, height = height, width
    return replace(
        media,
        kind=kind,
        mime=general.get("internet_media_type") or media.mime,
        duration_s=_seconds(found.get("duration") or general.get("duration")),
        width=width,
        height=height,
    )


def _seconds(milliseconds: object) -> float | None:
    try:
        return float(str(milliseconds)) / 1000
    except ValueError:
        return None
