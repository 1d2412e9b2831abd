"""A Page's video or reel: its bytes, its processing, its publication (facts: Meta, 2.3 and 2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medusa.sandbox.exchange import World
from medusa.sandbox.facebook_graph import stamp
from medusa.sandbox.faults import Fault
from medusa.sandbox.inflow import Inflow
from medusa.sandbox.sink import Sink

OPTIONS: Mapping[str, object] = {
    "facebook_status_words": "guide",  # or "sdk": the two spell parts of `status` differently
    "facebook_video_permalink": "relative",  # or "absolute" (unverified)
    "facebook_upload_s": 86_400.0,  # after that an unfinished upload is expired (unverified)
}


@dataclass(slots=True)
class Video:
    """From `upload_phase=start` on. `size` is None until it is known (a reel's comes with its bytes)."""

    id: str
    reel: bool
    created_at: float
    expires_at: float
    inflow: Inflow
    frame: Sink
    size: int | None = None
    title: str = ""
    description: str = ""
    state: str = "DRAFT"
    scheduled: float | None = None
    finished_at: float | None = None
    post_id: str = ""
    fate: Fault | None = None
    about: dict[str, object] = field(default_factory=dict)

    @property
    def stored(self) -> int:
        """Bytes received so far."""
        return self.inflow.sink.size

    @property
    def whole(self) -> bool:
        """Whether all bytes are here."""
        return self.size is not None and self.stored == self.size

    def phase(self, now: float, processing_s: float) -> str:
        """uploading, upload_complete, processing, ready, error or expired: `video_status`."""
        if self.finished_at is None:
            if now >= self.expires_at:
                return "expired"
            return "upload_complete" if self.whole else "uploading"
        if self.fate is not None and self.fate.kind == "processing_stuck":
            return "processing"
        if now < self.finished_at + processing_s:
            return "processing"
        return "error" if self.fate is not None else "ready"

    def public_from(self, processing_s: float) -> float | None:
        """When people see it; None if they never will."""
        if self.finished_at is None or self.fate is not None or self.state == "DRAFT":
            return None
        ready = self.finished_at + processing_s
        return max(ready, self.scheduled) if self.scheduled is not None else ready

    def public(self, now: float, processing_s: float) -> bool:
        """Whether people see it by now."""
        since = self.public_from(processing_s)
        return since is not None and now >= since


class VideoView:
    """Shows a video as Graph's JSON at one moment."""

    def __init__(self, world: World, page: Mapping[str, object], origin: str) -> None:
        self._world = world
        self._page = page
        self._origin = origin
        self._now = world.clock.now()
        self._processing_s = world.options.number("processing_s")
        self._sdk = world.options.text("facebook_status_words") == "sdk"

    def video(self, video: Video) -> dict[str, object]:
        """All fields."""
        public = video.public(self._now, self._processing_s)
        return {
            "id": video.id,
            "title": video.title or None,
            "description": video.description or None,
            "created_time": stamp(video.created_at),
            "updated_time": stamp(video.finished_at or video.created_at),
            "from": dict(self._page),
            "published": public,
            "post_id": video.post_id if public else None,
            "permalink_url": self.permalink(video),
            "scheduled_publish_time": stamp(video.scheduled) if video.scheduled is not None else None,
            "status": self.status(video),
            "picture": self._world.media_url(self._origin, video.frame, "image/png"),
            "source": self._world.media_url(self._origin, video.inflow.sink, "video/mp4"),
            **video.about,
        }

    def permalink(self, video: Video) -> str:
        """Relative to the site or absolute, as the option has it."""
        absolute = self._world.options.text("facebook_video_permalink") == "absolute"
        return f"https://www.facebook.com{self.path(video)}" if absolute else self.path(video)

    def path(self, video: Video) -> str:
        """Where the site shows it. Facts: /reel/{id} for a reel."""
        return f"/reel/{video.id}/" if video.reel else f"/{self._page['id']}/videos/{video.id}/"

    def status(self, video: Video) -> dict[str, object]:
        """The `status` field, in the guide's spelling or the SDK's."""
        phase = video.phase(self._now, self._processing_s)
        return {
            "video_status": phase,
            "uploading_phase": self._uploading(video, phase),
            "processing_phase": self._processing(video, phase),
            "publishing_phase": self._publishing(video),
        }

    def _uploading(self, video: Video, phase: str) -> dict[str, object]:
        status = self._complete() if video.whole else "error" if phase == "expired" else "in_progress"
        spelling = "bytes_transferred" if self._sdk else "bytes_transfered"
        size = {} if video.size is None else {"source_file_size": video.size}
        begun = video.stored or video.whole
        return {"status": status if begun else "not_started", spelling: video.stored, **size}

    def _processing(self, video: Video, phase: str) -> dict[str, object]:
        statuses = {"processing": "in_progress", "ready": self._complete(), "error": "error"}
        shown: dict[str, object] = {"status": statuses.get(phase, "not_started")}
        if phase == "error" and video.fate is not None:
            reason = video.fate.reason
            shown |= {"errors": [{"code": 1363041, "message": reason}]} if self._sdk else {"error": {"message": reason}}
        return shown

    def _publishing(self, video: Video) -> dict[str, object]:
        public = video.public(self._now, self._processing_s)
        words = {"SCHEDULED": "scheduled", "DRAFT": "draft", "PUBLISHED": "published" if public else "draft"}
        shown: dict[str, object] = {
            "status": self._complete() if public else "not_started",
            "publish_status": "published" if public else words[video.state],
        }
        since = video.scheduled if video.scheduled is not None else video.public_from(self._processing_s)
        return shown if since is None else {**shown, "publish_time": int(since)}

    def _complete(self) -> str:
        return "completed" if self._sdk else "complete"
