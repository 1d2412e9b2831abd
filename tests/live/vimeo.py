"""What the Vimeo adapter is built on."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from tests.live.visit import Answer, Visit

FACTS: Mapping[str, str] = {
    "vimeo.verify": "GET /oauth/verify answers 200 and names the token's scopes, of which an upload needs four",
    "vimeo.bad_token": "a bad token is answered with 401 and JSON with the text `error`",
    "vimeo.quota": "GET /me has upload_quota.space.free and .max, numbers or null",
    "vimeo.rate": "replies carry X-RateLimit-Limit, -Remaining and -Reset, the latter an epoch or ISO 8601",
    "vimeo.refusal": "a wrong privacy.view is refused with 400, error_code and invalid_parameters[].field",
    "vimeo.create": "POST /me/videos answers 2xx with uri /videos/N, link, and upload.upload_link",
    "vimeo.fields": "?fields= trims a reply to what it names",
    "vimeo.tus_open": "HEAD on the upload link, without a token: 200, Upload-Offset 0, Upload-Length as announced",
    "vimeo.tus_version": "a request to the upload link without Tus-Resumable is refused with 412",
    "vimeo.tus_patch": "PATCH answers 204 with the new Upload-Offset",
    "vimeo.tus_resume": "HEAD tells the offset from which to go on",
    "vimeo.tus_conflict": "PATCH at another offset is refused with 409",
    "vimeo.tus_end": "the last PATCH answers with an Upload-Offset equal to the size",
    "vimeo.listed": "GET /me/videos, newest first, app_only, shows the new video with its name and upload.size",
    "vimeo.complete": "once all bytes are there, upload.status becomes complete",
    "vimeo.rename": "PATCH of the name answers 200 with the new name, and leaves the privacy alone",
    "vimeo.link": "link is https://vimeo.com/ and the video's number",
    "vimeo.tags": "PUT of a list of {name} to tags answers 2xx, and twice the same is no error",
    "vimeo.picture": "a thumbnail: POST gives uri and link, PUT of the bytes 2xx, PATCH active 2xx",
    "vimeo.texttrack": "a text track: POST gives uri and link, PUT of the bytes 2xx, PATCH active 2xx",
    "vimeo.transcode": "transcode.status is in_progress, complete or error",
    "vimeo.deleted": "DELETE answers 204, and the video is 404 afterwards",
}
SCOPES = {"public", "private", "edit", "upload"}
TUS = {"Tus-Resumable": "1.0.0"}
SHOWN = "uri,name,link,privacy.view,upload,transcode.status"
NAME = "Medusa live check"


def run(visit: Visit, block: Mapping[str, Any], clip: bytes) -> None:
    """Look at all facts; the video is deleted in the end."""
    vimeo = _Vimeo(visit, block)
    vimeo.account()
    vimeo.refusals()
    uri, upload_link = vimeo.create(len(clip))
    with visit.cleanup(partial(vimeo.delete, uri)):
        vimeo.send_bytes(upload_link, clip)
        vimeo.read_back(uri, len(clip))
        vimeo.add_to(uri)


class _Vimeo:
    def __init__(self, visit: Visit, block: Mapping[str, Any]) -> None:
        self._visit = visit
        self._api = block.get("endpoints", {}).get("api", "https://api.vimeo.com")
        self._token = block["access_token"]
        visit.secret(self._token)

    def call(self, method: str, path: str, token: str = "", **body: Any) -> Answer:
        headers = {
            "Authorization": f"bearer {token or self._token}",
            "Accept": "application/vnd.vimeo.*+json;version=3.4",
        }
        return self._visit.send(method, f"{self._api}{path}", headers, **body)

    def account(self) -> None:
        visit, verified = self._visit, self.call("GET", "/oauth/verify")
        visit.need("vimeo.verify", set(str(verified.at("scope")).split()) >= SCOPES, verified)
        visit.fact("vimeo.rate", _has_rate(verified), {name: verified.headers.get(name) for name in _RATE})
        me = self.call("GET", "/me", params={"fields": "uri,upload_quota"})
        space = me.at("upload_quota", "space")
        known = isinstance(space, dict) and all(_is_count(space.get(name, "missing")) for name in ("free", "max"))
        visit.fact("vimeo.quota", known, me)
        visit.fact("vimeo.fields", isinstance(me.at(), dict) and set(me.at()) == {"uri", "upload_quota"}, me)

    def refusals(self) -> None:
        refused = self.call("GET", "/me", token="0" * 32)
        self._visit.fact("vimeo.bad_token", refused.status == 401 and isinstance(refused.at("error"), str), refused)
        body = {"upload": {"approach": "tus", "size": 1000}, "privacy": {"view": "medusa"}, "name": NAME}
        refused = self.call("POST", "/me/videos", json=body)
        fields = [one.get("field") for one in refused.at("invalid_parameters") or []]
        told = refused.status == 400 and refused.at("error_code") and "privacy.view" in fields
        self._visit.fact("vimeo.refusal", told, refused)
        if refused.ok and refused.at("uri"):
            self.call("DELETE", str(refused.at("uri")))

    def create(self, size: int) -> tuple[str, str]:
        body = {"upload": {"approach": "tus", "size": size}, "privacy": {"view": "nobody"}, "name": NAME}
        made = self.call("POST", "/me/videos", params={"fields": SHOWN}, json=body)
        uri, link, upload_link = made.at("uri"), made.at("link"), made.at("upload", "upload_link")
        self._visit.secret(upload_link)
        whole = made.ok and str(uri).startswith("/videos/") and link and str(upload_link).startswith("http")
        if not whole and uri:
            self.call("DELETE", str(uri))
        self._visit.need("vimeo.create", whole, made)
        return str(uri), str(upload_link)

    def send_bytes(self, link: str, clip: bytes) -> None:
        visit, size, half = self._visit, len(clip), len(clip) // 2
        opened = visit.send("HEAD", link, TUS)
        lengths = (opened.headers.get("upload-offset"), opened.headers.get("upload-length"))
        visit.fact("vimeo.tus_open", opened.status == 200 and lengths == ("0", str(size)), (opened.status, lengths))
        unversioned = visit.send("HEAD", link)
        visit.fact("vimeo.tus_version", unversioned.status == 412, unversioned)
        first = self._patch(link, 0, clip[:half])
        visit.need("vimeo.tus_patch", first.status == 204 and _offset(first) == half, (first, _offset(first)))
        asked = visit.send("HEAD", link, TUS)
        visit.fact("vimeo.tus_resume", asked.ok and _offset(asked) == half, (asked, _offset(asked)))
        conflict = self._patch(link, 0, clip[:half])
        visit.fact("vimeo.tus_conflict", conflict.status == 409, conflict)
        last = self._patch(link, half, clip[half:])
        visit.need("vimeo.tus_end", last.ok and _offset(last) == size, (last, _offset(last)))

    def read_back(self, uri: str, size: int) -> None:
        visit, look = self._visit, partial(self.call, "GET", uri, params={"fields": SHOWN})
        listed = visit.later(self._newest, lambda page: _one_of(page, uri), tries=5)
        found = _one_of(listed, uri) or {}
        shown = found.get("name") == NAME and str(found.get("upload", {}).get("size")) == str(size)
        visit.fact("vimeo.listed", shown, found or listed)
        video = visit.later(look, lambda answer: answer.at("upload", "status") == "complete")
        visit.fact("vimeo.complete", video.at("upload", "status") == "complete", video)
        states = ("in_progress", "complete", "error")
        visit.fact("vimeo.transcode", video.at("transcode", "status") in states, video)
        renamed = self.call("PATCH", uri, params={"fields": SHOWN}, json={"name": f"{NAME}, renamed"})
        kept = (renamed.at("name"), renamed.at("privacy", "view")) == (f"{NAME}, renamed", "nobody")
        visit.fact("vimeo.rename", renamed.status == 200 and kept, renamed)
        number = uri.removeprefix("/videos/").partition(":")[0]
        link = str(look().at("link"))
        visit.fact("vimeo.link", link.startswith(f"https://vimeo.com/{number}"), link)

    def add_to(self, uri: str) -> None:
        for _ in range(2):
            tagged = self.call("PUT", f"{uri}/tags", json=[{"name": "medusa"}])
            self._visit.fact("vimeo.tags", tagged.ok, tagged)
        self._attach("vimeo.picture", f"{uri}/pictures", {}, "image/png", _png(640, 360))
        about = {"type": "subtitles", "language": "en", "name": "Medusa"}
        text = b"WEBVTT\n\n00:00.000 --> 00:01.000\nMedusa\n"
        self._attach("vimeo.texttrack", f"{uri}/texttracks", about, "text/vtt", text)

    def delete(self, uri: str) -> None:
        deleted = self.call("DELETE", uri)
        gone = self._visit.later(partial(self.call, "GET", uri), lambda answer: answer.status == 404, tries=5)
        self._visit.fact("vimeo.deleted", deleted.status == 204 and gone.status == 404, (deleted, gone))

    def _newest(self) -> Answer:
        query = {"sort": "date", "direction": "desc", "filter": "app_only", "per_page": "100", "fields": SHOWN}
        return self.call("GET", "/me/videos", params=query)

    def _attach(self, fact: str, edge: str, about: Mapping[str, Any], mime: str, content: bytes) -> None:
        made = self.call("POST", edge, json=about)
        uri, link = made.at("uri"), made.at("link")
        self._visit.secret(link)
        if not (made.ok and uri and link):
            self._visit.fact(fact, holds=False, saw=made)
            return
        put = self._visit.send("PUT", link, {"Content-Type": mime}, data=content)
        self._visit.fact(fact, put.ok, put)
        switched = self.call("PATCH", uri, json={"active": True})
        self._visit.fact(fact, switched.ok, switched)

    def _patch(self, link: str, offset: int, content: bytes) -> Answer:
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self._visit.send("PATCH", link, headers, data=content)


_RATE = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


def _has_rate(answer: Answer) -> bool:
    limit, left, reset = (answer.headers.get(name, "") for name in _RATE)
    return limit.isdigit() and left.isdigit() and (reset.isdigit() or _is_time(reset))


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _offset(answer: Answer) -> int | None:
    text = answer.headers.get("upload-offset", "")
    return int(text) if text.isdigit() else None


def _one_of(page: Answer, uri: str) -> dict[str, Any] | None:
    return next((one for one in page.at("data") or [] if one.get("uri") == uri), None)


def _png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\0" + b"\x20\x60\xa0" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
