"""Vimeo's API as Requests and Replies; no I/O (facts: Vimeo; official description: API 3.4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from medusa.adapters.http import Reply, Request
from medusa.adapters.platforms.vimeo.auth import bearer
from medusa.adapters.platforms.vimeo.rules import NAME_LIMIT
from medusa.domain.values import Json

ACCEPT: Final = "application/vnd.vimeo.*+json;version=3.4"
FIELDS: Final = "uri,name,link,status,privacy.view,upload,transcode.status"
"""What is asked of a video: a trimmed reply also earns a higher rate limit (facts: Vimeo, Base)."""
PAGE: Final = 100
"""Items of a listing: the most that one page has."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Builds the API's requests for one token. `uri`s are those that the API gives: "/videos/901"."""

    api: str
    token: str = field(repr=False)

    def verify(self) -> Request:
        """Whether the token is good, and what for."""
        return self._request("GET", "/oauth/verify?fields=scope,user.uri,user.name")

    def me(self) -> Request:
        """The account and what it may still upload."""
        return self._request("GET", "/me?fields=uri,name,upload_quota")

    def create(self, name: str, size: int, details: Json) -> Request:
        """A new video of `size` bytes, to be sent by tus."""
        body = {**details, "name": name, "upload": {"approach": "tus", "size": size}}
        return self._request("POST", f"/me/videos?fields={FIELDS}", body)

    def recent(self) -> Request:
        """The latest videos that this app uploaded, newest first."""
        query = f"sort=date&direction=desc&filter=app_only&per_page={PAGE}&fields={FIELDS}"
        return self._request("GET", f"/me/videos?{query}")

    def video(self, uri: str) -> Request:
        """One video."""
        return self._request("GET", f"{uri}?fields={FIELDS}")

    def rename(self, uri: str, name: str) -> Request:
        """Give a video another title."""
        return self._request("PATCH", f"{uri}?fields={FIELDS}", {"name": name})

    def delete(self, uri: str) -> Request:
        """Take a video away."""
        return self._request("DELETE", uri)

    def tag(self, uri: str, tags: Iterable[str]) -> Request:
        """Add tags to a video; those that it has stay."""
        return self._request("PUT", f"{uri}/tags", [{"name": tag} for tag in tags])

    def attach(self, uri: str, what: str, about: Json) -> Request:
        """A new, empty item of "pictures" or "texttracks"; or a picture of a frame, complete at once."""
        return self._request("POST", f"{uri}/{what}?fields=uri,link,active", about)

    def activate(self, uri: str) -> Request:
        """Switch a picture or a text track on."""
        return self._request("PATCH", f"{uri}?fields=uri,active", {"active": True})

    def _request(self, method: str, path: str, body: object = None) -> Request:
        headers = {"Accept": ACCEPT, **bearer(self.token)}
        if body is None:
            return Request(method, self.api.rstrip("/") + path, headers)
        headers["Content-Type"] = "application/json"
        return Request(method, self.api.rstrip("/") + path, headers, json.dumps(body).encode())


@dataclass(frozen=True, slots=True)
class Video:
    """A video as the API shows it. Texts are empty where the reply says nothing."""

    uri: str
    name: str
    link: str
    view: str
    """`privacy.view`."""
    upload: str
    """in_progress, complete or error."""
    transcode: str
    """in_progress, complete or error."""
    status: str
    """The old single word, which alone tells an exhausted quota."""
    size: int
    """Bytes as announced; 0 when the reply does not say."""
    upload_link: str = field(repr=False)
    """Where its bytes go; only while they are awaited."""

    @property
    def id(self) -> str:
        """The number in its uri, which for an unlisted video may be followed by ":" and a hash."""
        return self.uri.removeprefix("/videos/").partition(":")[0]

    @property
    def complete(self) -> bool:
        """All its bytes are there."""
        return self.upload == "complete"


def video(document: object) -> Video | None:
    """A video out of a reply, or None when it is none."""
    shown = _object(document)
    uri = _text(shown, "uri")
    if not uri.startswith("/videos/"):
        return None
    upload = _object(shown.get("upload"))
    return Video(
        uri,
        _text(shown, "name"),
        _text(shown, "link"),
        _text(_object(shown.get("privacy")), "view"),
        _text(upload, "status"),
        _text(_object(shown.get("transcode")), "status"),
        _text(shown, "status"),
        _whole(upload.get("size")),
        _url(upload, "upload_link"),
    )


def videos(document: object) -> list[Video] | None:
    """The videos of a listing, or None when it is none."""
    items = _object(document).get("data")
    if not isinstance(items, list):
        return None
    return [found for item in items if (found := video(item))]


@dataclass(frozen=True, slots=True)
class Attached:
    """A picture or a text track that was just made."""

    uri: str
    link: str = field(repr=False)
    """Where its bytes go; empty when the reply does not say."""


def attached(document: object) -> Attached | None:
    """The new item out of a reply, or None when it is none."""
    shown = _object(document)
    uri = _text(shown, "uri")
    return Attached(uri, _url(shown, "link")) if uri.startswith("/") else None


def free_space(me: Json) -> tuple[int | None, int | None, object]:
    """`upload_quota.space` of a /me reply: (bytes left, bytes in all, when it resets); None where there is no cap."""
    quota = _object(me.get("upload_quota"))
    space = _object(quota.get("space"))
    resets = _object(quota.get("periodic")).get("reset_date") if space.get("showing") == "periodic" else None
    return _count(space.get("free")), _count(space.get("max")), resets


def put_bytes(link: str, mime: str, body: Any) -> Request:
    """A picture's or a text track's bytes, to the link that came with it. The link itself is the key."""
    return Request("PUT", link, {"Content-Type": mime}, body, secrets=(link,))


def budget(reply: Reply) -> float | None:
    """What the rate headers say is left, as a share in [0, 1]; None without them."""
    left, limit = (reply.headers.get(f"x-ratelimit-{name}", "") for name in ("remaining", "limit"))
    if not (left.isascii() and left.isdigit() and limit.isascii() and limit.isdigit()) or int(limit) == 0:
        return None
    return min(1.0, int(left) / int(limit))


def marker(key: str) -> str:
    """What the name of a video carries until it is complete, and finds it again: made from its step's key."""
    return f"medusa-{sha256(key.encode()).hexdigest()[:16]}"


def working_name(title: str, mark: str) -> str:
    """The title with the marker. Never shorter than the title: a limit on names shows before any byte is sent."""
    tail = f" ({mark})"
    return title[: NAME_LIMIT - len(tail)] + tail


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(shown: Mapping[str, Any], key: str) -> str:
    value = shown.get(key)
    return value if isinstance(value, str) else ""


def _url(shown: Mapping[str, Any], key: str) -> str:
    """An address that bytes can be sent to, or nothing."""
    value = _text(shown, key)
    return value if value.startswith(("https://", "http://")) else ""


def _whole(value: object) -> int:
    """A number, or text of digits: `size` may be either (facts: Vimeo, Create)."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
