"""YouTube's limits, and what a target's plan is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from medusa.adapters.platforms.youtube.account import YouTubeAccount
from medusa.adapters.platforms.youtube.fields import (
    DESCRIPTION_BYTES,
    TAGS_CHARACTERS,
    TITLE_CHARACTERS,
    described,
    problems,
)
from medusa.adapters.platforms.youtube.quota import COSTS, LIST
from medusa.domain.policy import Ready
from medusa.domain.request import Asked, named_files
from medusa.domain.values import Json, Media, MediaKind, Problem, StepSpec

VIDEO_BYTES = 274_877_906_944
"""256 GiB (facts: discovery document, videos.insert)."""
VIDEO_SECONDS = 12 * 3600
"""For channels with a verified phone number (facts: videos.insert, limits)."""
UNVERIFIED_SECONDS = 15 * 60
"""For all other channels (facts: videos.insert, limits, second hand)."""
THUMBNAIL_BYTES = 52_428_800
"""50 MB (facts: thumbnails.set, since 2026-09-14)."""
THUMBNAIL_TYPES = ("image/jpeg", "image/png")
TRACK_BYTES = 104_857_600
"""100 MB (facts: captions.insert)."""
LIMITS: Final[Mapping[str, str]] = {
    "video": "256 GiB, 12 h (15 min until the channel's phone number is verified)",
    "title": f"{TITLE_CHARACTERS} characters",
    "description": f"{DESCRIPTION_BYTES} bytes",
    "tags": f"{TAGS_CHARACTERS} characters in all",
    "thumbnail": "50 MB, JPEG or PNG",
    "captions": "100 MB a track",
    "quota": "100 videos and 10,000 units a day for a project",
}


class YouTubeRules:
    """RulesPort of one YouTube target."""

    def __init__(self, _account: YouTubeAccount, ready: Ready) -> None:
        self._ready = ready

    def plan(self, asked: Asked) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
        """preflight, video, thumbnail, captions.N, playlist.N, ready: those that were asked for."""
        return problems(asked) or tuple(self._steps(asked))

    def files(self, fields: Json) -> Iterator[tuple[str, str]]:
        """The thumbnail and the captions."""
        return named_files(fields, "thumbnail", "captions")

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        """What is wrong with the files, now that they were looked at."""
        return next((found for spec in specs if spec.media and (found := _misfit(spec.name, spec.media))), None)

    def _steps(self, asked: Asked) -> Iterator[StepSpec]:
        fields, video = asked.fields, described(asked)
        schedule = {"publish_at": video["publish_at"]} if "publish_at" in video else {}
        yield _step(asked, "preflight", "Checking", schedule, asked.media)
        insert = COSTS["videos.insert"]
        yield _step(asked, "video", "Uploading to", video, asked.media, yields="url", costs=insert)
        if "thumbnail" in fields:
            thumbnail = Media.named(fields["thumbnail"])
            yield _extra(asked, "thumbnail", "Adding the thumbnail on", {}, thumbnail, method="thumbnails.set")
        for number, track in enumerate(fields.get("captions", ()), 1):
            texts = {"language": track["language"], "name": track.get("name", "")}
            file = Media.named(track["file"])
            yield _extra(asked, f"captions.{number}", "Adding captions on", texts, file, method="captions.insert")
        for number, playlist in enumerate(fields.get("playlists", ()), 1):
            named = {"playlist": playlist.strip()}
            yield _extra(asked, f"playlist.{number}", "Adding to a playlist on", named, method="playlistItems.insert")
        if self._waits(asked):
            limit = {"at_most_s": self._ready.at_most_s}
            yield _step(asked, "ready", "Waiting for", limit, after=("video",))

    def _waits(self, asked: Asked) -> bool:
        wait = self._ready.wait if self._ready.wait is not None else asked.used
        return bool(asked.fields.get("wait_until_processed", wait))


def _step(
    asked: Asked,
    name: str,
    verb: str,
    fields: Mapping[str, Any],
    media: Media | None = None,
    *,
    after: tuple[str, ...] = (),
    yields: str = "",
    required: bool = True,
    costs: Mapping[str, int] = LIST,
) -> StepSpec:
    key = f"{asked.key}:{name}"
    return StepSpec(name, key, fields, media, after, required=required, verb=verb, costs=costs, yields=yields)


def _extra(
    asked: Asked, name: str, verb: str, fields: Mapping[str, Any], media: Media | None = None, *, method: str
) -> StepSpec:
    """A step that only leaves a warning when it fails: the video is up by then."""
    return _step(asked, name, verb, fields, media, after=("video",), required=False, costs=COSTS[method])


def _misfit(step: str, media: Media) -> Problem | None:
    checks = {"video": _video, "thumbnail": _thumbnail, "captions": _track}
    check = checks.get(step.partition(".")[0])
    says = check(media) if check else ""
    return Problem("", says) if says else None


def _video(media: Media) -> str:
    if media.kind is not MediaKind.VIDEO:
        return f"{media.name} is not a video"
    if media.size == 0:
        return f"{media.name} is empty"
    if media.size > VIDEO_BYTES:
        return "Video file too large (max 256GB)"
    return "Video too long (max 12 hours)" if (media.duration_s or 0.0) > VIDEO_SECONDS else ""


def _thumbnail(media: Media) -> str:
    if media.mime not in THUMBNAIL_TYPES:
        return f"the thumbnail {media.name} is neither a JPEG nor a PNG image"
    return "Thumbnail too large (max 50MB)" if media.size > THUMBNAIL_BYTES else ""


def _track(media: Media) -> str:
    if media.size == 0:
        return f"the captions file {media.name} is empty"
    return "Captions file too large (max 100MB)" if media.size > TRACK_BYTES else ""
