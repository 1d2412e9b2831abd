"""Requests to the Graph API, and what its replies about the Page, its posts and photos say. No I/O."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from medusa.adapters.http import Request
from medusa.adapters.platforms.facebook.account import SITE, FacebookAccount
from medusa.adapters.platforms.facebook.auth import signature
from medusa.adapters.platforms.facebook.multipart import Multipart
from medusa.domain.ports import Body
from medusa.domain.values import Json, Receipt, Span

POSTED_FIELDS: Final = "id,permalink_url"
"""What the reply to a new post is to carry: read-after-write (facts: Meta 2.1)."""
LISTED_FIELDS: Final = "id,message,created_time,permalink_url,attachments{unshimmed_url,target{id}}"
LISTED_LIMIT: Final = 100
"""Posts in one list; the Graph API gives no more (facts: Meta 7)."""


class Graph:
    """Builds the requests of one Page."""

    def __init__(self, account: FacebookAccount) -> None:
        self.page = quote(account.page_id, safe="")
        self._base = f"{account.endpoints.graph.rstrip('/')}/{account.api_version}"
        self._rupload = f"{account.endpoints.rupload.rstrip('/')}/video-upload/{account.api_version}"
        self._signed = signature(account)
        self._secrets = (account.access_token, account.app_secret or "", *self._signed.params.values())

    def read(self, path: str, **params: str | int) -> Request:
        """GET a node or an edge: "1029", "1029/published_posts"."""
        query = urlencode({**params, **self._signed.params})
        return Request("GET", f"{self._base}/{path}?{query}", self._signed.headers, secrets=self._secrets)

    def write(self, path: str, params: Mapping[str, str], fields: str = "", fresh: bool = False) -> Request:
        """POST parameters; `fields`: what of the new thing the reply is to carry."""
        headers = {**self._signed.headers, "Content-Type": "application/x-www-form-urlencoded"}
        query = f"?{urlencode({'fields': fields})}" if fields else ""
        body = urlencode({**params, **self._signed.params}).encode()
        return Request("POST", f"{self._base}/{path}{query}", headers, body, fresh, self._secrets)

    def send_part(self, path: str, params: Mapping[str, str], name: str, mime: str, file: Body) -> Request:
        """POST parameters and one file part."""
        body = Multipart({**params, **self._signed.params}, name, mime, file)
        headers = {**self._signed.headers, "Content-Type": body.content_type}
        return Request("POST", f"{self._base}/{path}", headers, body, secrets=self._secrets)

    def send_bytes(self, url: str, span: Span, size: int, file: Body) -> Request:
        """POST a reel's bytes from an offset on to the place that Facebook named (facts: Meta 2.4)."""
        headers = {
            **self._signed.upload_headers,
            "Content-Type": "application/octet-stream",
            "offset": str(span.start),
            "file_size": str(size),
        }
        return Request("POST", url, headers, file, secrets=self._secrets)

    def upload_url(self, named: object, video: str) -> str:
        """The place that Facebook named, or the documented one. The token never leaves TLS because of a reply."""
        if not isinstance(named, str) or not named.startswith(("http://", "https://")):
            return f"{self._rupload}/{video}"
        if self._base.startswith("https://") and not named.startswith("https://"):
            return f"{self._rupload}/{video}"
        return named


def text_of(document: Json, key: str) -> str:
    """A text or an id of a reply; "" when it is missing. Ids are digit strings; now and then one comes as a number."""
    value = document.get(key)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def posted(document: Json, page: str) -> Receipt | None:
    """The proof that a post exists, of the reply to POST /feed or of a list's item."""
    number = text_of(document, "id")
    if not number:
        return None
    number = full_id(number, page)
    return Receipt(number, permalink(document) or f"{SITE}/{number}")


def full_id(number: str, page: str) -> str:
    """A post's id as all calls take it: a bare one is refused with code 12 (facts: Meta 2.1)."""
    return number if "_" in number else f"{page}_{number}"


def permalink(document: Json) -> str:
    """`permalink_url`, which of a video is a path only; "" when it is missing."""
    url = text_of(document, "permalink_url")
    return SITE + url if url.startswith("/") else url


# ---------------------------------------------------------------- lists of posts


@dataclass(frozen=True, slots=True)
class Listed:
    """A post as a list shows it."""

    receipt: Receipt
    message: str
    created_at: float
    """Epoch seconds."""
    links: frozenset[str]
    targets: frozenset[str]
    """Ids of what is attached: photos."""

    def is_of(self, params: Json) -> bool:
        """Whether this is the post that was sent with these parameters of POST /feed."""
        photos = {item["media_fbid"] for item in json.loads(params.get("attached_media", "[]"))}
        if photos & self.targets:
            return True
        if message := params.get("message"):
            return same_text(self.message, message)
        return not photos and params["link"].rstrip("/") in self.links


def listed(document: Json, page: str) -> list[Listed] | None:
    """The posts of one page of a list; None when the reply is none."""
    items = document.get("data")
    if not isinstance(items, list):
        return None
    return [post for item in items if isinstance(item, Mapping) and (post := _listed(item, page))]


def same_text(one: str, other: str) -> bool:
    """Equal but for what a platform may normalise: line ends, outer blanks, composed letters."""
    return _normal(one) == _normal(other)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()


def _listed(item: Json, page: str) -> Listed | None:
    receipt, created_at = posted(item, page), _moment(item.get("created_time"))
    if receipt is None or created_at is None:
        return None
    attached = list(_attached(item))
    links = frozenset(text_of(one, "unshimmed_url").rstrip("/") for one in attached)
    targets = frozenset(text_of(one["target"], "id") for one in attached if isinstance(one.get("target"), Mapping))
    return Listed(receipt, text_of(item, "message"), created_at, links, targets)


def _attached(item: Json) -> Iterator[Mapping[str, Any]]:
    attachments = item.get("attachments")
    found = attachments.get("data") if isinstance(attachments, Mapping) else None
    for one in found if isinstance(found, list) else ():
        if isinstance(one, Mapping):
            yield one


def _moment(value: object) -> float | None:
    """Epoch seconds of 2026-11-23T20:00:00+0000."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None
