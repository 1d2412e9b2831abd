"""The plain values that rules, runner and adapters hand to each other. All of them survive a trip through JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final

Json = Mapping[str, Any]
"""A JSON object: string keys; values of str, int, float, bool, None, lists and objects of the same."""

NOTHING: Final[Json] = {}


class MediaKind(StrEnum):
    VIDEO = "video"
    IMAGE = "image"
    TEXT = "text"
    OTHER = "other"


_MIMES: Final[Mapping[str, str]] = {
    "mp4": "video/mp4",
    "m4v": "video/x-m4v",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "ts": "video/mp2t",
    "mts": "video/mp2t",
    "3gp": "video/3gpp",
    "ogv": "video/ogg",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "srt": "text/srt",
    "vtt": "text/vtt",
    "sbv": "text/plain",
    "ttml": "text/xml",
}


@dataclass(frozen=True, slots=True)
class Media:
    """A file to publish. While a task is planned only `uri` and a guessed kind are known; its first step adds more."""

    uri: str
    """Absolute path of a regular file."""
    size: int = 0
    """Bytes."""
    etag: str = ""
    """Size, mtime and a hash of head and tail: another etag is another file. Empty until looked at."""
    mime: str = "application/octet-stream"
    kind: MediaKind = MediaKind.OTHER
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    url: str | None = None
    """A public URL of the same bytes, if there is one."""
    beneath: str = ""
    """The folder that it must lie in each time that it is opened, with no symbolic link on the way; empty: anywhere."""

    @classmethod
    def named(cls, uri: str) -> Media:
        """What a path alone tells: kind and MIME type are guessed from its suffix until someone has looked."""
        mime = _MIMES.get(uri.rpartition(".")[2].lower(), "application/octet-stream")
        kind = mime.partition("/")[0]
        return cls(uri, mime=mime, kind=MediaKind(kind) if kind in ("video", "image", "text") else MediaKind.OTHER)

    @property
    def name(self) -> str:
        """The file's name with its suffix."""
        return self.uri.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        stem, dot, _ = self.name.rpartition(".")
        return stem if dot and stem else self.name


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, stop) of the media."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class StepSpec:
    """What one step is to do, settled when the task is planned."""

    name: str
    """Unique within its target: "preflight", "video", "thumbnail", "ready", "photo", "post", "comment"."""
    key: str
    """Stable across restarts, "task:target:name": seeds the ids that a client may choose."""
    fields: Json = field(default_factory=dict, repr=False)
    """What was asked, by the adapter's own keys; strings are templates, rendered before the adapter sees them."""
    media: Media | None = None
    after: tuple[str, ...] = ()
    """Steps of the same target that must have ended before; placeholders in `fields` add those of other targets."""
    visible: bool = False
    """Others can see its effect: it is sent once, with an intent saved before and a receipt after."""
    required: bool = True
    """Its failure ends the task; otherwise it leaves a warning."""
    verb: str = "Working on"
    """What a person reads while it runs: "Uploading to" gives "Uploading to YouTube..."."""
    costs: Mapping[str, int] = field(default_factory=dict)
    """What it needs of the platform's quotas, by their names: {"units": 50}."""
    yields: str = ""
    """"url": its receipt's URL is the result `T_url` of its target T. "post_id": its receipt's id is `T_post_id`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's proof that a thing exists."""

    id: str | None
    url: str | None = None
    extra: Json = field(default_factory=dict, repr=False)
    """What later steps of the same target may need: an upload session's id may be among it."""
    usable_until: float | None = None
    """Epoch seconds after which the platform drops the thing if no later step has used it."""
    warnings: tuple[str, ...] = ()
    """What the user should know although the step succeeded."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an invisible step stands; saved after each call of the adapter, before the next."""

    cursor: Json = field(default_factory=dict, repr=False)
    """The adapter's own (session URL, ids, ETags): a secret, never read by the runner."""
    want: Span | None = None
    """The bytes that the next `advance` reads, or None when it reads none."""
    done: int = 0
    """Bytes that the server has acknowledged; may fall after `ask`."""
    commits: bool = False
    """The next `advance` makes the thing exist: once its last block is out, it is asked about and never sent again."""
    wait_s: float = 0.0
    """The next `advance` comes not sooner than this many seconds from now."""
    note: str = ""
    """Why it waits, for a person: "processing 40 %"."""
    known: Receipt | None = None
    """An id or URL that is certain already, kept whatever fails later."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Exactly what a visible step is about to send; saved before a byte of it goes out."""

    key: str
    fields: Json = field(repr=False)
    fingerprint: str
    """Equal for equal content: what a look at the platform compares with."""
    handle: str | None
    """An id or key by which the platform already knows the thing, if there is one."""
    sent_at: float
    """Epoch seconds at which it, or what it repeats, was sent first: what is looked for is not older."""
    send_by: float
    """Epoch seconds after which this intent must not be sent any more."""
    only_sought: bool = False
    """What the platform answered may mean that it is there, or the user was told that nobody knows: that no list shows
    it is no reason any more to send it again."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """It can't be told yet: ask again, not sooner than `after_s` seconds from now."""

    after_s: float
    note: str = ""


class Verdict(Enum):
    """What `find` says of an intent when it has no receipt to show."""

    ABSENT = 1
    """Surely not there: it may be sent."""
    REPEATABLE = 2
    """The same bytes cannot double now: they may be sent again."""
    UNKNOWN = 3
    """It can't be told: never sent again by itself."""
    NOT_SHOWN = 4
    """No list shows it, which is no proof; but the user wants the same bytes to be sent again then."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request. `path` names its place: "youtube.title", "platforms[1]"."""

    path: str
    says: str

    def __str__(self) -> str:
        return f"{self.path}: {self.says}" if self.path else self.says
