"""Vimeo's videos as the sandbox keeps them, and as the API shows them (facts: Vimeo; API 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from medusa.sandbox.exchange import Received
from medusa.sandbox.faults import Fault
from medusa.sandbox.inflow import Inflow
from medusa.sandbox.sink import Sink
from medusa.sandbox.vimeo_rules import Refused
from medusa.sandbox.world import World

TRANSCODE_STARTING = 0.2
"""Share of the processing time in which the old `status` says transcode_starting (our choice; no source)."""


def iso(at: float) -> str:
    """Vimeo's timestamps: ISO 8601 with seconds, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


@dataclass(slots=True)
class Upload:
    """Where the bytes of a video come from. `size` is as announced; a pull has no inflow."""

    approach: str
    size: int
    expires_at: float
    key: str = ""
    inflow: Inflow | None = None
    pull_from: str = ""
    done_at: float | None = None
    failed: str = ""
    lost: bool = False

    @property
    def stored(self) -> int:
        """Bytes received so far."""
        return self.inflow.sink.size if self.inflow else 0

    def status(self, now: float) -> str:
        """in_progress, complete or error."""
        if self.failed or self.lost:
            return "error"
        if self.done_at is not None and now >= self.done_at:
            return "complete"
        return "error" if now >= self.expires_at else "in_progress"


@dataclass(slots=True)
class Attachment:
    """A picture or a text track: made by a POST, filled by a PUT to its link, switched on by a PATCH."""

    id: str
    key: str
    sink: Sink
    about: dict[str, object] = field(default_factory=dict)
    active: bool = False
    content_type: str = ""

    @property
    def filled(self) -> bool:
        """Whether its bytes have come (a picture taken from the video's own frames needs none)."""
        return self.sink.size > 0 or "time" in self.about


@dataclass(slots=True)
class Video:
    """One video of the account."""

    id: str
    key: str
    created_at: float
    modified_at: float
    upload: Upload
    name: str
    link: str = ""
    by_app: bool = True
    details: dict[str, object] = field(default_factory=dict)
    privacy: dict[str, object] = field(default_factory=dict)
    password: str = ""
    tags: list[str] = field(default_factory=list)
    pictures: list[Attachment] = field(default_factory=list)
    tracks: list[Attachment] = field(default_factory=list)
    fate: Fault | None = None

    @property
    def view(self) -> str:
        """privacy.view."""
        return str(self.privacy["view"])

    def link_now(self) -> str:
        """The address for people: with the hash when the video is unlisted, plain otherwise (facts: Vimeo, Link)."""
        plain = f"https://vimeo.com/{self.id}"
        return f"{plain}/{self.key}" if self.view == "unlisted" else plain

    def embed_url(self) -> str:
        """The player's address; an unlisted video needs the hash there too."""
        plain = f"https://player.vimeo.com/video/{self.id}"
        return f"{plain}?h={self.key}" if self.view == "unlisted" else plain

    def picture(self) -> Attachment | None:
        """The active thumbnail that was uploaded, if there is one."""
        return next((picture for picture in self.pictures if picture.active), None)

    def transcode(self, now: float, processing_s: float) -> str:
        """in_progress, complete or error: begins when the upload is complete."""
        if self.upload.status(now) != "complete" or self.upload.done_at is None:
            return "error" if self.upload.status(now) == "error" else "in_progress"
        if self.fate is not None and self.fate.kind == "processing_stuck":
            return "in_progress"
        if now < self.upload.done_at + processing_s:
            return "in_progress"
        return "error" if self.fate is not None else "complete"

    def status(self, now: float, processing_s: float) -> str:
        """The old one-word status that API 3.4 still shows beside `upload` and `transcode`."""
        uploaded = self.upload.status(now)
        if uploaded != "complete" or self.upload.done_at is None:
            return "uploading" if uploaded == "in_progress" else "uploading_error"
        transcoded = self.transcode(now, processing_s)
        if transcoded != "in_progress":
            return "available" if transcoded == "complete" else "transcoding_error"
        begins = self.upload.done_at + processing_s * TRANSCODE_STARTING
        return "transcode_starting" if now < begins else "transcoding"


class View:
    """Shows things as the API's JSON, at one moment, for the host that the client asked."""

    def __init__(self, world: World, origin: str) -> None:
        self._world = world
        self._origin = origin
        self._now = world.clock.now()
        self._processing_s = world.options.number("processing_s")

    def video(self, video: Video) -> dict[str, object]:
        """The whole representation; `?fields=` trims it afterwards."""
        uri = f"/videos/{video.id}"
        shown = video.picture()
        return {
            "uri": uri,
            "name": video.name,
            "description": None,
            "type": "video",
            "link": video.link,
            "player_embed_url": video.embed_url(),
            "duration": 0,
            "language": None,
            "license": None,
            **video.details,
            "created_time": iso(video.created_at),
            "modified_time": iso(video.modified_at),
            "resource_key": video.key,
            "privacy": dict(video.privacy),
            **({"password": video.password} if video.view == "password" else {}),
            "pictures": self.picture(video, shown) if shown else {"uri": None, "active": False, "type": "default"},
            "tags": [tag_shown(tag) for tag in video.tags],
            "upload": self.upload(video.upload),
            "transcode": {"status": video.transcode(self._now, self._processing_s)},
            "status": video.status(self._now, self._processing_s),
            "metadata": {"connections": self._connections(video, uri)},
        }

    def upload(self, upload: Upload) -> dict[str, object]:
        """The `upload` object; `upload_link` only while bytes may still come."""
        status = upload.status(self._now)
        shown: dict[str, object] = {"status": status, "approach": upload.approach, "size": upload.size}
        shown["link"] = upload.pull_from or None
        if upload.approach == "tus" and status == "in_progress":
            shown["upload_link"] = f"{self._origin}/files/{upload.key}"
        return shown

    def picture(self, video: Video, picture: Attachment) -> dict[str, object]:
        """A thumbnail; `link` takes its bytes by PUT."""
        seen = self._world.media_url(self._origin, picture.sink, picture.content_type)
        return {
            "uri": f"/videos/{video.id}/pictures/{picture.id}",
            "active": picture.active,
            "type": "custom",
            "link": f"{self._origin}/pictures/{picture.key}",
            "sizes": [{"width": 1280, "height": 720, "link": seen}] if seen else [],
        }

    def track(self, video: Video, track: Attachment) -> dict[str, object]:
        """A text track; `link` takes its bytes by PUT."""
        return {
            "uri": f"/videos/{video.id}/texttracks/{track.id}",
            "active": track.active,
            **track.about,
            "link": f"{self._origin}/texttracks/{track.key}",
        }

    def _connections(self, video: Video, uri: str) -> dict[str, object]:
        return {
            "pictures": {"uri": f"{uri}/pictures", "options": ["GET", "POST"], "total": len(video.pictures)},
            "texttracks": {"uri": f"{uri}/texttracks", "options": ["GET", "POST"], "total": len(video.tracks)},
            "tags": {"uri": f"{uri}/tags", "options": ["GET", "PUT"], "total": len(video.tags)},
        }


def tag_shown(tag: str) -> dict[str, object]:
    """A tag as the API shows it."""
    return {"uri": f"/tags/{tag.lower().replace(' ', '')}", "name": tag, "tag": tag}


async def document(received: Received) -> dict[str, object]:
    """The JSON object that was sent; nothing is an empty one. Raises Refused with 2205."""
    content = await received.json()
    if content is not None and not received.content_type.endswith("json"):
        raise Refused(400, 2205, "The request body must be JSON, and its Content-Type must say so")
    if not isinstance(content, dict | None):
        raise Refused(400, 2205, "The request body must be a JSON object")
    return content or {}
