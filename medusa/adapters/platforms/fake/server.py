"""The fake platform itself: takes the requests of any number of adapters, remembers, and fails when it is told to."""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.fake.messages import Asked, answered, begins_at, content_of, read, refused, standing
from medusa.adapters.platforms.fake.script import Held, Script
from medusa.adapters.platforms.fake.things import FakePost, FakeSession, FakeVideo
from medusa.adapters.platforms.fake.wire import BASE
from medusa.domain.failures import Failure, PlatformError, Stopped
from medusa.domain.ports import Call

KEY_LIVES_S = 3600.0
"""Seconds for which a post with a known key is answered with the post that is there."""


class FakePlatform(Http):
    """Stands where an adapter expects the Http that sends its requests. Its state outlives adapters; any thread.

    What exists: `videos`, `posts`, and `existing()` as text. What was asked: `exchanges`, operations in order.
    The operations are account, token, session.create, session.bytes, session.status, session.drop, video.get,
    videos.find, thumbnail.put, post.create, posts.list.
    """

    def __init__(self, token: str = "fake-token") -> None:  # noqa: S107 - opens nothing but this object
        self.granule = 1
        """Bytes of an interrupted request are kept in whole multiples of this."""
        self.processing_polls = 0
        """How often a new video says "processing" before it is ready."""
        self.processing_fails = ""
        """If set, videos are rejected after their processing, for this reason."""
        self.read_lag_s = 0.0
        """Seconds for which a new post is not in the list of posts."""
        self.shows_later = False
        """Posts are accepted (202) without an id."""
        self.exchanges: list[str] = []
        self.videos: list[FakeVideo] = []
        self.posts: list[FakePost] = []
        self._token = token
        self._sessions: dict[str, FakeSession] = {}
        self._scripts: list[Script] = []
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    # ------------------------------------------------------------ what tests say

    def fail(
        self, operation: str, what: Failure | BaseException, *, after: bool = False, times: int = 1, skip: int = 0
    ) -> None:
        """Let exchanges of `operation` ("*": of any) end in `what`: a Failure, or any exception.

        after: what was asked takes effect first, and only the reply is lost. times: so often. skip: not at once, but
        after so many exchanges of the operation have passed.
        """
        error = PlatformError(what) if isinstance(what, Failure) else what
        with self._lock:
            self._scripts.append(Script(operation, after, times, skip, error=error))

    def hold(self, operation: str, *, after: bool = False, skip: int = 0) -> Held:
        """Let one exchange of `operation` wait, before or after its effect, until it is released or cancelled."""
        held = Held()
        with self._lock:
            self._scripts.append(Script(operation, after, 1, skip, held=held))
        return held

    def revoke(self) -> None:
        """Refuse the token that is in use; it can be renewed."""
        with self._lock:
            self._token = f"fake-token-{next(self._ids)}"

    def forget_sessions(self) -> None:
        """All uploads that are on their way are gone; what is complete stays."""
        with self._lock:
            self._sessions.clear()

    def reset(self) -> None:
        """As new: nothing exists, nothing is scripted. The token stays."""
        with self._lock:
            for kept in (self.exchanges, self.videos, self.posts, self._scripts):
                kept.clear()
            self._sessions.clear()

    def existing(self) -> list[str]:
        """What exists, one line each, without ids."""
        with self._lock:
            pictures = [f"thumbnail {one.title} {one.thumbnail[:8]}" for one in self.videos if one.thumbnail]
            return [*map(str, self.videos), *pictures, *map(str, self.posts)]

    # ------------------------------------------------------------ what adapters call

    def exchange(self, call: Call, request: Request) -> Reply:
        """Answer one request, as scripted or truly."""
        cancelled = threading.Event()
        call.on_cancel(cancelled.set)
        call.check_in_time()
        parts = urlsplit(request.url)
        operation, serve, words = _route(f"{request.method} {parts.path}{'?' if parts.query else ''}")
        script = self._scripted(operation)
        if cancelled.is_set():
            raise Stopped
        if script and not script.after:
            script.act(call)
        content = self._arriving(request, *words) if operation == "session.bytes" else content_of(request)
        with self._lock:
            allowed = operation == "token" or request.headers.get("Authorization") == f"Bearer {self._token}"
            asked = Asked(request, content, words, call.now())
            reply = serve(self, asked) if allowed else refused(401, "the token is not valid")
        if script and script.after:
            script.act(call)
        return reply

    def close(self) -> None:
        """Nothing to close."""

    def _scripted(self, operation: str) -> Script | None:
        with self._lock:
            self.exchanges.append(operation)
            return next((one for one in self._scripts if one.strikes(operation)), None)

    def _arriving(self, request: Request, session_id: str) -> bytes:
        """The body; if it breaks off, whole granules of what came are kept."""
        content = bytearray()
        try:
            read(request, content)
        except BaseException:
            with self._lock:
                session = self._sessions.get(session_id)
                kept = len(content) // self.granule * self.granule
                if session and begins_at(request) == len(session.received):
                    session.received += content[:kept]
            raise
        return bytes(content)

    # ------------------------------------------------------------ operations

    def _account(self, _asked: Asked) -> Reply:
        return answered({"id": "account-1"})

    def _renew(self, _asked: Asked) -> Reply:
        return answered({"token": self._token})

    def _create(self, asked: Asked) -> Reply:
        session_id = f"session-{next(self._ids)}-{secrets.token_hex(8)}"
        self._sessions[session_id] = FakeSession(asked.json())
        return answered({"session": f"{BASE}/uploads/{session_id}"}, 201)

    def _take(self, asked: Asked) -> Reply:
        session = self._sessions.get(asked.words[0])
        if session is None:
            return refused(404, "no such session")
        if session.video is None and begins_at(asked.request) == len(session.received):
            session.received += asked.content
            self._complete(session)
        return standing(session)

    def _complete(self, session: FakeSession) -> None:
        size = session.wanted["size"]
        if len(session.received) < size:
            return
        wanted, digest = session.wanted, hashlib.sha256(session.received).hexdigest()
        video_id = f"video-{next(self._ids)}"
        session.video = FakeVideo(
            video_id, wanted["key"], wanted["title"], wanted["privacy"], size, digest, self.processing_polls
        )
        self.videos.append(session.video)

    def _status(self, asked: Asked) -> Reply:
        session = self._sessions.get(asked.words[0])
        return standing(session) if session else refused(404, "no such session")

    def _drop(self, asked: Asked) -> Reply:
        self._sessions.pop(asked.words[0], None)
        return Reply(204, {}, b"")

    def _video(self, asked: Asked) -> Reply:
        video = next((one for one in self.videos if one.id == asked.words[0]), None)
        if video is None:
            return refused(404, "no such video")
        if video.polls > 0:
            video.polls -= 1
            return answered({"id": video.id, "state": "processing", "percent": 100 // (video.polls + 2)})
        if self.processing_fails:
            return answered({"id": video.id, "state": "failed", "reason": self.processing_fails})
        return answered({"id": video.id, "state": "ready"})

    def _video_with(self, asked: Asked) -> Reply:
        video = next((one for one in self.videos if one.key == asked.query("key")), None)
        return answered({"id": video.id, "url": video.url}) if video else refused(404, "no such video")

    def _picture(self, asked: Asked) -> Reply:
        video = next((one for one in self.videos if one.id == asked.words[0]), None)
        if video is None:
            return refused(404, "no such video")
        video.thumbnail = hashlib.sha256(asked.content).hexdigest()
        return answered({})

    def _post(self, asked: Asked) -> Reply:
        key = asked.request.headers.get("Idempotency-Key")
        post = next((one for one in self.posts if key and one.key == key and asked.at < one.at + KEY_LIVES_S), None)
        if post is None:
            post = FakePost(f"post-{next(self._ids)}", asked.json(), asked.at, key)
            self.posts.append(post)
        return answered({}, 202) if self.shows_later else answered({"id": post.id, "url": post.url}, 201)

    def _listed(self, asked: Asked) -> Reply:
        since = float(asked.query("since"))
        shown = [one for one in self.posts if since <= one.at <= asked.at - self.read_lag_s]
        return answered({"posts": [{"id": one.id, "url": one.url, "fields": dict(one.fields)} for one in shown]})


Serve = Callable[[FakePlatform, Asked], Reply]
_ROUTES: Final[Mapping[str, tuple[str, Serve]]] = {
    r"GET /account": ("account", FakePlatform._account),
    r"POST /token": ("token", FakePlatform._renew),
    r"POST /uploads": ("session.create", FakePlatform._create),
    r"PUT /uploads/([^/]+)": ("session.bytes", FakePlatform._take),
    r"GET /uploads/([^/]+)": ("session.status", FakePlatform._status),
    r"DELETE /uploads/([^/]+)": ("session.drop", FakePlatform._drop),
    r"GET /videos/([^/]+)": ("video.get", FakePlatform._video),
    r"GET /videos\?": ("videos.find", FakePlatform._video_with),
    r"PUT /videos/([^/]+)/thumbnail": ("thumbnail.put", FakePlatform._picture),
    r"POST /posts": ("post.create", FakePlatform._post),
    r"GET /posts\?": ("posts.list", FakePlatform._listed),
}


def _route(line: str) -> tuple[str, Serve, tuple[str, ...]]:
    """The operation for "METHOD /path", with a "?" at its end if there is a query."""
    for pattern, (operation, serve) in _ROUTES.items():
        if match := re.fullmatch(pattern, line):
            return operation, serve, match.groups()
    raise ValueError(f"the fake platform has no {line}")
