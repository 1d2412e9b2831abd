"""What YouTube accepts as a video's metadata, and by which reason it refuses (facts: google, 1. videos.insert)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from medusa.sandbox.exchange import World
from medusa.sandbox.google_errors import GoogleError

CATEGORIES = frozenset(("1", "2", "10", "15", "17", *map(str, range(19, 30)))) - {"21"}
"""What videoCategories.list calls assignable."""

WRITABLE: Mapping[str, frozenset[str]] = {
    "snippet": frozenset({"title", "description", "tags", "categoryId", "defaultLanguage", "defaultAudioLanguage"}),
    "status": frozenset(
        {
            "privacyStatus",
            "publishAt",
            "license",
            "embeddable",
            "publicStatsViewable",
            "selfDeclaredMadeForKids",
            "containsSyntheticMedia",
        }
    ),
    "recordingDetails": frozenset({"recordingDate", "location", "locationDescription"}),
    "paidProductPlacementDetails": frozenset({"hasPaidProductPlacement"}),
}
"""Fields that a client may write, by part; others in these parts are read-only and ignored."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MESSAGES = {
    "invalidTitle": "The request metadata specifies an invalid or empty video title.",
    "invalidDescription": "The request metadata specifies an invalid video description.",
    "invalidTags": "The request metadata specifies invalid video keywords.",
    "invalidCategoryId": "The snippet.categoryId property specifies an invalid category ID. "
    "Use the videoCategories.list method to retrieve supported categories.",
    "invalidPublishAt": "The request metadata specifies an invalid scheduled publishing time.",
    "invalidRecordingDetails": "The recordingDetails object in the request metadata specifies invalid "
    "recording details.",
    "invalidVideoMetadata": "The request metadata is invalid.",
    "defaultLanguageNotSet": "The API request is trying to add localized video details without specifying "
    "the default language of the video details.",
}


def refused(reason: str) -> GoogleError:
    """400 with this reason and its usual text."""
    return GoogleError(400, reason, _MESSAGES[reason])


def check_metadata(world: World, metadata: Mapping[str, Any], language: str | None = None) -> None:
    """Raise GoogleError for the first rule that `metadata` (the named parts of a Video) breaks.

    `language`: the defaultLanguage that the video has already, for localizations sent without a snippet.
    """
    if "snippet" in metadata:
        _check_snippet(world, metadata["snippet"])
    if "status" in metadata:
        _check_status(metadata["status"])
    if "recordingDetails" in metadata:
        _check_recording(metadata["recordingDetails"])
    default = (metadata.get("snippet") or {}).get("defaultLanguage", language)
    _check_localizations(metadata.get("localizations") or {}, default)


def parse_time(text: object) -> float | None:
    """An RFC 3339 time as seconds since the epoch; None if it is none, or has no offset."""
    if not isinstance(text, str) or "T" not in text.upper():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def tags_length(tags: Iterable[str]) -> int:
    """As YouTube counts: commas between tags count, a tag with a space counts its quotes; at most 500."""
    lengths = [len(tag) + 2 * (" " in tag) for tag in tags]
    return sum(lengths) + max(len(lengths) - 1, 0)


def _check_snippet(world: World, snippet: Mapping[str, Any]) -> None:
    title, description = snippet.get("title") or "", snippet.get("description") or ""
    if not title.strip() or len(title) > 100 or _has_angle(title):
        raise refused("invalidTitle")
    if len(description.encode()) > 5000 or _has_angle(description):
        raise refused("invalidDescription")
    tags = snippet.get("tags") or []
    if tags_length(tags) > 500 or any(_has_angle(tag) or not tag.strip() for tag in tags):
        raise refused("invalidTags")
    category = snippet.get("categoryId")
    if category is None and world.options.flag("youtube_category_required"):
        raise refused("invalidVideoMetadata")
    if category is not None and category not in CATEGORIES:
        raise refused("invalidCategoryId")
    for name in ("defaultLanguage", "defaultAudioLanguage"):
        if snippet.get(name) and not _LANGUAGE.fullmatch(snippet[name]):
            raise refused("invalidVideoMetadata")


def _check_status(status: Mapping[str, Any]) -> None:
    if status.get("publishAt") is None:
        return
    if status.get("privacyStatus") != "private" or parse_time(status["publishAt"]) is None:
        raise refused("invalidPublishAt")


def _check_recording(details: Mapping[str, Any]) -> None:
    if details.get("recordingDate") is not None and parse_time(details["recordingDate"]) is None:
        raise refused("invalidRecordingDetails")


def _check_localizations(localizations: Mapping[str, Any], default: str | None) -> None:
    if localizations and not default:
        raise refused("defaultLanguageNotSet")
    for language, texts in localizations.items():
        if not _LANGUAGE.fullmatch(language) or not (texts.get("title") or "").strip():
            raise refused("invalidVideoMetadata")


def _has_angle(text: str) -> bool:
    return "<" in text or ">" in text


def written(metadata: Mapping[str, Any], parts: Iterable[str]) -> dict[str, Any]:
    """What of a sent Video is stored: the named parts that can be written, their writable fields, no nulls.

    A named part that was not sent is empty: what it held is gone.
    """
    return {
        part: {
            name: value
            for name, value in (metadata.get(part) or {}).items()
            if value is not None and name in WRITABLE.get(part, (name,))
        }
        for part in parts
        if part in WRITABLE or part == "localizations"
    }
