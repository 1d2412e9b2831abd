"""What Vimeo takes, and the steps that publishing there needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from medusa.adapters.platforms.vimeo.account import VimeoAccount
from medusa.adapters.platforms.vimeo.fields import Fields
from medusa.domain.policy import Ready
from medusa.domain.request import Asked, named_files
from medusa.domain.template import literal
from medusa.domain.values import Json, Media, MediaKind, Problem, StepSpec

NAME_LIMIT: Final = 128
"""Characters (facts: Vimeo, Metadata; unverified)."""
DESCRIPTION_LIMIT: Final = 5000
"""Characters (facts: Vimeo, Metadata; unverified)."""
TAGS_LIMIT: Final = 20
"""Tags of one video (facts: Vimeo, Tags)."""

PRIVACY: Final[Mapping[str, str]] = {
    "private": "nobody",
    "public": "anybody",
    "anybody": "anybody",
    "contacts": "contacts",
    "disable": "disable",
    "nobody": "nobody",
    "password": "password",
    "unlisted": "unlisted",
    "users": "users",
}
"""What a user may say -> `privacy.view` (facts: Vimeo, Metadata)."""
CLOSED: Final = ("nobody", "disable")
"""A link to a video with one of these does not open for anybody else."""
EMBED: Final = ("private", "public")
"""`privacy.embed`. "whitelist" would need a list of domains."""
COMMENTS: Final = ("anybody", "contacts", "nobody")
LICENSES: Final = ("by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa", "cc0")
TRACK_TYPES: Final = ("captions", "chapters", "descriptions", "metadata", "subtitles")

KEYS: Final = (
    "title",
    "description",
    "privacy",
    "password",
    "tags",
    "thumbnail",
    "thumbnail_time",
    "texttracks",
    "license",
    "locale",
    "content_rating",
    "comments",
    "embed",
    "download",
    "add",
)
TRACK_KEYS: Final = ("file", "language", "type", "name", "active")


@dataclass(frozen=True, slots=True)
class VimeoRules:
    """RulesPort for one Vimeo target."""

    account: VimeoAccount
    ready: Ready

    def plan(self, asked: Asked) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
        """preflight, video, and as asked: thumbnail, texttracks.1 and on, tags, ready."""
        given: object = asked.fields  # as it came from the user
        if not isinstance(given, Mapping):
            return (Problem("", "must be an object, such as {'title': ..., 'privacy': ...}"),)
        if asked.media is None:
            return (Problem("", "Vimeo takes videos only: a media_file is needed"),)
        fields = Fields(asked.fields, asked.samples)
        specs = (
            StepSpec("preflight", f"{asked.key}:preflight", media=asked.media, verb="Checking"),
            _video(fields, asked, asked.media),
            *self._additions(fields, asked),
        )
        _check_whole(fields, asked)
        return tuple(fields.problems) or specs

    def files(self, fields: Json) -> Iterator[tuple[str, str]]:
        """The thumbnail and the text tracks."""
        return named_files(fields, "thumbnail", "texttracks")

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        """Whether the video is a video, the thumbnail an image, and a text track neither."""
        return next((problem for spec in specs if (problem := _misfit(spec))), None)

    def _additions(self, fields: Fields, asked: Asked) -> Iterator[StepSpec]:
        yield from _thumbnail(fields, asked)
        yield from _tracks(fields, asked)
        if tags := fields.texts("tags", TAGS_LIMIT):
            yield _optional("tags", asked, {"tags": tags}, "Adding tags on")
        if self.ready.wait or (self.ready.wait is None and asked.used):
            yield _ready(asked, self.ready.at_most_s)


def _video(fields: Fields, asked: Asked, media: Media) -> StepSpec:
    title = fields.text("title", NAME_LIMIT) or literal(media.stem[:NAME_LIMIT])
    return StepSpec(
        "video",
        f"{asked.key}:video",
        {"title": title, "details": _details(fields)},
        media=media,
        after=("preflight",),
        verb="Uploading to",
        yields="url",
    )


def _details(fields: Fields) -> dict[str, Any]:
    """The body of POST /me/videos but for `upload` and `name`. Privacy is always said: omitted means private."""
    privacy = {
        "view": PRIVACY[fields.choice("privacy", PRIVACY) or "private"],
        "embed": fields.choice("embed", EMBED),
        "comments": fields.choice("comments", COMMENTS),
        "download": fields.flag("download"),
        "add": fields.flag("add"),
    }
    details = {
        "description": fields.text("description", DESCRIPTION_LIMIT, blank=True),
        "password": fields.text("password"),
        "license": fields.choice("license", LICENSES),
        "locale": fields.text("locale"),
        "content_rating": fields.texts("content_rating") or None,
        "privacy": {name: value for name, value in privacy.items() if value is not None},
    }
    return {name: value for name, value in details.items() if value is not None}


def _thumbnail(fields: Fields, asked: Asked) -> Iterator[StepSpec]:
    verb = "Adding the thumbnail on"
    path, time = fields.text("thumbnail"), fields.number("thumbnail_time")
    if "thumbnail" in fields and "thumbnail_time" in fields:
        fields.problem("thumbnail_time", "cannot be given together with thumbnail")
    elif path is not None:
        media = Media.named(path)
        if media.kind is not MediaKind.IMAGE:
            fields.problem("thumbnail", f"{media.name} is not named like an image")
        yield _optional("thumbnail", asked, {}, verb, media=media)
    elif time is not None:  # a frame can be taken of a playable video only
        yield _optional("thumbnail", asked, {"time": time}, verb, after=("video", "ready"))


def _tracks(fields: Fields, asked: Asked) -> Iterator[StepSpec]:
    for number, track in enumerate(fields.objects("texttracks"), start=1):
        track.only(TRACK_KEYS)
        track.required("file")
        track.required("language")
        file = Media.named(track.text("file") or "")
        active = track.flag("active")
        about = {
            "type": track.choice("type", TRACK_TYPES) or "subtitles",
            "language": track.text("language"),
            "name": track.text("name") or literal(file.name),
            "active": active is None or active,
        }
        fields.problems += track.problems
        yield _optional(f"texttracks.{number}", asked, about, "Adding a text track on", media=file)


def _ready(asked: Asked, at_most_s: float) -> StepSpec:
    return StepSpec("ready", f"{asked.key}:ready", {"at_most_s": at_most_s}, after=("video",), verb="Waiting for")


def _optional(
    name: str,
    asked: Asked,
    fields: Mapping[str, Any],
    verb: str,
    *,
    media: Media | None = None,
    after: tuple[str, ...] = ("video",),
) -> StepSpec:
    return StepSpec(name, f"{asked.key}:{name}", fields, media, after=after, required=False, verb=verb)


def _check_whole(fields: Fields, asked: Asked) -> None:
    """What only shows when several things are seen together."""
    fields.only(KEYS)
    if asked.media and asked.media.kind in (MediaKind.IMAGE, MediaKind.TEXT):
        what = "an image" if asked.media.kind is MediaKind.IMAGE else "a text"
        fields.problem("", f"{asked.media.name} is {what} by its name; Vimeo takes videos")
    view = PRIVACY.get(str(asked.fields.get("privacy", "private")))
    if view == "password" and "password" not in fields:
        fields.problem("password", 'is missing; "privacy": "password" needs one')
    if view != "password" and "password" in fields:
        fields.problem("password", 'has an effect with "privacy": "password" only')
    if asked.used and view in CLOSED:
        fields.problem("privacy", _closed(asked))


def _closed(asked: Asked) -> str:
    said = asked.fields.get("privacy")
    state = f"is {said!r}" if said else "was not given, which means private"
    return (
        f"{state}, and another platform posts {{{asked.target}_url}}: the link would not open for others. "
        'Say "privacy": "unlisted" or "public", or post no link to it'
    )


def _misfit(spec: StepSpec) -> Problem | None:
    media = spec.media
    if media is None:
        return None
    if spec.name in ("preflight", "video"):
        return None if media.kind is MediaKind.VIDEO else Problem("", f"{media.name} is not a video")
    if spec.name == "thumbnail":
        return None if media.kind is MediaKind.IMAGE else Problem("thumbnail", f"{media.name} is not an image")
    misfit = media.kind in (MediaKind.VIDEO, MediaKind.IMAGE)
    return Problem("texttracks", f"{media.name} is not a text track") if misfit else None
