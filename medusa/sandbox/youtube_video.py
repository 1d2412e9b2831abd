"""A video of the imitated channel, and how YouTube's API shows it (facts: google, 1 and 3)."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from medusa.sandbox.sink import Sink
from medusa.sandbox.youtube_rules import parse_time

FAILURES = frozenset({"conversion", "invalidFile", "emptyFile", "tooSmall", "codec", "uploadAborted"})
REJECTIONS = frozenset(
    {
        "copyright",
        "inappropriate",
        "duplicate",
        "termsOfUse",
        "uploaderAccountSuspended",
        "length",
        "claim",
        "uploaderAccountClosed",
        "trademark",
        "legal",
    }
)
THUMBNAILS = {
    "default": (120, 90),
    "medium": (320, 180),
    "high": (480, 360),
    "standard": (640, 480),
    "maxres": (1280, 720),
}
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
STATUS_DEFAULTS = {"license": "youtube", "embeddable": True, "publicStatsViewable": True}


@dataclass(frozen=True, slots=True)
class Processing:
    """How YouTube's work on a video goes: it ends at `ends_at` (None: never), well or with a `reason`."""

    began_at: float
    ends_at: float | None
    reason: str = ""

    def ended(self, now: float) -> bool:
        """Whether it has ended by now."""
        return self.ends_at is not None and now >= self.ends_at

    def upload_status(self, now: float) -> str:
        """uploaded, processed, failed or rejected."""
        if not self.ended(now):
            return "uploaded"
        if self.reason:
            return "rejected" if self.reason in REJECTIONS else "failed"
        return "processed"

    def words(self, now: float) -> str:
        """For the page: nothing to say once all is well."""
        status = self.upload_status(now)
        if status == "processed":
            return ""
        return "processing" if status == "uploaded" else f"{status}: {self.reason}"

    def details(self, now: float) -> dict[str, object]:
        """The part processingDetails; progress, in strings, is there only while it goes on."""
        available = {"fileDetailsAvailability": "available", "thumbnailsAvailability": "available"}
        if self.ended(now):
            if not self.reason:
                return {"processingStatus": "succeeded", **available}
            return {"processingStatus": "failed", "processingFailureReason": "transcodeFailed", **available}
        total = 1.0 if self.ends_at is None else self.ends_at - self.began_at
        done = min((now - self.began_at) / total, 0.99) if total > 0 else 0.99
        progress = {
            "partsTotal": "100",
            "partsProcessed": str(int(100 * done)),
            "timeLeftMs": str(int(1000 * total * (1 - done))),
        }
        return {"processingStatus": "processing", "processingProgress": progress}


@dataclass(slots=True)
class Caption:
    """A caption track."""

    id: str
    language: str
    name: str
    draft: bool
    at: float
    sink: Sink


@dataclass(slots=True)
class Video:
    """A video: what was written (`parts`), what was received, what YouTube made of it."""

    id: str
    channel_id: str
    parts: dict[str, Any]
    at: float
    sink: Sink
    content_type: str
    processing: Processing
    notify: bool
    thumbnail: Sink | None = None
    thumbnail_type: str = ""
    captions: list[Caption] = field(default_factory=list)
    was_public: bool = False  # before its latest update; such a video cannot be scheduled any more

    @property
    def title(self) -> str:
        """Never empty: a video without a snippet is called "unknown"."""
        return str(self.parts.get("snippet", {}).get("title", "unknown"))

    def privacy(self, now: float) -> str:
        """A scheduled video becomes public when its time has come, or at once if it had come before."""
        publish_at = self.publish_at()
        if publish_at is not None and now >= publish_at:
            return "public"
        return str(self.parts["status"]["privacyStatus"])

    def publish_at(self) -> float | None:
        """When it is to become public, if that was asked for."""
        return parse_time(self.parts["status"].get("publishAt"))

    def status(self, now: float) -> dict[str, object]:
        """The part status."""
        written = {name: value for name, value in self.parts["status"].items() if name != "publishAt"}
        kids = {"madeForKids": written.get("selfDeclaredMadeForKids", False)}
        shown = {**STATUS_DEFAULTS, **written, **kids, "privacyStatus": self.privacy(now)}
        shown["uploadStatus"] = self.processing.upload_status(now)
        publish_at = self.publish_at()
        if publish_at is not None and now < publish_at:
            shown["publishAt"] = timestamp(publish_at)
        if shown["uploadStatus"] == "failed":
            shown["failureReason"] = self.processing.reason
        if shown["uploadStatus"] == "rejected":
            shown["rejectionReason"] = self.processing.reason
        return shown

    def snippet(self, channel_title: str, origin: str) -> dict[str, object]:
        """The part snippet."""
        written = self.parts.get("snippet", {})
        texts = {"title": self.title, "description": written.get("description", "")}
        return {
            "publishedAt": timestamp(self.at),
            "channelId": self.channel_id,
            "channelTitle": channel_title,
            "categoryId": "22",
            "liveBroadcastContent": "none",
            **written,
            **texts,
            "localized": texts,
            "thumbnails": self.thumbnails(origin),
        }

    def thumbnails(self, origin: str) -> dict[str, object]:
        """The sizes of its thumbnail, each with its URL."""
        files = {"default": "default", "medium": "mqdefault", "high": "hqdefault", "standard": "sddefault"}
        return {
            name: {
                "url": f"{origin}/vi/{self.id}/{files.get(name, 'maxresdefault')}.jpg",
                "width": width,
                "height": height,
            }
            for name, (width, height) in THUMBNAILS.items()
        }

    def resource(self, parts: Iterable[str], now: float, channel_title: str, origin: str) -> dict[str, object]:
        """The Video resource with the parts that were asked for."""
        shown: dict[str, object] = {}
        for part in parts:
            if part == "snippet":
                shown[part] = self.snippet(channel_title, origin)
            elif part == "status":
                shown[part] = self.status(now)
            elif part != "id":
                shown |= self._other_part(part, now)
        return {"kind": "youtube#video", "etag": etag(shown), "id": self.id, **shown}

    def _other_part(self, part: str, now: float) -> dict[str, object]:
        match part:
            case "processingDetails":
                return {part: self.processing.details(now)}
            case "contentDetails":
                caption = "true" if self.captions else "false"
                details = {"dimension": "2d", "definition": "hd", "caption": caption, "projection": "rectangular"}
                return {part: {"duration": "PT0S", "licensedContent": False, **details}}
            case "statistics":
                return {part: {"viewCount": "0", "likeCount": "0", "favoriteCount": "0", "commentCount": "0"}}
            case "fileDetails":
                return {part: {"fileSize": str(self.sink.size), "fileType": "video"}}
            case "player":
                frame = f'<iframe src="//www.youtube.com/embed/{self.id}" allowfullscreen></iframe>'
                return {part: {"embedHtml": frame}}
            case _:
                return {part: self.parts[part]} if part in self.parts else {}

    def state(self, now: float) -> dict[str, object]:
        """For /_sandbox/state."""
        return {
            "id": self.id,
            "at": self.at,
            "size": self.sink.size,
            "sha256": self.sink.sha256,
            "content_type": self.content_type,
            **{name: value for name, value in self.parts.items() if name != "status"},
            "status": self.status(now),
            "notify_subscribers": self.notify,
            "thumbnail": stored(self.thumbnail),
            "captions": [
                {
                    "id": caption.id,
                    "language": caption.language,
                    "name": caption.name,
                    "draft": caption.draft,
                    **(stored(caption.sink) or {}),
                }
                for caption in self.captions
            ],
        }


def stored(sink: Sink | None) -> dict[str, object] | None:
    """Size and hash of what a sink has received."""
    return {"size": sink.size, "sha256": sink.sha256} if sink is not None else None


def timestamp(at: float) -> str:
    """RFC 3339, whole seconds, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def etag(shown: Mapping[str, object]) -> str:
    """An entity tag that changes with what is shown."""
    return hashlib.sha1(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:27]


def listing(kind: str, items: list[dict[str, object]], total: int, **more: object) -> dict[str, object]:
    """A list reply: ``{"kind", "etag", "pageInfo", "items"}``."""
    page = {"totalResults": total, "resultsPerPage": len(items)}
    return {"kind": kind, "etag": etag({"items": items}), **more, "pageInfo": page, "items": items}


def new_id(prefix: str, length: int) -> str:
    """An id such as YouTube makes: `prefix` and `length` random characters."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
