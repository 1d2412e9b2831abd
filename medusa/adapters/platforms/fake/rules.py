"""What a target of the fake platform may be asked for, and the steps that this makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from medusa.domain.likeness import likeness
from medusa.domain.policy import Ready
from medusa.domain.request import Asked, named_files
from medusa.domain.task import PREFLIGHT_STEP
from medusa.domain.template import literal, render
from medusa.domain.values import Json, Media, MediaKind, Problem, StepSpec

TITLE_LIMIT = 100
MESSAGE_LIMIT = 280
PRIVACY = ("private", "unlisted", "public")


@dataclass(frozen=True, slots=True)
class FakeAccount:
    """The config block of a fake target."""

    name: str = "studio"
    """Whose account it is; two targets may have two."""
    token: str = field(default="fake-token", repr=False)
    """What the platform lets in, unless there is a credentials_file."""
    credentials_file: Path | None = None
    """A JSON file {"token": ...}: with it, credentials can be renewed."""
    window: int = 256 * 1024
    """Bytes of a video that one exchange carries."""
    largest: int = 256 * 1024**3
    """Bytes of the largest video that is taken."""
    finds: Literal["list", "key", "nothing"] = "list"
    """How a lost post is looked for: in the list of posts; not at all, since posts carry a key that the platform knows
    again; or it cannot be told."""
    read_lag_s: float = 5.0
    """Seconds that the list of posts may lag behind."""


class FakeRules:
    """A target with a `message` posts it; with a `title`, or without a message, it hosts the video. Both may be."""

    def __init__(self, account: FakeAccount, ready: Ready) -> None:
        self._account = account
        self._ready = ready

    def plan(self, asked: Asked) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
        if problems := tuple(_problems(asked)):
            return problems
        first = StepSpec(PREFLIGHT_STEP, "", verb="Checking")
        steps = (first, *self._hosting(asked), *_posting(asked))
        return tuple(replace(step, key=f"{asked.key}:{step.name}") for step in steps)

    def files(self, fields: Json) -> Iterator[tuple[str, str]]:
        return named_files(fields, "thumbnail")

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        media = next((spec.media for spec in specs if spec.name == "video"), None)
        if media is None:
            return None
        if media.kind is not MediaKind.VIDEO:
            return Problem("", f"{media.name} is not a video")
        if media.size > self._account.largest:
            return Problem("", f"Video file too large (max {self._account.largest // 1024**3}GB)")
        return None

    def _hosting(self, asked: Asked) -> Iterator[StepSpec]:
        if not _hosts(asked) or asked.media is None:
            return
        wanted = {
            "title": asked.fields.get("title", literal(asked.media.stem)),
            "privacy": asked.fields.get("privacy", "private"),
        }
        yield StepSpec("video", "", wanted, asked.media, verb="Uploading to", yields="url")
        if "thumbnail" in asked.fields:
            picture = Media.named(asked.fields["thumbnail"])
            yield _optional(StepSpec("thumbnail", "", {}, picture, ("video",), verb="Adding the thumbnail on"))
        if self._ready.wait or (self._ready.wait is None and asked.used):
            at_most = {"at_most_s": self._ready.at_most_s}
            yield StepSpec("ready", "", at_most, after=("video",), verb="Waiting for")


def _posting(asked: Asked) -> Iterator[StepSpec]:
    if "message" not in asked.fields:
        return
    wanted = {"message": asked.fields["message"], "link": asked.fields.get("link", "")}
    after = ("video",) if _hosts(asked) else ()
    yield StepSpec("post", "", wanted, after=after, visible=True, verb="Posting on", yields="post_id")
    if "comment" in asked.fields:
        text = {"message": asked.fields["comment"]}
        yield _optional(StepSpec("comment", "", text, after=("post",), visible=True, verb="Commenting on"))


def _optional(spec: StepSpec) -> StepSpec:
    return replace(spec, required=False)


def _hosts(asked: Asked) -> bool:
    return "message" not in asked.fields or "title" in asked.fields


# ---------------------------------------------------------------- what can be wrong with a request

Measure = Callable[[str], str]


def _problems(asked: Asked) -> Iterator[Problem]:
    for name, value in asked.fields.items():
        if name not in _CHECKS:
            near = likeness(name, _CHECKS) or f"; known: {', '.join(_CHECKS)}"
            yield Problem(name, f"unknown key{near}")
        elif not isinstance(value, str):
            yield Problem(name, f"expected a text, not {type(value).__name__}")
        elif said := _CHECKS[name](render(value, asked.samples)):
            yield Problem(name, said)
    if _hosts(asked) and asked.media is None:
        yield Problem("", "there is neither a message to post nor a video to host")


def _at_most(limit: int) -> Measure:
    return lambda text: "" if len(text) <= limit else f"{len(text)} characters, at most {limit} are taken"


def _anything(_text: str) -> str:
    return ""


def _one_of_privacy(text: str) -> str:
    return "" if text in PRIVACY else f"expected one of {', '.join(PRIVACY)}"


_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "title": _at_most(TITLE_LIMIT),
    "privacy": _one_of_privacy,
    "thumbnail": _anything,
    "message": _at_most(MESSAGE_LIMIT),
    "link": _anything,
    "comment": _at_most(MESSAGE_LIMIT),
}
