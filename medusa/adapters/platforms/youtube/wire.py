"""YouTube's requests and resources, without any I/O.

Requests are built, and their parameters checked, by google-api-python-client from the discovery document that it
ships; they are sent by our own sender, and media by our own protocol code (resumable.py), since the client's media
upload can neither be resumed in another process nor retried (facts: googleapiclient behaviour).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from medusa.adapters.http import Request
from medusa.domain.values import Json

WATCH = "https://youtube.com/watch?v="
_SNIPPET: Final[Mapping[str, str]] = {
    "title": "title",
    "description": "description",
    "tags": "tags",
    "category": "categoryId",
    "language": "defaultLanguage",
    "audio_language": "defaultAudioLanguage",
}
_STATUS: Final[Mapping[str, str]] = {
    "privacy": "privacyStatus",
    "publish_at": "publishAt",
    "license": "license",
    "embeddable": "embeddable",
    "public_stats": "publicStatsViewable",
    "made_for_kids": "selfDeclaredMadeForKids",
    "synthetic_media": "containsSyntheticMedia",
}
"""Our keys and YouTube's names for them, by part (facts: videos.insert)."""


# ---------------------------------------------------------------- requests


def call(root: str, method: str, *, upload: str = "", **parameters: Any) -> Request:
    """A request of an API method such as "videos.list", with its parameters by their names and its JSON as `body`.

    `upload`, the protocol's name, sends it to the method's upload address (facts: resumable protocol, RU). Raises
    TypeError for a parameter that the method does not have or needs.
    """
    collection, _, name = method.partition(".")
    built = getattr(_collection(collection), name)(**parameters)
    address = urlsplit(built.uri)
    path, query = (f"/upload{address.path}", f"&uploadType={upload}") if upload else (address.path, "")
    kept = {"Accept": "accept", "Content-Type": "content-type"}
    headers = {header: built.headers[ours] for header, ours in kept.items() if ours in built.headers}
    body = built.body.encode() if built.body else None
    return Request(built.method, f"{root.rstrip('/')}{path}?{address.query}{query}", headers, body)


@cache
def _collection(name: str) -> Any:
    return getattr(_service(), name)()


@cache
def _service() -> Any:
    """The client's model of the API; making it takes 0.2 s. The http that it is given is never used."""
    from googleapiclient import discovery, discovery_cache

    document = json.loads(discovery_cache.get_static_doc("youtube", "v3"))
    document.pop("mtlsRootUrl", None)
    return discovery.build_from_document(document, http=object())


def my_channel(root: str) -> Request:
    """Who is logged in, what the channel may do, and the playlist of all its uploads: 1 unit."""
    return call(root, "channels.list", mine=True, part="id,snippet,status,contentDetails")


def video_insert(root: str, fields: Json) -> Request:
    """The beginning of an upload. `part` names what is written and what comes back."""
    body = video_resource(fields)
    notify = fields.get("notify_subscribers")
    return call(root, "videos.insert", upload="resumable", part=",".join(body), body=body, notifySubscribers=notify)


def video_status(root: str, video: str) -> Request:
    """How far YouTube's work on a video is: 1 unit."""
    return call(root, "videos.list", id=video, part="status,processingDetails")


def newest_uploads(root: str, playlist: str) -> Request:
    """The newest 50 of a channel's uploads: 1 unit."""
    return call(root, "playlistItems.list", playlistId=playlist, part="snippet,contentDetails", maxResults=50)


def video_details(root: str, videos: list[str]) -> Request:
    """What up to 50 videos are, as their owner sees them: 1 unit."""
    return call(root, "videos.list", id=",".join(videos), part="snippet,status,fileDetails")


def thumbnail_set(root: str, video: str) -> Request:
    """Without its body, which is the image."""
    return call(root, "thumbnails.set", upload="media", videoId=video)


def caption_insert(root: str, video: str, fields: Json, mime: str, content: bytes) -> Request:
    """A caption track and its file, in one request."""
    snippet = {"videoId": video, "language": fields["language"], "name": fields["name"]}
    plain = call(root, "captions.insert", upload="multipart", part="snippet", body={"snippet": snippet})
    assert isinstance(plain.body, bytes)
    return _related(plain, plain.body, mime, content)


def playlist_insert(root: str, video: str, playlist: str) -> Request:
    """Put a video at a playlist's end."""
    resource = {"kind": "youtube#video", "videoId": video}
    snippet = {"playlistId": playlist, "resourceId": resource}
    return call(root, "playlistItems.insert", part="snippet", body={"snippet": snippet})


def playlist_find(root: str, video: str, playlist: str) -> Request:
    """Whether a video is in a playlist."""
    return call(root, "playlistItems.list", part="snippet", playlistId=playlist, videoId=video)


def _related(request: Request, document: bytes, mime: str, content: bytes) -> Request:
    """The request with a multipart/related body: a JSON document, then a file."""
    boundary = _boundary(content)
    head = f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode()
    middle = f"\r\n--{boundary}\r\nContent-Type: {mime}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode()
    headers = {**request.headers, "Content-Type": f'multipart/related; boundary="{boundary}"'}
    body = b"".join((head, document, middle, content, f"\r\n--{boundary}--\r\n".encode()))
    return Request(request.method, request.url, headers, body)


def _boundary(content: bytes) -> str:
    """One that the content does not hold."""
    number = 0
    while (boundary := f"medusa-{number:08x}").encode() in content:
        number += 1
    return boundary


def video_resource(fields: Json) -> dict[str, Any]:
    """The Video to be written, part by part; snippet and status are always there."""
    found: dict[str, Any] = {
        "snippet": {name: fields[ours] for ours, name in _SNIPPET.items() if ours in fields},
        "status": {name: fields[ours] for ours, name in _STATUS.items() if ours in fields},
    }
    if "recording_date" in fields:
        found["recordingDetails"] = {"recordingDate": fields["recording_date"]}
    if fields.get("localizations"):
        found["localizations"] = {language: dict(texts) for language, texts in fields["localizations"].items()}
    return found


# ---------------------------------------------------------------- resources


@dataclass(frozen=True, slots=True)
class Processing:
    """How far YouTube's work on a video is."""

    status: str
    """uploaded, processed, failed, rejected or deleted; "" when the video is not shown."""
    reason: str = ""
    """Of failed and rejected, in YouTube's word."""
    percent: int | None = None


def items(document: Json) -> list[Json] | None:
    """The items of a list reply, which leaves the key out when there are none; None when it is no list reply."""
    if not str(document.get("kind")).endswith("ListResponse"):
        return None
    found = document.get("items", [])
    return found if isinstance(found, list) and all(isinstance(item, dict) for item in found) else None


def value_at(resource: Json, *path: str) -> Any:
    """What is at this path of a resource, or None."""
    value: Any = resource
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def processing(videos: list[Json]) -> Processing:
    """Read the items of `video_status`."""
    if not videos:
        return Processing("")
    status = value_at(videos[0], "status", "uploadStatus")
    reason = value_at(videos[0], "status", "failureReason") or value_at(videos[0], "status", "rejectionReason")
    progress = value_at(videos[0], "processingDetails", "processingProgress") or {}
    return Processing(str(status or ""), str(reason or ""), _percent(progress))


def _percent(progress: Json) -> int | None:
    """Both numbers come as strings (facts: discovery document)."""
    try:
        return min(100, 100 * int(progress["partsProcessed"]) // int(progress["partsTotal"]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
