"""`?fields=` and the pages of /me/videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from medusa.sandbox.vimeo_rules import Invalid, Refused, invalid
from medusa.sandbox.vimeo_video import Video

SORTS = (
    "alphabetical",
    "comments",
    "date",
    "default",
    "duration",
    "last_user_action_event_date",
    "likes",
    "modified_time",
    "plays",
)
FILTERS = ("app_only", "embeddable", "featured", "playable")
PAGE_LIMIT = 100


def trim(whole: Mapping[str, object], fields: str | None) -> dict[str, object]:
    """Only the fields asked for: comma-separated, dots go into objects. What does not exist is left out."""
    if not fields:
        return dict(whole)
    kept: dict[str, object] = {}
    wanted: dict[str, list[str]] = {}
    for path in fields.split(","):
        head, _, rest = path.strip().partition(".")
        wanted.setdefault(head, []).append(rest)
    for name, rests in wanted.items():
        value = whole.get(name)
        if name in whole:
            deeper = isinstance(value, Mapping) and "" not in rests
            kept[name] = trim(value, ",".join(rests)) if deeper and isinstance(value, Mapping) else value
    return kept


def choose(videos: Sequence[Video], query: Mapping[str, str], playable: Sequence[Video]) -> list[Video]:
    """The videos that `filter` and `query` leave, in the order of `sort` and `direction`. Raises Refused."""
    filtered, sort = query.get("filter"), query.get("sort", "default")
    direction = query.get("direction", "asc" if sort == "alphabetical" else "desc")
    _check(("filter", filtered, (*FILTERS, None)), ("sort", sort, SORTS), ("direction", direction, ("asc", "desc")))
    match filtered:
        case "app_only":
            videos = [video for video in videos if video.by_app]
        case "featured":
            videos = []
        case "playable":
            videos = playable
    text = query.get("query", "").lower()
    found = [video for video in videos if text in video.name.lower()]
    if sort == "alphabetical":
        return sorted(found, key=lambda video: video.name, reverse=direction == "desc")
    if sort in ("modified_time", "last_user_action_event_date"):
        return sorted(found, key=lambda video: (video.modified_at, video.id), reverse=direction == "desc")
    return sorted(found, key=lambda video: (video.created_at, video.id), reverse=direction == "desc")


def page(path: str, query: Mapping[str, str], total: int) -> tuple[slice, dict[str, object]]:
    """Which items the asked page holds, and the envelope around them without its `data`. Raises Refused."""
    number, size = _number(query, "page", 1), min(PAGE_LIMIT, _number(query, "per_page", 25))
    last = max(1, -(-total // size))
    if number > last:
        raise Refused(404, 5000, "The requested page could not be found")
    links = {"next": number + 1 if number < last else 0, "previous": number - 1, "first": 1, "last": last}
    return slice((number - 1) * size, number * size), {
        "total": total,
        "page": number,
        "per_page": size,
        "paging": {name: f"{path}?{urlencode({**query, 'page': to})}" if to else None for name, to in links.items()},
    }


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text)):
        raise invalid(Invalid(name, 2204, f"{name} must be a number from 1 on"))
    return int(text)


def _check(*choices: tuple[str, object, Sequence[object]]) -> None:
    problems = [
        Invalid(name, 2204, f"{name} cannot be {value}") for name, value, known in choices if value not in known
    ]
    if problems:
        raise invalid(*problems)
