"""What exists on the imitated YouTube channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from medusa.sandbox.exchange import Published, World
from medusa.sandbox.google_document import parts_of
from medusa.sandbox.google_errors import GoogleError
from medusa.sandbox.youtube_video import Video, new_id

OPTIONS: Mapping[str, object] = {
    "youtube_channel_title": "Sandbox Channel",
    "youtube_has_channel": True,  # an account without one gets 401 youtubeSignupRequired
    "youtube_long_uploads": "allowed",  # longUploadsStatus: allowed, eligible, disallowed
    "youtube_list_lag_s": 0.0,  # how long a new video, playlist item or comment is missing from lists
}


@dataclass(frozen=True, slots=True)
class Comment:
    """A top-level comment; its thread has the same id."""

    id: str
    video_id: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class PlaylistItem:
    """A video's place in a playlist."""

    id: str
    video_id: str
    at: float


@dataclass(slots=True)
class Playlist:
    """A playlist with its items in their order."""

    id: str
    snippet: dict[str, Any]
    privacy: str
    at: float
    items: list[PlaylistItem] = field(default_factory=list)

    def video_ids(self) -> list[str]:
        """The videos in it."""
        return [item.video_id for item in self.items]


class Channel:
    """One channel of one account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = new_id("UC", 22)
        self.videos: dict[str, Video] = {}
        self.playlists: dict[str, Playlist] = {}
        self.comments: dict[str, Comment] = {}

    @property
    def title(self) -> str:
        """The channel's name."""
        return self.world.options.text("youtube_channel_title")

    @property
    def uploads_playlist(self) -> str:
        """The id of the playlist that holds all of the channel's videos, newest first."""
        return f"UU{self.id[2:]}"

    def video(self, video_id: str) -> Video:
        """The video with this id. Raises GoogleError (404 videoNotFound)."""
        if video_id not in self.videos:
            message = "The video identified by the request cannot be found."
            raise GoogleError(404, "videoNotFound", message, location=("id", "parameter"))
        return self.videos[video_id]

    def listed(self, at: float) -> bool:
        """Whether something made at this time is in lists by now."""
        return self.world.clock.now() >= at + self.world.options.number("youtube_list_lag_s")

    def state(self) -> dict[str, object]:
        """What exists, for /_sandbox/state."""
        now = self.world.clock.now()
        return {
            "channel": self.id,
            "videos": [video.state(now) for video in self.videos.values()],
            "playlists": [
                {
                    "id": playlist.id,
                    **playlist.snippet,
                    "privacy": playlist.privacy,
                    "videos": [item.video_id for item in playlist.items],
                }
                for playlist in self.playlists.values()
            ],
            "comments": [asdict(comment) for comment in self.comments.values()],
        }

    def published(self, origin: str) -> list[Published]:
        """The channel's videos, as a person would see them."""
        return [self._published(video, origin) for video in self.videos.values()]

    def _published(self, video: Video, origin: str) -> Published:
        now = self.world.clock.now()
        snippet, privacy = video.parts.get("snippet", {}), video.privacy(now)
        publish_at = video.publish_at()
        waits = publish_at is not None and privacy == "private"
        lists = [one.snippet["title"] for one in self.playlists.values() if video.id in one.video_ids()]
        facts = {
            "Tags": ", ".join(snippet.get("tags", [])),
            "Playlists": ", ".join(lists),
            "Captions": ", ".join(caption.language for caption in video.captions),
        }
        thumbnail = video.thumbnail
        return Published(
            kind="video",
            id=video.id,
            at=video.at,
            title=video.title,
            text=snippet.get("description", ""),
            url=f"https://www.youtube.com/watch?v={video.id}",
            thumbnail=self.world.media_url(origin, thumbnail, video.thumbnail_type) if thumbnail else None,
            video=self.world.media_url(origin, video.sink, _playable(video.content_type)),
            privacy=privacy,
            status=video.processing.words(now),
            scheduled_for=publish_at if waits else None,
            author=self.title,
            size=video.sink.size,
            facts={name: text for name, text in facts.items() if text},
            comments=tuple(one.text for one in self.comments.values() if one.video_id == video.id),
        )

    def reset(self) -> None:
        """Empty it."""
        for video in self.videos.values():
            video.sink.discard()
        self.videos.clear()
        self.playlists.clear()
        self.comments.clear()


def _playable(content_type: str) -> str:
    """What a browser is told that a stored video is: uploads often say no more than octet-stream."""
    return content_type if content_type.startswith("video/") else "video/mp4"


def named_parts(query: Mapping[str, str], schema: str) -> list[str]:
    """The values of `part`. Raises GoogleError (400 unknownPart)."""
    parts = [part.strip() for part in query.get("part", "").split(",") if part.strip()]
    for part in parts:
        if part not in parts_of(schema):
            raise GoogleError(400, "unknownPart", f"'{part}'", domain="youtube.part", location=("part", "parameter"))
    return parts


def some_filter(query: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise GoogleError (400) unless one of the parameters is given."""
    if not any(query.get(name) for name in names):
        message = f"No filter selected. Expected one of: {', '.join(names)}"
        raise GoogleError(400, "missingRequiredParameter", message, domain="youtube.parameter")
