"""Vimeo, imitated (facts: Vimeo; official description: API 3.4). Its unverified facts are the options below.

Pictures are put to /pictures/{key}, text tracks to /texttracks/{key}, videos to /files/{key} by tus: on hosts of their
own in reality, which the client learns from the replies.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from medusa.sandbox.exchange import Operation, Published, Received, Reply, Route, World
from medusa.sandbox.vimeo_account import MINUTE, OPTIONS, Account
from medusa.sandbox.vimeo_attachments import Attachments
from medusa.sandbox.vimeo_library import Library
from medusa.sandbox.vimeo_lists import choose, page, trim
from medusa.sandbox.vimeo_rules import Refused
from medusa.sandbox.vimeo_tus import Tus
from medusa.sandbox.vimeo_video import Video, View, document

Act = Callable[[Received], Awaitable[Reply]]
UPLOADING = ("public", "private", "edit", "upload")
"""Facts: uploading needs all four scopes."""

_PATHS = ("/me", "/videos", "/oauth/verify", "/files", "/pictures", "/texttracks")
_CODES = {401: 8000, 404: 5000, 503: 7100, 504: 4000}
_PUBLIC = re.compile(r"https?://(?:www\.)?(?:vimeo\.com|player\.vimeo\.com/video)/(\d+)(?![\w.-])")


class Vimeo:
    """One account with its videos, and an app with one access token."""

    name = "vimeo"
    display_name = "Vimeo"
    operations: Sequence[Operation] = (
        "verify",
        "me",
        "videos.list",
        "videos.create",
        "tus.patch",
        "tus.head",
        "videos.get",
        "videos.edit",
        "videos.delete",
        "pictures.create",
        "pictures.bytes",
        "pictures.edit",
        "texttracks.create",
        "texttracks.bytes",
        "texttracks.edit",
        "tags.put",
        "processing",
    )
    options: Mapping[str, object] = {
        **OPTIONS,
        "vimeo_create_status": 200,  # the description says 201, PyVimeo takes only 200
        "vimeo_upload_link_s": 86_400.0,  # lifetime of an upload link (unverified)
        "vimeo_complete_lag_s": 0.0,  # how long a finished upload still reads as in progress (unverified)
        "vimeo_gone_status": 404,  # what a lost upload answers: 404, 410 or 403
        "vimeo_relink": True,  # a change of privacy changes the link (inference)
        "vimeo_name_limit": 128,  # characters (unverified); 0: none
        "vimeo_description_limit": 5000,
        "vimeo_unknown_fields": "refuse",  # or "ignore" (unverified)
        "vimeo_elsewhere": 0,  # videos of the account that another app uploaded
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._token = world.secret()
        self._account = Account(world)
        self._library = Library(world, self._account)
        self._tus = Tus(world, self._library.by_upload_key, self._library.completed)
        self._attachments = Attachments(world, self._library)

    def routes(self) -> Sequence[Route]:
        """Everything this Vimeo knows."""
        video = r"/videos/{id:\d+}"
        api = self._api
        return [
            Route("GET", "/oauth/verify", "verify", api((), self._verify)),
            Route("GET", "/me", "me", api(("public",), self._me)),
            Route("GET", "/me/videos", "videos.list", api(("private",), self._list)),
            Route("POST", "/me/videos", "videos.create", api(UPLOADING, self._create)),
            *self._tus.routes(),
            Route("GET", video, "videos.get", api(("private",), self._get)),
            Route("PATCH", video, "videos.edit", api(("edit",), self._edit)),
            Route("DELETE", video, "videos.delete", api(("delete",), self._delete)),
            *self._attachments.routes(partial(api, ("edit",))),
        ]

    def owns(self, path: str) -> bool:
        """Whether `path` lies under one of Vimeo's."""
        return any(path == known or path.startswith(f"{known}/") for known in _PATHS)

    def target(self, origin: str, directory: Path) -> dict[str, object]:  # noqa: ARG002  # no files to write
        """The config block."""
        return {"access_token": self._token, "endpoints": {"api": origin}}

    def reset(self) -> None:
        """Forget all videos."""
        self._library.clear()
        self._account.forget()

    def recognise(self, url: str) -> str | None:
        """The number in an address of the site or of the player."""
        found = _PUBLIC.match(url)
        return found[1] if found else None

    def state(self) -> dict[str, object]:
        """All videos with what arrived of them, and the quota."""
        return {
            "videos": [self._library.state(video) for video in self._library.uploaded_here()],
            "upload_quota": self._account.upload_quota(self._library.uploaded_here()),
        }

    def published(self, origin: str) -> Sequence[Published]:
        """All videos of this sandbox, as their owner sees them."""
        return [self._library.published(video, origin) for video in self._library.uploaded_here()]

    def rate_limited(self, received: Received) -> Reply:
        """429, nothing remaining; facts: locked out for a minute at most (the body is unverified)."""
        fault = received.fault("rate_limit")
        wait = None if fault is None else MINUTE if fault.retry_after is None else fault.retry_after
        body = Refused(429, 9000, "Too many API requests. Wait a while, then try again.").body()
        return Reply(429, body, self._headers("error", wait, 100))

    def unauthorized(self, received: Received) -> Reply:
        """401 with 8003 for no token at all, 8000 for one that is not valid."""
        given = "Authorization" in received.headers
        says = "You must provide a valid authenticated access token."
        body = Refused(401, 8000 if given else 8003, says).body()
        return Reply(401, body, {**self._headers("error"), "WWW-Authenticate": 'Bearer error="invalid_token"'})

    def unknown_route(self, received: Received) -> Reply:
        """404; upload links know HEAD and PATCH only (facts: no creation extension)."""
        if received.path.startswith("/files/"):
            return Reply(404, "Not found\n", {"Tus-Resumable": "1.0.0"})
        return Reply(404, Refused(404, 5000, "The requested page could not be found").body(), self._headers("error"))

    def malformed(self, received: Received, problem: str) -> Reply:  # noqa: ARG002  # the same for all
        """400 with 2205: the body is not well formed."""
        body = Refused(400, 2205, "The request body is malformed", problem).body()
        return Reply(400, body, self._headers("error"))

    def error(self, received: Received, status: int) -> Reply:
        """Vimeo's envelope; the upload hosts answer in plain text."""
        if received.operation.startswith("tus."):
            return Reply(status, "Something went wrong\n")
        body = Refused(status, _CODES.get(status, 4003), "Something went wrong. Try again later.").body()
        return Reply(status, body, self._headers("error"))

    def _api(self, scopes: Sequence[str], act: Act) -> Act:
        """A handler of the API itself: rate, token and scopes first, rate headers on every reply."""

        async def handle(received: Received) -> Reply:
            if not self._account.call():
                return self.rate_limited(received)
            if not self._knows_token(received):
                return self.unauthorized(received)
            try:
                self._may(received, scopes)
                reply = await act(received)
            except Refused as refusal:
                return Reply(refusal.status, refusal.body(), self._headers("error"))
            told = received.fault("usage")
            headers = self._headers("video", told.retry_after, told.percent) if told else self._headers("video")
            return Reply(reply.status, reply.body, {**headers, **reply.headers})

        return handle

    def _headers(self, kind: str, resets_in: float | None = None, used: int | None = None) -> dict[str, str]:
        content_type = {"Content-Type": f"application/vnd.vimeo.{kind}+json"}
        return {**content_type, **self._account.rate_headers(resets_in, used)}

    def _knows_token(self, received: Received) -> bool:
        scheme, _, token = received.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and token == self._token

    def _may(self, received: Received, scopes: Sequence[str]) -> None:
        granted = self._world.options.text("vimeo_scopes").split()
        if missing := [scope for scope in scopes if scope not in granted]:
            raise Refused(403, 3200, f'Your access token does not have the "{missing[0]}" scope')
        if received.fault("error_in_200"):
            raise Refused(200, 4003, "Something went wrong. Try again later.")

    async def _verify(self, received: Received) -> Reply:
        app = {"name": "Medusa Sandbox", "uri": "/apps/100"}
        scope = self._world.options.text("vimeo_scopes")
        whole = {"app": app, "scope": scope, "token_type": "bearer", "user": self._account.shown()}
        return Reply(body=trim(whole, received.query.get("fields")))

    async def _me(self, received: Received) -> Reply:
        quota = self._account.upload_quota(self._library.uploaded_here())
        whole = {**self._account.shown(), "upload_quota": quota}
        return Reply(body=trim(whole, received.query.get("fields")))

    async def _list(self, received: Received) -> Reply:
        everything, query = self._library.everything(), dict(received.query)
        found = choose(everything, query, [video for video in everything if self._library.plays(video)])
        part, envelope = page("/me/videos", query, len(found))
        view, fields = View(self._world, received.origin), query.get("fields")
        return Reply(body={**envelope, "data": [trim(view.video(video), fields) for video in found[part]]})

    async def _create(self, received: Received) -> Reply:
        video = self._library.create(await document(received))
        return self._shown(received, video, self._world.options.integer("vimeo_create_status"))

    async def _get(self, received: Received) -> Reply:
        return self._shown(received, self._library.find(received.params["id"]))

    async def _edit(self, received: Received) -> Reply:
        video = self._library.find(received.params["id"])
        self._library.edit(video, await document(received))
        return self._shown(received, video)

    async def _delete(self, received: Received) -> Reply:
        self._library.delete(self._library.find(received.params["id"]))
        return Reply(204)

    def _shown(self, received: Received, video: Video, status: int = 200) -> Reply:
        whole = View(self._world, received.origin).video(video)
        return Reply(status, trim(whole, received.query.get("fields")))
