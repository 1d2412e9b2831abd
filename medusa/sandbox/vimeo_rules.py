"""What Vimeo refuses in a request, and how it says so (facts: Vimeo, Metadata and Errors; spec: API 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

VIEWS = ("anybody", "contacts", "disable", "nobody", "password", "unlisted", "users")
PAID_VIEWS = {"disable": 2411, "unlisted": 3427}
"""Free accounts cannot set these. Which code each gives is unverified (facts name 2409-2412, 3200 and 3427)."""

LICENSES = ("by", "by-nc", "by-nc-nd", "by-nc-sa", "by-nd", "by-sa", "cc0")
TRACK_TYPES = ("captions", "chapters", "descriptions", "metadata", "subtitles")
TAGS_LIMIT = 20

_CHOICES: dict[str, tuple[tuple[object, ...], int]] = {
    "privacy.view": (VIEWS, 2221),
    "privacy.embed": (("private", "public", "whitelist"), 2239),
    "privacy.comments": (("anybody", "contacts", "nobody"), 2240),
    "privacy.download": ((True, False), 2238),
    "privacy.add": ((True, False), 2237),
    "license": ((*LICENSES, None), 2234),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "content_rating": (list,),
    "embed": (dict,),
    "locale": (str,),
    "password": (str,),
    "privacy": (dict,),
    "review_page": (dict,),
    "spatial": (dict,),
}
_TEXTS = {"name": 2252, "description": 2249}
EDITABLE = frozenset(_TYPES) | frozenset(_TEXTS) | {"license"}
CREATABLE = EDITABLE | {"upload", "chunk_size"}
"""`chunk_size` is no field of Vimeo's, but its official Python client sends its own option along, and is served."""

_DEVELOPER = "The parameters passed to this API endpoint did not pass Vimeo's validation."


@dataclass(frozen=True, slots=True)
class Invalid:
    """One entry of `invalid_parameters`."""

    field: str
    code: int
    says: str

    def shown(self) -> dict[str, object]:
        """As JSON."""
        return {
            "field": self.field,
            "error_code": self.code,
            "error": self.says,
            "developer_message": self.says,
        }


class Refused(Exception):
    """Raised by a handler that refuses; the platform makes the reply of it."""

    def __init__(self, status: int, code: int, says: str, developer: str = "", *invalid: Invalid) -> None:
        super().__init__(says)
        self.status = status
        self._body: dict[str, object] = {
            "error": says,
            "link": None,
            "developer_message": developer or says,
            "error_code": code,
        }
        if invalid:
            self._body["invalid_parameters"] = [item.shown() for item in invalid]

    def body(self) -> dict[str, object]:
        """The error envelope."""
        return dict(self._body)


def invalid(*problems: Invalid, status: int = 400) -> Refused:
    """2204, the root code of all invalid parameters."""
    says = "Something strange occurred. Please get in touch with the app's creator."
    return Refused(status, 2204, says, _DEVELOPER, *problems)


@dataclass(frozen=True, slots=True)
class Limits:
    """What depends on the account and on unverified facts."""

    paid: bool
    name: int  # characters; 0: no limit
    description: int
    refuse_unknown: bool


def check_details(body: Mapping[str, object], known: frozenset[str], limits: Limits, password: str) -> None:
    """Raise Refused, with every invalid field, unless `body` may be applied. `password`: the one set before."""
    problems = _unknown(body, known) if limits.refuse_unknown else []
    problems += _wrong_types(body)
    problems += _texts(body, limits)
    flat = {**body, **{f"privacy.{name}": value for name, value in _object(body, "privacy").items()}}
    for name, (choices, code) in _CHOICES.items():
        if name in flat and not any(flat[name] is choice or flat[name] == choice for choice in choices):
            problems.append(Invalid(name, code, f"{name} cannot be {flat[name]!r}"))
    view = _object(body, "privacy").get("view")
    if view == "password" and not (body.get("password") or password):
        problems.append(Invalid("password", 2233, "A password is needed for this privacy setting"))
    if problems:
        raise invalid(*problems)
    if isinstance(view, str) and view in PAID_VIEWS and not limits.paid:
        raise Refused(403, PAID_VIEWS[view], f"Your plan does not allow the privacy setting {view!r}")


def _unknown(body: Mapping[str, object], known: frozenset[str]) -> list[Invalid]:
    strange = [name for name in body if name not in known]
    privacy = {f"privacy.{name}" for name in _object(body, "privacy")}
    strange += sorted(privacy - _CHOICES.keys())
    return [Invalid(name, 2204, f"Unknown field {name}") for name in strange]


def _wrong_types(body: Mapping[str, object]) -> list[Invalid]:
    return [
        Invalid(name, 2204, f"{name} has the wrong type")
        for name, types in _TYPES.items()
        if name in body and not isinstance(body[name], types)
    ]


def _texts(body: Mapping[str, object], limits: Limits) -> list[Invalid]:
    problems = []
    longest = {"name": (limits.name, 2250), "description": (limits.description, 2251)}
    for name, wrong_type in _TEXTS.items():
        text, (most, too_long) = body.get(name), longest[name]
        if text is not None and not isinstance(text, str):
            problems.append(Invalid(name, wrong_type, f"{name} must be text"))
        elif text is not None and 0 < most < len(text):
            problems.append(Invalid(name, too_long, f"{name} may have {most} characters at most"))
    return problems


def check_upload(body: Mapping[str, object]) -> tuple[str, int, str]:
    """The approach, size and link of a new upload. Raises Refused."""
    if "type" in body:
        raise Refused(400, 3116, "Use upload.approach instead of type, from API version 3.4 on")
    upload = _object(body, "upload")
    match upload.get("approach"):
        case "tus":
            return "tus", _size(upload.get("size")), ""
        case "pull":
            return "pull", 0, _public_link(upload.get("link"))
        case _:  # "post" and "streaming" exist, but are not imitated here
            raise Refused(400, 2230, "Bad upload type", _DEVELOPER)


def _size(size: object) -> int:
    """Facts: a number or a string of digits."""
    if isinstance(size, str) and size.isascii() and size.isdigit():
        size = int(size)
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        raise invalid(Invalid("upload.size", 2254, "upload.size must be the size of the file in bytes"))
    return size


def _public_link(link: object) -> str:
    if not isinstance(link, str) or urlsplit(link).scheme not in ("http", "https"):
        raise invalid(Invalid("upload.link", 2204, "upload.link must be a public URL"))
    return link


def check_track(body: Mapping[str, object]) -> None:
    """Spec: type, language and name are required; refused with 403 and 2204."""
    problems = [
        Invalid(name, 2204, f"{name} is required")
        for name in ("type", "language", "name")
        if not isinstance(body.get(name), str) or not body[name]
    ]
    if not problems and body["type"] not in TRACK_TYPES:
        problems.append(Invalid("type", 2204, f"type must be one of {', '.join(TRACK_TYPES)}"))
    if problems:
        raise invalid(*problems, status=403)


def check_tags(body: object, present: list[str]) -> list[str]:
    """The tags that a video has after `body` was added to it. Raises Refused: 400 no list, 403 more than 20."""
    names = [item.get("name") for item in body if isinstance(item, dict)] if isinstance(body, list) else []
    wanted = [name for name in names if isinstance(name, str) and name]
    if not isinstance(body, list) or not body or len(wanted) != len(body):
        raise Refused(400, 2205, "The body must be a JSON list of tags")
    tags = list(dict.fromkeys([*present, *wanted]))
    if len(tags) > TAGS_LIMIT:
        raise Refused(403, 3200, f"A video can have {TAGS_LIMIT} tags at most")
    return tags


def as_flag(value: object) -> bool:
    """A boolean as JSON has it, or as the text that Vimeo's Python client sends. Raises Refused."""
    if value in (True, "true") or value in (False, "false"):
        return value in (True, "true")
    raise invalid(Invalid("active", 2204, "active must be true or false"))


def _object(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}
