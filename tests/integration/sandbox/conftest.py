"""A running sandbox, and small strict clients that share nothing with Medusa's adapters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from medusa.sandbox import Sandbox

QUARTER_MIB = 256 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@dataclass(frozen=True)
class YouTubeClient:
    """Speaks Google's protocol by hand. `credentials` is the authorized-user file's content."""

    sandbox: Sandbox
    http: requests.Session
    credentials: Mapping[str, Any] = field(repr=False)

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['token']}"}

    def call(self, verb: str, path: str, **request: Any) -> requests.Response:
        """One request with the token; `path` as "videos?part=id" or from the root."""
        url = path if path.startswith("http") else f"{self.sandbox.url}/youtube/v3/{path}"
        if path.startswith("/"):
            url = self.sandbox.url + path
        headers = {**self.auth, **request.pop("headers", {})}
        return self.http.request(verb, url, headers=headers, allow_redirects=False, timeout=10, **request)

    def start(
        self, body: object = None, size: int | None = None, part: str = "snippet,status", **request: Any
    ) -> requests.Response:
        """Start a resumable upload of a video."""
        headers = {"X-Upload-Content-Type": "video/mp4", **request.pop("headers", {})}
        if size is not None:
            headers["X-Upload-Content-Length"] = str(size)
        body = {"snippet": {"title": "Film"}, "status": {"privacyStatus": "private"}} if body is None else body
        query = request.pop("query", "")
        path = f"/upload/youtube/v3/videos?uploadType=resumable&part={part}{query}"
        return self.call("POST", path, json=body, headers=headers, **request)

    def session(self, size: int | None = None, **request: Any) -> str:
        """The URL of a new upload session."""
        reply = self.start(size=size, **request)
        assert reply.status_code == 200, reply.text
        return reply.headers["Location"]

    def put(
        self, url: str, content: bytes, span: str | None = None, verb: str = "PUT", **request: Any
    ) -> requests.Response:
        """Send bytes on a session; `span` as "0-99/100"."""
        headers = {"Content-Range": f"bytes {span}"} if span else {}
        return self.call(verb, url, data=content, headers=headers, **request)

    def ask(self, url: str, total: int | str = "*") -> requests.Response:
        """Where the session stands."""
        return self.call("PUT", url, headers={"Content-Range": f"bytes */{total}"}, data=b"")

    def upload(self, content: bytes = b"film", **request: Any) -> dict[str, Any]:
        """A whole upload; the Video resource."""
        reply = self.put(self.session(**request), content)
        assert reply.status_code == 200, reply.text
        made: dict[str, Any] = reply.json()
        return made

    def status(self, video_id: str) -> dict[str, Any]:
        """videos.list of one video, its status and processingDetails."""
        reply = self.call("GET", f"videos?part=status,processingDetails&id={video_id}")
        (item,) = reply.json()["items"]
        return {**item["status"], **item["processingDetails"]}

    def state(self) -> dict[str, Any]:
        """What the sandbox holds of YouTube."""
        state: dict[str, Any] = self.sandbox.state()["youtube"]
        return state


def youtube_client(sandbox: Sandbox, http: requests.Session, directory: Path) -> YouTubeClient:
    """A client with the credentials that the sandbox's config holds."""
    target: Any = sandbox.config(directory)["youtube"]
    file = Path(target["credentials_file"])
    return YouTubeClient(sandbox, http, {**json.loads(file.read_text()), "dir": str(directory)})


@pytest.fixture
def youtube(sandbox: Sandbox, http: requests.Session, tmp_path: Path) -> YouTubeClient:
    return youtube_client(sandbox, http, tmp_path)


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Return as soon as `condition` holds; fail the test if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def reason(reply: requests.Response) -> tuple[int, str]:
    """Status and reason of one of Google's errors."""
    return reply.status_code, reply.json()["error"]["errors"][0]["reason"]


def host_and_port(url: str) -> tuple[str, int]:
    """Where to connect a socket."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port
