"""What the YouTube adapter is built on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.live.visit import Answer, Visit, padded

FACTS: Mapping[str, str] = {
    "youtube.token": "POST of the refresh token answers 200 with access_token and expires_in",
    "youtube.bad_token": "a bad token is answered with 401 and error.errors[0].reason",
    "youtube.channel": "channels.list?mine=true names the channel, status.longUploadsStatus and the uploads playlist",
    "youtube.refusal": "a wrong title is refused at the initiation with 400 invalidTitle, before any byte",
    "youtube.begin": "the initiation answers 200 with the session's URL in Location",
    "youtube.empty": "a status query on an empty session answers 308 without Range",
    "youtube.chunk": "a chunk of 256 KiB is answered with 308 and Range bytes=0-262143",
    "youtube.status": "a status query (an empty PUT, bytes */N) answers 308 with the Range that is stored",
    "youtube.end": "the last bytes are answered with 200 or 201 and the video's id",
    "youtube.replayed": "a status query on a finished session answers with the same video's id",
    "youtube.privacy": "the video has the privacyStatus that was asked for",
    "youtube.read": "videos.list gives the video with status.uploadStatus uploaded or processed",
    "youtube.listed": "the uploads playlist shows the video",
    "youtube.deleted": "videos.delete answers 204, and videos.list then has no such item",
}
KNOWN_STATES = ("uploaded", "processed")
CHUNK = 262_144
TITLE = "Medusa live check"


def run(visit: Visit, block: Mapping[str, Any], clip: bytes) -> None:
    """Look at all facts; the video is deleted in the end."""
    youtube = _YouTube(visit, block)
    youtube.log_in()
    playlist = youtube.channel()
    youtube.refusals()
    clip = padded(clip, 2 * CHUNK + 1000)
    session = youtube.begin(len(clip))
    video = youtube.send_bytes(session, clip)
    with visit.cleanup(partial(youtube.delete, video)):
        youtube.read_back(session, len(clip), video, playlist)


class _YouTube:
    def __init__(self, visit: Visit, block: Mapping[str, Any]) -> None:
        self._visit = visit
        hosts = block.get("endpoints", {})
        self._api = hosts.get("api", "https://youtube.googleapis.com").rstrip("/")
        self._token_url = hosts.get("token", "https://oauth2.googleapis.com/token")
        self._credentials = json.loads(Path(block["credentials_file"]).read_text())
        visit.secret(*(self._credentials.get(name) for name in ("token", "refresh_token", "client_secret")))
        self._token = ""

    def log_in(self) -> None:
        names = ("client_id", "client_secret", "refresh_token")
        form = {"grant_type": "refresh_token", **{name: self._credentials[name] for name in names}}
        granted = self._visit.send("POST", self._token_url, data=form)
        token, lives = granted.at("access_token"), granted.at("expires_in")
        self._visit.secret(token)
        self._visit.need("youtube.token", granted.status == 200 and token and isinstance(lives, int), granted)
        self._token = str(token)

    def call(self, method: str, path: str, token: str = "", **body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token or self._token}", **body.pop("headers", {})}
        return self._visit.send(method, f"{self._api}{path}", headers, **body)

    def channel(self) -> str:
        query = {"mine": "true", "part": "id,snippet,status,contentDetails"}
        found = self.call("GET", "/youtube/v3/channels", params=query)
        playlist = found.at("items", 0, "contentDetails", "relatedPlaylists", "uploads")
        known = found.at("items", 0, "id") and found.at("items", 0, "status", "longUploadsStatus") and playlist
        self._visit.fact("youtube.channel", found.status == 200 and known, found)
        return str(playlist)

    def refusals(self) -> None:
        query = {"mine": "true", "part": "id"}
        refused = self.call("GET", "/youtube/v3/channels", token="ya29.medusa", params=query)
        reason = refused.at("error", "errors", 0, "reason")
        self._visit.fact("youtube.bad_token", refused.status == 401 and reason, refused)
        refused = self._initiate("<Medusa>", 1000)
        reason = refused.at("error", "errors", 0, "reason")
        self._visit.fact("youtube.refusal", (refused.status, reason) == (400, "invalidTitle"), refused)

    def begin(self, size: int) -> str:
        begun = self._initiate(TITLE, size)
        session = begun.headers.get("location", "")
        self._visit.secret(session)
        self._visit.need("youtube.begin", begun.status == 200 and session.startswith("http"), begun)
        return session

    def send_bytes(self, session: str, clip: bytes) -> str:
        visit, size = self._visit, len(clip)
        empty = self._status(session, size)
        visit.fact("youtube.empty", empty.status == 308 and "range" not in empty.headers, _stored(empty))
        chunk = self._put(session, clip[:CHUNK], f"bytes 0-{CHUNK - 1}/{size}")
        stored = (308, f"bytes=0-{CHUNK - 1}")
        visit.need("youtube.chunk", _stored(chunk) == stored, _stored(chunk))
        asked = self._status(session, size)
        visit.fact("youtube.status", _stored(asked) == stored, _stored(asked))
        ended = self._put(session, clip[CHUNK:], f"bytes {CHUNK}-{size - 1}/{size}")
        video = ended.at("id")
        visit.need("youtube.end", ended.status in (200, 201) and isinstance(video, str), ended)
        visit.fact("youtube.privacy", ended.at("status", "privacyStatus") == "private", ended)
        return str(video)

    def read_back(self, session: str, size: int, video: str, playlist: str) -> None:
        replayed = self._status(session, size)
        self._visit.fact("youtube.replayed", replayed.ok and replayed.at("id") == video, replayed)
        shown = self._visit.later(partial(self._read, video), lambda answer: answer.at("items", 0))
        states = shown.at("items", 0, "status", "uploadStatus"), shown.at("items", 0, "status", "privacyStatus")
        self._visit.fact("youtube.read", states[0] in KNOWN_STATES, shown)
        self._visit.fact("youtube.privacy", states[1] == "private", shown)
        query = {"part": "contentDetails", "playlistId": playlist, "maxResults": "50"}
        look = partial(self.call, "GET", "/youtube/v3/playlistItems", params=query)
        listed = self._visit.later(look, lambda answer: video in answer.text)
        self._visit.fact("youtube.listed", video in listed.text, listed)

    def delete(self, video: str) -> None:
        deleted = self.call("DELETE", "/youtube/v3/videos", params={"id": video})
        gone = self._visit.later(partial(self._read, video), lambda answer: answer.at("items") == [])
        there = gone.at("items")
        self._visit.fact("youtube.deleted", deleted.status == 204 and there == [], (deleted, gone))

    def _initiate(self, title: str, size: int) -> Answer:
        query = {"uploadType": "resumable", "part": "snippet,status", "notifySubscribers": "false"}
        video = {"snippet": {"title": title}, "status": {"privacyStatus": "private"}}
        headers = {"X-Upload-Content-Length": str(size), "X-Upload-Content-Type": "video/mp4"}
        return self.call("POST", "/upload/youtube/v3/videos", params=query, json=video, headers=headers)

    def _read(self, video: str) -> Answer:
        return self.call("GET", "/youtube/v3/videos", params={"id": video, "part": "status,processingDetails"})

    def _status(self, session: str, size: int) -> Answer:
        return self._put(session, b"", f"bytes */{size}")

    def _put(self, session: str, content: bytes, span: str) -> Answer:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Range": span, "Content-Length": str(len(content))}
        return self._visit.send("PUT", session, headers, data=content)


def _stored(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.headers.get("range")
