"""What YouTube's metadata may hold: each check yields all that is wrong (facts: videos.insert, VR)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from medusa.adapters.platforms.youtube.typed import (
    CATEGORY,
    FLAG,
    TEXT,
    TEXTS,
    TRACKS,
    TRANSLATIONS,
    Kind,
    one_of,
    sorted_out,
)
from medusa.domain.request import Asked
from medusa.domain.template import literal, render
from medusa.domain.values import Json, MediaKind, Problem

TITLE_CHARACTERS = 100
DESCRIPTION_BYTES = 5000
TAGS_CHARACTERS = 500
TRACK_NAME_CHARACTERS = 150
"""Facts: captions.insert, nameTooLong."""
PRIVACIES = ("public", "unlisted", "private")
LICENSES = ("youtube", "creativeCommon")
KEYS: Final[Mapping[str, Kind]] = {
    "title": TEXT,
    "description": TEXT,
    "tags": TEXTS,
    "privacy": TEXT,
    "category": CATEGORY,
    "language": TEXT,
    "audio_language": TEXT,
    "made_for_kids": FLAG,
    "publish_at": TEXT,
    "notify_subscribers": FLAG,
    "license": TEXT,
    "embeddable": FLAG,
    "public_stats": FLAG,
    "synthetic_media": FLAG,
    "recording_date": TEXT,
    "localizations": TRANSLATIONS,
    "thumbnail": TEXT,
    "captions": TRACKS,
    "playlists": TEXTS,
    "wait_until_processed": FLAG,
}
"""The metadata's keys."""
_TRACK_KEYS: Final[Mapping[str, Kind]] = {"file": TEXT, "language": TEXT, "name": TEXT}
_TRANSLATION_KEYS: Final[Mapping[str, Kind]] = {"title": TEXT, "description": TEXT}
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""BCP 47, near enough to tell a tag from a language's name."""


def problems(asked: Asked) -> tuple[Problem, ...]:
    """Everything that is wrong with what was asked for."""
    fields, found = sorted_out(asked.fields, KEYS)
    for check in _CHECKS:
        found += check(fields, asked)
    return tuple(found)


def tags_length(tags: Iterable[str]) -> int:
    """As YouTube counts: commas between tags count, and a tag with a space counts its quotes (facts: VR)."""
    lengths = [len(tag) + 2 * (" " in tag) for tag in tags]
    return sum(lengths) + max(len(lengths) - 1, 0)


def moment(text: str) -> datetime | None:
    """An RFC 3339 time with its offset; None when it is something else."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def day(text: str) -> date | None:
    """A date such as 2026-11-23; None when it is something else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _media(_: Json, asked: Asked) -> Iterator[Problem]:
    if asked.media is None:
        yield Problem("", "a video is needed: give media_file")
    elif asked.media.kind not in (MediaKind.VIDEO, MediaKind.OTHER):
        what = "an image" if asked.media.kind is MediaKind.IMAGE else "a text"
        yield Problem("", f"{asked.media.name} is {what} by its name; YouTube takes videos")


def _title(fields: Json, asked: Asked) -> Iterator[Problem]:
    if "title" in fields:
        yield from _title_like("title", render(fields["title"], asked.samples))
    elif "title" not in asked.fields and asked.media:
        yield from _title_like("title", asked.media.stem, "is not given, and the file's name ")


def _title_like(path: str, title: str, which: str = "") -> Iterator[Problem]:
    if not title.strip():
        yield Problem(path, f"{which}is empty")
    if len(title) > TITLE_CHARACTERS:
        yield Problem(path, f"{which}has {len(title)} characters; at most {TITLE_CHARACTERS} are allowed")
    yield from _no_angles(path, title, which)


def _description(fields: Json, asked: Asked) -> Iterator[Problem]:
    if "description" in fields:
        yield from _description_like("description", render(fields["description"], asked.samples))


def _description_like(path: str, text: str) -> Iterator[Problem]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > DESCRIPTION_BYTES:
        yield Problem(path, f"has {size} bytes in UTF-8; at most {DESCRIPTION_BYTES} are allowed")
    yield from _no_angles(path, text)


def _no_angles(path: str, text: str, which: str = "") -> Iterator[Problem]:
    if "<" in text or ">" in text:
        yield Problem(path, f"{which}holds < or >, which YouTube does not allow")


def _tags(fields: Json, asked: Asked) -> Iterator[Problem]:
    tags = [render(tag, asked.samples) for tag in fields.get("tags", ())]
    for place, tag in enumerate(tags):
        if not tag.strip():
            yield Problem(f"tags[{place}]", "is empty")
        yield from _no_angles(f"tags[{place}]", tag)
    if (length := tags_length(tags)) > TAGS_CHARACTERS:
        how = "it counts a comma between two tags, and quotes around one with a space"
        yield Problem("tags", f"{length} characters in all; YouTube takes {TAGS_CHARACTERS} ({how})")


def _words(fields: Json, _: Asked) -> Iterator[Problem]:
    for name, allowed in (("privacy", PRIVACIES), ("license", LICENSES)):
        if name in fields:
            yield from one_of(name, fields[name], allowed)
    for name in ("language", "audio_language"):
        if name in fields:
            yield from _language(name, fields[name])


def _language(path: str, text: str) -> Iterator[Problem]:
    if not _LANGUAGE.fullmatch(text):
        yield Problem(path, f'"{text}" is no language tag, such as "en" or "pt-BR"')


def _times(fields: Json, _: Asked) -> Iterator[Problem]:
    recorded = fields.get("recording_date")
    if recorded is not None and not day(recorded) and not moment(recorded):
        yield Problem("recording_date", "expected a date such as 2026-11-23, or a time with its offset")
    if "publish_at" not in fields:
        return
    if not moment(fields["publish_at"]):
        yield Problem("publish_at", "expected a time with its offset, such as 2026-12-24T18:00:00+01:00")
    if fields.get("privacy", "private") != "private":
        yield Problem("publish_at", 'a scheduled video is private until then: leave privacy out, or say "private"')


def _translations(fields: Json, asked: Asked) -> Iterator[Problem]:
    translations: Mapping[str, Json] = fields.get("localizations", {})
    if translations and "language" not in asked.fields:
        yield Problem("localizations", "need language: the one that title and description are in")
    for language, texts in translations.items():
        path = f"localizations.{language}"
        yield from _language(path, language)
        good, found = sorted_out(texts, _TRANSLATION_KEYS, f"{path}.")
        yield from found
        if "title" in good or "title" not in texts:
            yield from _title_like(f"{path}.title", render(good.get("title", ""), asked.samples))
        yield from _description_like(f"{path}.description", render(good.get("description", ""), asked.samples))


def _tracks(fields: Json, asked: Asked) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for place, track in enumerate(fields.get("captions", ())):
        path = f"captions[{place}]"
        good, found = sorted_out(track, _TRACK_KEYS, f"{path}.")
        yield from found
        yield from (Problem(f"{path}.{name}", "is missing") for name in ("file", "language") if not track.get(name))
        name = render(good.get("name", ""), asked.samples)
        if good.get("language"):
            yield from _language(f"{path}.language", good["language"])
        if len(name) > TRACK_NAME_CHARACTERS:
            yield Problem(f"{path}.name", f"has {len(name)} characters; at most {TRACK_NAME_CHARACTERS} are allowed")
        if (key := (good.get("language", ""), name)) in seen:
            yield Problem(path, "another one has the same language and name")
        seen.add(key)


def _thumbnail(fields: Json, _: Asked) -> Iterator[Problem]:
    if fields.get("thumbnail") == "":
        yield Problem("thumbnail", "is empty")


def _playlists(fields: Json, _: Asked) -> Iterator[Problem]:
    ids = [playlist.strip() for playlist in fields.get("playlists", ())]
    for place, playlist in enumerate(ids):
        if not playlist:
            yield Problem(f"playlists[{place}]", "is empty")
        elif playlist in ids[:place]:
            yield Problem(f"playlists[{place}]", "is named twice")


def _link(fields: Json, asked: Asked) -> Iterator[Problem]:
    """A private video's link opens for nobody else, so it is no use in a post."""
    well_said = "privacy" in fields or "privacy" not in asked.fields
    if not asked.used or not well_said or fields.get("privacy", "private") != "private":
        return
    link = f"another target's text uses {{{asked.target}_url}}"
    other = 'say "privacy": "unlisted" or "public"'
    if "publish_at" in fields:
        yield Problem("publish_at", f"the video is private until then, but {link}: leave publish_at out and {other}")
    else:
        omitted = "" if "privacy" in fields else " (what leaving privacy out means)"
        yield Problem("privacy", f"a private video{omitted} opens for nobody else, but {link}: {other}")


_CHECKS = (
    _media,
    _title,
    _description,
    _tags,
    _words,
    _times,
    _translations,
    _thumbnail,
    _tracks,
    _playlists,
    _link,
)
_OF_OTHER_STEPS = frozenset({"thumbnail", "captions", "playlists", "wait_until_processed"})


def described(asked: Asked) -> dict[str, Any]:
    """The video's own part of metadata without problems: what omission means is said, times and numbers are spelt as
    YouTube reads them.
    """
    stem = asked.media.stem if asked.media else ""
    said = {name: value for name, value in asked.fields.items() if name not in _OF_OTHER_STEPS}
    said |= {name: _spelt(said[name]) for name in ("publish_at", "recording_date", "category") if name in said}
    return {"title": literal(stem), "privacy": "private", **said}


def _spelt(value: Any) -> str:
    """A date is its midnight in UTC; a time is written in the form of RFC 3339; a number in digits."""
    text = str(value)
    if at := day(text):
        return f"{at.isoformat()}T00:00:00Z"
    time = moment(text)
    return time.isoformat() if time else text
