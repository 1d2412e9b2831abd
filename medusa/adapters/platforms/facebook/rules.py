"""What Facebook takes, and the steps that publishing there needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from medusa.adapters.platforms.facebook import limits
from medusa.adapters.platforms.facebook.account import FacebookAccount
from medusa.adapters.platforms.facebook.asked import Fields
from medusa.domain.policy import Ready
from medusa.domain.request import Asked
from medusa.domain.task import PREFLIGHT_STEP
from medusa.domain.template import literal
from medusa.domain.values import Json, Media, MediaKind, Problem, StepSpec

KEYS: Final = (
    "message",
    "link",
    "attach_media",
    "as",
    "title",
    "description",
    "alt_text",
    "scheduled_publish_time",
    "targeting",
    "feed_targeting",
)
PERMALINK_S: Final = 30.0
"""Seconds that a permalink is looked for when nobody waits for the video to be published."""


class Form(StrEnum):
    """What a post on a Page is made of."""

    FEED = "feed"
    PHOTO = "photo"
    VIDEO = "video"
    REEL = "reel"

    @property
    def moves(self) -> bool:
        return self in (Form.VIDEO, Form.REEL)


_VIDEO_ONLY: Final = 'is for a video that is posted with "attach_media": true'
_PHOTO_ONLY: Final = 'is for a photo that is posted with "attach_media": true'
_NO_LINK: Final = "cannot go with an attached photo or video; put the URL into the message"
_MISPLACED: Final[Mapping[Form, Mapping[str, str]]] = {
    Form.FEED: {"as": _VIDEO_ONLY, "title": _VIDEO_ONLY, "description": _VIDEO_ONLY, "alt_text": _PHOTO_ONLY},
    Form.PHOTO: {"as": _VIDEO_ONLY, "title": _VIDEO_ONLY, "description": _VIDEO_ONLY, "link": _NO_LINK},
    Form.VIDEO: {"alt_text": _PHOTO_ONLY, "link": _NO_LINK},
    Form.REEL: {"alt_text": _PHOTO_ONLY, "link": _NO_LINK},
}


@dataclass(frozen=True, slots=True)
class FacebookRules:
    """RulesPort for one Page."""

    account: FacebookAccount
    ready: Ready
    now: Callable[[], float] = time.time
    """Epoch seconds: a scheduled post lies within a window from now."""

    def plan(self, asked: Asked) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
        """preflight, then what the post is made of (photo or video), post, and for a video its permalink."""
        given: object = asked.fields
        if not isinstance(given, Mapping):
            return (Problem("", "must be an object, such as {'message': ...}"),)
        fields = Fields(given, asked.samples)
        form = _form(fields, asked.media)
        post = self._post(fields, form, asked.media)
        alt_text = fields.text("alt_text", limits.MESSAGE_CHARS)
        fields.only(KEYS)
        return tuple(fields.problems) or tuple(self._steps(asked, form, post, alt_text))

    def files(self, fields: Json) -> Iterator[tuple[str, str]]:  # noqa: ARG002  # the port's
        """None: a post has the request's own media or nothing."""
        yield from ()

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        """Whether the photo, the video or the reel is one that Facebook takes."""
        return next((Problem("attach_media", says) for spec in specs for says in _misfits(spec)), None)

    def _post(self, fields: Fields, form: Form, media: Media | None) -> Json:
        """What the visible step sends, by our own keys."""
        fields.refuse(_MISPLACED[form])
        message = fields.text("message", limits.MESSAGE_CHARS)
        description = fields.text("description", limits.MESSAGE_CHARS)
        if form.moves and message and description:
            fields.problem("description", "and message are the same thing for a video: give one of them")
        if form is Form.FEED and not fields.flag("attach_media") and "message" not in fields and "link" not in fields:
            fields.problem("message", 'is missing: a post needs a message, a link or "attach_media": true')
        title = fields.text("title", limits.TITLE_CHARS) or (_title(media) if form.moves and media else "")
        post = {
            "form": form.value,
            "message": message or description,
            "link": fields.link("link"),
            "title": title,
            "scheduled_publish_time": self._scheduled(fields, form),
            "targeting": fields.object("targeting"),
            "feed_targeting": fields.object("feed_targeting"),
        }
        return {key: value for key, value in post.items() if value}

    def _scheduled(self, fields: Fields, form: Form) -> int | None:
        at = fields.time("scheduled_publish_time")
        if at is not None and (says := schedule_problem(at, self.now(), form)):
            fields.problem("scheduled_publish_time", says)
        return at

    def _steps(self, asked: Asked, form: Form, post: Json, alt_text: str) -> Iterator[StepSpec]:
        def step(name: str, fields: Mapping[str, Any], **more: Any) -> StepSpec:
            return StepSpec(name, f"{asked.key}:{name}", fields, **more)

        scheduled = post.get("scheduled_publish_time")
        checked = {"form": form.value, "scheduled_publish_time": scheduled}
        yield step(PREFLIGHT_STEP, checked, verb="Checking")
        if form is Form.PHOTO:
            photo = {"form": form.value, "alt_text": alt_text, "scheduled": bool(scheduled)}
            yield step("photo", photo, media=asked.media, after=(PREFLIGHT_STEP,), verb="Uploading the photo to")
        elif form.moves:
            video = {"form": form.value}
            yield step("video", video, media=asked.media, after=(PREFLIGHT_STEP,), verb="Uploading to")
        made_from = {Form.FEED: PREFLIGHT_STEP, Form.PHOTO: "photo"}.get(form, "video")
        yield step("post", post, after=(made_from,), visible=True, verb="Posting on", yields="post_id")
        if form.moves and not scheduled:
            yield step("permalink", self._patience(asked), after=("post",), required=False, verb="Waiting for")

    def _patience(self, asked: Asked) -> Json:
        waits = self.ready.wait or (self.ready.wait is None and asked.used)
        return {"until_published": waits, "at_most_s": self.ready.at_most_s if waits else PERMALINK_S}


def schedule_problem(at: float, now: float, form: Form) -> str | None:
    """Why a post of this form cannot be scheduled at `at` (facts: Meta 2.1)."""
    most_s = limits.SCHEDULE_REEL_MOST_S if form is Form.REEL else limits.SCHEDULE_MOST_S
    if limits.SCHEDULE_LEAST_S <= at - now <= most_s:
        return None
    return f"must lie from {limits.SCHEDULE_LEAST_S / 60:.0f} minutes to {most_s / 86400:.0f} days ahead"


def _form(fields: Fields, media: Media | None) -> Form:
    """What the post will be; media are judged by their names here."""
    attached = fields.flag("attach_media")
    reel = fields.choice("as", ("video", "reel")) == "reel"
    if not (attached or _is_photo_alone(fields, media)):
        return Form.FEED
    if media is None:
        fields.problem("attach_media", "is true, but there is no media_file")
        return Form.FEED
    if media.kind is MediaKind.VIDEO:
        if reel and media.mime != limits.REEL_TYPE:
            fields.problem("as", f"a reel has to be an MP4 file, not {media.name}")
        return Form.REEL if reel else Form.VIDEO
    if media.mime not in limits.PHOTO_TYPES:
        fields.problem("attach_media", f"takes a video, or a photo as JPG or PNG, not {media.name}")
    return Form.PHOTO


def _is_photo_alone(fields: Fields, media: Media | None) -> bool:
    """A picture and no word about what to do with it: it is what is to be posted."""
    if media is None or media.kind is not MediaKind.IMAGE:
        return False
    return not any(key in fields for key in ("message", "link", "attach_media"))


def _title(media: Media) -> str:
    """The file's stem, as a template that renders to itself."""
    return literal(media.stem[: limits.TITLE_CHARS])


# ---------------------------------------------------------------- media that were looked at


def _misfits(spec: StepSpec) -> Iterator[str]:
    media = spec.media
    if media is None:
        return
    if spec.name == "photo":
        yield from _photo_misfits(media)
    elif media.kind is not MediaKind.VIDEO:
        yield f"{media.name} is not a video"
    else:
        yield from _video_misfits(media)
        if spec.fields["form"] == Form.REEL:
            yield from _reel_misfits(media)


def _photo_misfits(media: Media) -> Iterator[str]:
    if media.mime not in limits.PHOTO_TYPES:
        yield f"{media.name} is not a JPG or PNG picture"
    if media.size > limits.PHOTO_BYTES:
        yield f"Photo file too large (max {limits.PHOTO_BYTES // 1024**2}MB)"


def _video_misfits(media: Media) -> Iterator[str]:
    if media.size < limits.VIDEO_BYTES_LEAST:
        yield f"Video file too small (min {limits.VIDEO_BYTES_LEAST} bytes)"
    if media.size > limits.VIDEO_BYTES:
        yield f"Video file too large (max {limits.VIDEO_BYTES // 1024**3}GB)"
    if media.duration_s is not None and media.duration_s > limits.VIDEO_S + limits.ROUNDING_S:
        yield f"Video too long (max {limits.VIDEO_S / 3600:.0f} h)"


def _reel_misfits(media: Media) -> Iterator[str]:
    least_s, most_s = limits.REEL_S
    if media.mime != limits.REEL_TYPE:
        yield f"a reel has to be an MP4 file; {media.name} is none"
    if media.duration_s is not None and not (
        least_s - limits.ROUNDING_S <= media.duration_s <= most_s + limits.ROUNDING_S
    ):
        yield f"a reel lasts {least_s:.0f} to {most_s:.0f} seconds; {media.name} lasts {media.duration_s:.1f}"
    if media.width and media.height:
        yield from _reel_frame(media.width, media.height)


def _reel_frame(width: int, height: int) -> Iterator[str]:
    """Its height may differ by a pixel or two from the exact ratio: encoders want even numbers."""
    least_width, least_height = limits.REEL_PIXELS
    if abs(width - height * limits.REEL_RATIO) > 2:
        yield f"a reel is upright, 9:16; this video is {width}x{height}"
    elif width < least_width or height < least_height:
        yield f"a reel has {least_width}x{least_height} pixels at least; this video has {width}x{height}"
