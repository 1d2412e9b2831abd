"""YouTube's Data API v3, imitated (facts: google, 1 to 5): uploads, their aftercare, and Google's logins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from medusa.sandbox import (
    google_oauth,
    youtube_channel,
    youtube_lists,
    youtube_quota,
    youtube_upload,
    youtube_videos,
)
from medusa.sandbox.exchange import Published, Received, Reply, Route, World
from medusa.sandbox.google_document import Method, method
from medusa.sandbox.google_errors import (
    GoogleError,
    bad_request,
    insufficient_scope,
    missing_token,
    not_found,
    unauthorized,
)
from medusa.sandbox.google_oauth import GoogleAccounts
from medusa.sandbox.youtube_channel import Channel
from medusa.sandbox.youtube_lists import ListMethods
from medusa.sandbox.youtube_quota import Quota
from medusa.sandbox.youtube_upload import Uploads, no_media
from medusa.sandbox.youtube_videos import VideoMethods

UPLOADED = {
    "videos": ("videos.insert", "video.bytes", "video.status"),
    "thumbnails/set": ("thumbnails.set", "thumbnails.bytes", "thumbnails.status"),
    "captions": ("captions.insert", "captions.bytes", "captions.status"),
}
"""Path under /upload/youtube/v3 -> the method, and what requests on its sessions are called."""
PLAIN = (
    ("GET", "channels", "channels.list"),
    ("GET", "videos", "videos.list"),
    ("PUT", "videos", "videos.update"),
    ("DELETE", "videos", "videos.delete"),
    ("GET", "captions", "captions.list"),
    ("POST", "playlistItems", "playlistItems.insert"),
    ("GET", "playlistItems", "playlistItems.list"),
    ("POST", "playlists", "playlists.insert"),
    ("GET", "playlists", "playlists.list"),
    ("POST", "commentThreads", "commentThreads.insert"),
    ("GET", "commentThreads", "commentThreads.list"),
)
Act = Callable[[Received, Method], Awaitable[Reply]]


class YouTube:
    """One Google account with one channel, behind one project's quota."""

    name = "youtube"
    display_name = "YouTube"
    operations = (
        "token",
        "consent",
        "thumbnails.image",
        "processing",
        *(name for names in UPLOADED.values() for name in names),
        *(name for _, _, name in PLAIN),
    )
    options: ClassVar[Mapping[str, object]] = {
        **google_oauth.OPTIONS,
        **youtube_upload.OPTIONS,
        **youtube_quota.OPTIONS,
        **youtube_channel.OPTIONS,
        **youtube_videos.OPTIONS,
        **youtube_lists.OPTIONS,
        "youtube_rate_limit_status": 403,  # of rateLimitExceeded: 403 or 429
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._accounts = GoogleAccounts(world)
        self._quota = Quota(world)
        self._channel = Channel(world)
        self._videos = VideoMethods(self._channel)
        self._lists = ListMethods(self._channel)
        self._uploads = Uploads(world, self._videos.prepare, self._videos.finish)

    def routes(self) -> Sequence[Route]:
        """Google's logins, the media URLs with and without /upload, and the plain methods."""
        found = [
            Route("POST", "/token", "token", self._accounts.token),
            Route("GET", "/o/oauth2/auth", "consent", self._accounts.consent),
            Route("GET", "/vi/{id}/{file}", "thumbnails.image", self._videos.image),
        ]
        for path, names in UPLOADED.items():
            for verb in ("POST", "PUT", "DELETE"):
                found.append(
                    Route(verb, f"/upload/youtube/v3/{path}", _upload_operation(names), self._upload(names[0]))
                )
            found.append(Route("POST", f"/youtube/v3/{path}", names[0], self._call(names[0], _without_media)))
        for verb, path, name in PLAIN:
            found.append(Route(verb, f"/youtube/v3/{path}", name, self._call(name, self._act(name))))
        return found

    def _act(self, name: str) -> Act:
        videos, lists = self._videos, self._lists
        acts: dict[str, Act] = {
            "channels.list": lists.list_channels,
            "videos.list": videos.list_videos,
            "videos.update": videos.update,
            "videos.delete": videos.delete,
            "captions.list": videos.list_captions,
            "playlistItems.insert": lists.insert_item,
            "playlistItems.list": lists.list_items,
            "playlists.insert": lists.insert_playlist,
            "playlists.list": lists.list_playlists,
            "commentThreads.insert": lists.insert_comment,
            "commentThreads.list": lists.list_comments,
        }
        return acts[name]

    def owns(self, path: str) -> bool:
        """Google's corner of the paths."""
        return path.startswith(("/youtube/", "/upload/youtube/", "/vi/", "/token", "/o/oauth2/"))

    def state(self) -> dict[str, object]:
        """The channel's id, videos, playlists, comments, sessions and quota."""
        return {**self._channel.state(), "sessions": self._uploads.states(), "quota": self._quota.state()}

    def published(self, origin: str) -> Sequence[Published]:
        """The channel's videos."""
        return self._channel.published(origin)

    def recognise(self, url: str) -> str | None:
        """youtu.be/ID, youtube.com/watch?v=ID, /shorts/ID."""
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
        if host == "youtu.be":
            return parts.path.strip("/") or None
        if host != "youtube.com":
            return None
        if parts.path == "/watch":
            return parse_qs(parts.query).get("v", [None])[0]
        return parts.path.removeprefix("/shorts/") if parts.path.startswith("/shorts/") else None

    def rate_limited(self, received: Received) -> Reply:
        """rateLimitExceeded. Google documents no Retry-After; it is sent if the fault names one."""
        fault = received.fault("rate_limit")
        headers = {}
        if fault is not None and fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:g}"
        status = self._world.options.integer("youtube_rate_limit_status")
        message = "The request cannot be completed because too many requests were sent in a short time span."
        return GoogleError(status, "rateLimitExceeded", message, domain="usageLimits", headers=headers).reply()

    def unauthorized(self, received: Received) -> Reply:
        """401 authError; at the token endpoint, invalid_grant."""
        return google_oauth.revoked() if received.operation == "token" else unauthorized().reply()

    def unknown_route(self, _: Received) -> Reply:
        """404 notFound."""
        return not_found().reply()

    def malformed(self, received: Received, problem: str) -> Reply:
        """400 parseError; at the token endpoint, invalid_request."""
        if received.operation == "token":
            return Reply(400, {"error": "invalid_request", "error_description": problem})
        return bad_request(f"Parse Error: {problem}", "parseError").reply()

    def error(self, _: Received, status: int) -> Reply:
        """backendError for 5xx, else a reason after the status."""
        reasons = {401: "authError", 403: "forbidden", 404: "notFound", 429: "rateLimitExceeded"}
        reason = "backendError" if status >= 500 else reasons.get(status, "badRequest")
        message = "Backend Error" if status >= 500 else f"The sandbox was told to answer {status}."
        return GoogleError(status, reason, message, domain="global").reply()

    def target(self, origin: str, directory: Path) -> dict[str, object]:
        """A logged-in YouTube target."""
        endpoints = {"api": origin, "token": f"{origin}/token", "auth": f"{origin}/o/oauth2/auth"}
        return {**self._accounts.target(origin, directory), "endpoints": endpoints}

    def reset(self) -> None:
        """An empty channel with all of its quota."""
        self._channel.reset()
        self._videos.reset()
        self._uploads.reset()
        self._quota.reset()

    def _call(self, name: str, act: Act) -> Callable[[Received], Awaitable[Reply]]:
        """A method as Google's front end guards it: token, scopes, quota, parameters, then the method itself."""

        async def handle(received: Received) -> Reply:
            try:
                self._authorize(received, method(name))
                self._quota.check(name)
                reply = await self._charged(received, name, act)
            except GoogleError as refused:
                return refused.reply()
            return reply

        return handle

    async def _charged(self, received: Received, name: str, act: Act) -> Reply:
        try:
            if received.fault("error_in_200"):
                await received.drain()
                return Reply(200, GoogleError(500, "backendError", "Backend Error", domain="global").reply().body)
            method(name).check_query(received.query.items())
            reply = await act(received, method(name))
        except GoogleError:
            self._quota.spend(name, failed=True)
            raise
        self._quota.spend(name)
        return reply

    def _upload(self, name: str) -> Callable[[Received], Awaitable[Reply]]:
        begin = self._call(name, self._uploads.begin)

        async def handle(received: Received) -> Reply:
            if "upload_id" not in received.query:
                return await begin(received) if received.method == "POST" else not_found().reply()
            try:
                return await self._go_on(received, name)
            except GoogleError as refused:
                return refused.reply()

        return handle

    async def _go_on(self, received: Received, name: str) -> Reply:
        """A request on an upload session; by what is known it costs no quota (facts: google, 2)."""
        if self._world.options.flag("youtube_bytes_need_token"):
            self._authorize(received, method(name))
        if self._world.options.flag("youtube_count_bytes"):
            self._quota.check(name)
            self._quota.spend(name)
        if received.fault("error_in_200"):
            await received.drain()
            return Reply(200, GoogleError(500, "backendError", "Backend Error", domain="global").reply().body)
        return await self._uploads.go_on(received)

    def _authorize(self, received: Received, called: Method) -> None:
        scheme, _, token = received.headers.get("Authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else received.query.get("access_token", "")
        if not token:
            raise missing_token()
        scopes = self._accounts.scopes_of(token)
        if scopes is None:
            raise unauthorized()
        if not scopes & called.scopes:
            raise insufficient_scope()


def _upload_operation(names: tuple[str, str, str]) -> Callable[[Received], Awaitable[str]]:
    """videos.insert without a session; with one, video.status for a status query, else video.bytes."""

    async def operation(received: Received) -> str:
        if "upload_id" not in received.query:
            return names[0]
        asks = received.headers.get("Content-Range", "").startswith("bytes */")
        return names[2] if asks else names[1]

    return operation


async def _without_media(received: Received, _: Method) -> Reply:
    await received.drain()
    raise no_media()
