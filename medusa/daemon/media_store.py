"""The media that callers hand over: each in a folder of its own, kept over a restart, bounded, removed when it is over.

X/about.json   whose it is, and what its caller said of it
X/part         the bytes so far; its length is the offset at which the upload goes on
X/file/NAME    all bytes, once they are there and their checksum is right

X is random and told to nobody, so that no caller can name another's file by its path.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import grpc

from medusa.config import BoundSettings, MediaSettings
from medusa.daemon.errors import Refused, exhausted, not_found, unavailable

LEAST_COST: Final = 1024**2
"""What an upload counts at least: a folder costs too."""
RETRY_S: Final = 60
SETTLED_S: Final = 600.0
"""A request whose reply was lost may be made again, so that media stay so long after their last use."""
_log = logging.getLogger("medusa.daemon")


@dataclass(frozen=True, slots=True)
class Header:
    """What a caller says of a file before its bytes."""

    media_id: str
    file_name: str
    size: int
    """Bytes, at least 1."""
    sha256: str
    """Hexadecimal; empty: not checked."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that was, or is to be, handed over."""

    header: Header
    owner: str
    """The caller's name."""
    tasks: tuple[str, ...] = ()
    """Ids of the tasks that publish it."""

    @property
    def key(self) -> tuple[str, str]:
        """An id is its caller's own: two callers may choose the same."""
        return self.owner, self.header.media_id


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an upload is."""

    upload: Upload
    offset: int
    """Bytes that are stored."""
    complete: bool
    expires_at: float
    """Epoch seconds."""


@dataclass(slots=True)
class Place:
    """An upload's folder."""

    folder: Path
    upload: Upload
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Of its bytes and its turn; held for short."""
    turn: int = 0
    """Of the stream that may write: the last one that began."""
    lent: int = 0
    """Requests that are just being made with it."""

    @property
    def part(self) -> Path:
        return self.folder / "part"

    @property
    def file(self) -> Path:
        return self.folder / "file" / self.upload.header.file_name

    def offset(self) -> int:
        """Bytes that are stored."""
        for path in (self.part, self.file):
            if path.exists():
                return path.stat().st_size
        return 0

    def touched(self) -> float:
        """When it last got bytes or a task, epoch seconds."""
        paths = (self.folder / "about.json", self.part, self.file)
        return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)

    def complete(self) -> None:
        """All bytes are in the part, and right."""
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        self.part.replace(self.file)
        _sync(self.folder)

    def save(self, upload: Upload) -> None:
        """Keep what is known of it, over a crash as well."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self.folder / "about.new"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(upload), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / "about.json")
        _sync(self.folder)
        self.upload = upload


class MediaStore:
    """The media folder. Usable from any thread; one process at a time has it."""

    def __init__(
        self, folder: Path, media: MediaSettings, bounds: BoundSettings, now: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._media = media
        self._bounds = bounds
        self._now = now
        self._lock = threading.Lock()
        """Of which uploads there are; taken before the lock of a place."""
        self._places = {place.upload.key: place for place in _found(folder)}

    def reload(self, media: MediaSettings, bounds: BoundSettings) -> None:
        """From now on these hold; the folder stays."""
        self._media, self._bounds = media, bounds

    # ------------------------------------------------------------ uploads

    def begin(self, owner: str, header: Header, offset: int) -> tuple[Place, int]:
        """The place of an upload that goes on at `offset`, and the turn of who writes there. Ends any earlier turn.

        Raises Refused: not where it stands, not what its first header said, or no room.
        """
        with self._lock, storing():
            place = self._places.get((owner, header.media_id))
            if place is None:
                _check_offset(0, offset)
                place = self._made(owner, header)
            with place.lock:
                if place.upload.header != header:
                    raise conflict("there is an upload of this media_id with another name, size or checksum")
                _check_offset(place.offset(), offset)
                place.turn += 1
                return place, place.turn

    def _made(self, owner: str, header: Header) -> Place:
        self._check_room(owner, header)
        place = Place(self._folder / secrets.token_hex(16), Upload(header, owner))
        try:
            place.save(place.upload)
        except OSError:
            shutil.rmtree(place.folder, ignore_errors=True)
            raise
        self._places[place.upload.key] = place
        return place

    def _check_room(self, owner: str, header: Header) -> None:
        wanted = _cost(header)
        uploads = [place.upload for place in self._places.values()]
        taken = sum(_cost(upload.header) for upload in uploads)
        own = sum(_cost(upload.header) for upload in uploads if upload.owner == owner)
        if own + wanted > self._bounds.upload_bytes:
            raise exhausted(f"the uploads of {owner} may take {self._bounds.upload_bytes} bytes in all", RETRY_S)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if taken + wanted > self._media.quota_bytes or header.size > shutil.disk_usage(self._folder).free:
            raise exhausted("the media store is full", RETRY_S)

    def standing(self, owner: str, media_id: str) -> Standing:
        """How far the upload is. Raises Refused when this caller has none of that id."""
        with self._lock, storing():
            place = self._of(owner, media_id)
            return Standing(place.upload, place.offset(), place.file.exists(), self._expires_at(place))

    def _expires_at(self, place: Place) -> float:
        return place.touched() + self._media.keep_hours * 3600

    def _of(self, owner: str, media_id: str) -> Place:
        place = self._places.get((owner, media_id))
        if place is None:
            raise not_found("medusa.v1.UploadedMedia", media_id, "MEDIA_NOT_FOUND", "there is no such media")
        return place

    # ------------------------------------------------------------ tasks

    @contextmanager
    def lent(self, owner: str, media_id: str) -> Iterator[Path]:
        """The file of a complete upload, which stays meanwhile. Raises Refused."""
        with self._lock:
            place = self._of(owner, media_id)
            if not place.file.exists():
                raise conflict("the upload is not complete")
            place.lent += 1
        try:
            yield place.file
        finally:
            with self._lock:
                place.lent -= 1

    def used(self, owner: str, media_id: str, task_id: str) -> None:
        """The task publishes it: it stays at least until that is over. To be called while it is lent."""
        with self._lock, storing():
            place = self._places[owner, media_id]
            if task_id not in place.upload.tasks:
                place.save(replace(place.upload, tasks=(*place.upload.tasks, task_id)))

    def sweep(self, ended: Callable[[str], bool], done: Callable[[str], bool]) -> None:
        """Remove what is over: all its tasks are `done`, or nothing came for long and they have all `ended`."""
        for key, place in tuple(self._places.items()):
            tasks, now = place.upload.tasks, self._now()
            late = self._expires_at(place) <= now and all(map(ended, tasks))
            settled = bool(tasks) and place.touched() + SETTLED_S <= now and all(map(done, tasks))
            if late or settled:
                self._remove(key, tasks)

    def _remove(self, key: tuple[str, str], tasks: tuple[str, ...]) -> None:
        with self._lock:
            place = self._places[key]
            if place.lent or place.upload.tasks != tasks:  # it has found a use since it was looked at
                return
            with place.lock:
                place.turn += 1
                shutil.rmtree(place.folder, ignore_errors=True)
            del self._places[key]
        _log.info("the media %s was removed", key[1])


def _found(folder: Path) -> Iterator[Place]:
    """What an earlier process has left."""
    for about in folder.glob("*/about.json"):
        try:
            known = json.loads(about.read_text(encoding="utf-8"))
            upload = Upload(Header(**known["header"]), known["owner"], tuple(known["tasks"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.warning("%s cannot be read (%s): what is there is left alone", about, type(error).__name__)
        else:
            yield Place(about.parent, upload)


def _check_offset(stands: int, asked: int) -> None:
    if asked != stands:
        raise conflict(f"the upload stands at byte {stands}, not {asked}: go on there")


def _cost(header: Header) -> int:
    return max(header.size, LEAST_COST)


def conflict(says: str) -> Refused:
    """FAILED_PRECONDITION: the upload is not in a state that allows this."""
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, "MEDIA_CONFLICT", says)


@contextmanager
def storing() -> Iterator[None]:
    """What the disk refuses becomes a status that names no path."""
    try:
        yield
    except OSError as error:
        _log.error("the media store failed: %s", error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise exhausted("the media store is full", RETRY_S) from None
        raise unavailable("STORAGE_FAILED", "the media store cannot be used") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
