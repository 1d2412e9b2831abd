"""One Facebook Page, imitated (facts: Meta). Its unverified facts are the options of its parts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from medusa.sandbox import (
    facebook_access,
    facebook_feed,
    facebook_reels,
    facebook_uploads,
    facebook_video,
    facebook_wall,
)
from medusa.sandbox.exchange import Operation, Published, Received, Reply, Route, World
from medusa.sandbox.facebook_access import Access, throttled
from medusa.sandbox.facebook_feed import DEFAULT_FIELDS, Feed
from medusa.sandbox.facebook_graph import Fields, GraphError, Params, missing, select
from medusa.sandbox.facebook_params import PAGE_FIELDS, PHOTO_FIELDS, POST_FIELDS, VIDEO_FIELDS
from medusa.sandbox.facebook_reels import Reels, RuploadError
from medusa.sandbox.facebook_uploads import Uploads
from medusa.sandbox.facebook_video import Video
from medusa.sandbox.facebook_view import WallView
from medusa.sandbox.facebook_wall import PAGE, SITE, Photo, Post, Wall

Act = Callable[[Received, Params], Awaitable[Reply]]
GRAPH = r"/{version:v\d+\.\d+}"
RUPLOAD = r"/video-upload/{version:v\d+\.\d+}/{id:\d+}"
THROTTLED_S = 300.0
PHOTO_DEFAULT: Fields = {"created_time": None, "name": None}
VIDEO_DEFAULT: Fields = {"updated_time": None, "description": None}
NODE = r"{id:[A-Za-z0-9_]+}"
_OURS = re.compile(r"/(?:v\d+\.\d+|video-upload|debug_token)(?:/|$)")
_PUBLIC = re.compile(r"https?://(?:www\.)?facebook\.com/(?:(\d+)/posts/(\d+)|(\d+_\d+)|\d+/videos/(\d+)|reel/(\d+))")


class Facebook:
    """One Page with its posts, photos, videos and reels, and an app with a Page token."""

    name = "facebook"
    display_name = "Facebook"
    operations: Sequence[Operation] = (
        "page.get",
        "debug_token",
        "permissions",
        "feed.create",
        "photos.create",
        "video.create",
        "video.start",
        "video.transfer",
        "video.finish",
        "video.cancel",
        "reel.start",
        "reel.bytes",
        "reel.finish",
        "video.get",
        "photo.get",
        "post.get",
        "published_posts",
        "scheduled_posts",
        "video.delete",
        "photo.delete",
        "post.delete",
        "processing",
    )
    options: Mapping[str, object] = {
        **facebook_access.OPTIONS,
        **facebook_feed.OPTIONS,
        **facebook_reels.OPTIONS,
        **facebook_uploads.OPTIONS,
        **facebook_video.OPTIONS,
        **facebook_wall.OPTIONS,
    }

    def __init__(self, world: World) -> None:
        self._world = world
        self._access = Access(world)
        self._wall = Wall(world)
        self._feed = Feed(world, self._access, self._wall)
        self._uploads = Uploads(world, self._access, self._wall, self._feed)
        self._reels = Reels(world, self._access, self._wall, self._feed)

    def routes(self) -> Sequence[Route]:
        """Everything this Graph knows."""
        node = f"{GRAPH}/{NODE}"
        graph = self._graph
        return [
            Route("GET", "/debug_token", "debug_token", self._open(self._debug)),
            Route("GET", f"{GRAPH}/debug_token", "debug_token", self._open(self._debug)),
            Route("GET", f"{GRAPH}/me/permissions", "permissions", graph(self._permissions)),
            Route("POST", f"{node}/feed", "feed.create", self._on_page(self._feed.create)),
            Route("POST", f"{node}/photos", "photos.create", self._on_page(self._feed.photo)),
            Route("POST", f"{node}/videos", _video_phase, self._on_page(self._video)),
            Route("POST", f"{node}/video_reels", _reel_phase, self._on_page(self._reel)),
            Route("POST", RUPLOAD, "reel.bytes", self._reel_bytes),
            Route("GET", f"{node}/published_posts", "published_posts", self._on_page(self._feed.published)),
            Route("GET", f"{node}/scheduled_posts", "scheduled_posts", self._on_page(self._feed.scheduled)),
            Route("GET", node, self._reading, graph(self._get)),
            Route("DELETE", node, self._deleting, graph(self._delete)),
        ]

    def owns(self, path: str) -> bool:
        """Whether `path` is a versioned one, rupload's, or /debug_token."""
        return _OURS.match(path) is not None

    def target(self, origin: str, directory: Path) -> dict[str, object]:  # noqa: ARG002  # no files to write
        """The config block; where bytes of reels go comes in replies."""
        return {"page_id": PAGE["id"], "access_token": self._access.page_token, "endpoints": {"graph": origin}}

    def reset(self) -> None:
        """Take everything down."""
        self._wall.clear()
        self._uploads.forget()
        self._reels.forget()
        self._access.forget()

    def recognise(self, url: str) -> str | None:
        """The post, or the video, behind an address of the site."""
        found = _PUBLIC.match(url)
        if found is None:
            return None
        page, number, whole, video, reel = found.groups()
        return f"{page}_{number}" if number else whole or video or reel

    def state(self) -> dict[str, object]:
        """The Page with all that was put on it."""
        return WallView(self._world).state(self._wall)

    def published(self, origin: str) -> Sequence[Published]:
        """Posts, photos, videos and reels as people see them."""
        return WallView(self._world, origin).on_the_page(self._wall)

    def rate_limited(self, received: Received) -> Reply:
        """80001 with its header, in minutes; without a fault, until the day is over."""
        fault = received.fault("rate_limit")
        wait = fault.retry_after or THROTTLED_S if fault else self._access.day_left()
        reply = throttled().reply()
        return Reply(reply.status, reply.body, self._access.headers(received, wait))

    def unauthorized(self, received: Received) -> Reply:
        """190 with the subcode that says why; rupload has its own envelope."""
        if received.operation == "reel.bytes":
            return RuploadError("NotAuthorizedError", "The access token is not valid", status=401).reply()
        return self._access.ended().reply()

    def unknown_route(self, received: Received) -> Reply:
        """Graph answers 400 to what it has no path for."""
        if received.path.startswith("/video-upload/"):
            return RuploadError("ParameterValidationError", "There is no such upload", status=404).reply()
        return GraphError(2500, f"Unknown path components: {received.path}").reply()

    def malformed(self, received: Received, problem: str) -> Reply:  # noqa: ARG002  # the same for all
        """A body that is not what its Content-Type says."""
        return GraphError(100, f"(#100) Invalid request body: {problem}").reply()

    def error(self, received: Received, status: int) -> Reply:
        """Code 2 from 500 on, which says nothing about whether it was done; code 1 below."""
        says = "An unexpected error has occurred. Please retry your request later."
        if received.operation == "reel.bytes":
            return RuploadError("ProcessingFailedError", says, retriable=True, status=status).reply()
        if status >= 500:
            return GraphError(2, says, status=status, is_transient=True).reply()
        return GraphError(1, "An unknown error occurred", status=status).reply()

    def _open(self, act: Act) -> Callable[[Received], Awaitable[Reply]]:
        """A handler that needs no Page token: version, rate, and errors as Graph words them."""

        async def handle(received: Received) -> Reply:
            params = Params(await received.fields())
            try:
                if not self._access.count():
                    return self.rate_limited(received)
                self._access.check_version(received)
                if received.fault("error_in_200"):
                    return GraphError(1, "An unknown error occurred", status=200).reply()
                reply = await act(received, params)
            except GraphError as refusal:
                reply = refusal.reply()
            return Reply(reply.status, reply.body, {**self._access.headers(received), **reply.headers})

        return handle

    def _graph(self, act: Act) -> Callable[[Received], Awaitable[Reply]]:
        """A handler that needs the Page token."""

        async def with_token(received: Received, params: Params) -> Reply:
            self._access.check_page_token(received, params)
            return await act(received, params)

        return self._open(with_token)

    def _on_page(self, act: Act) -> Callable[[Received], Awaitable[Reply]]:
        """A handler of one of the Page's edges: the token serves this Page only."""

        async def on_this_page(received: Received, params: Params) -> Reply:
            if not self._is_page(received):
                raise missing(received.params["id"], received.method.lower())
            return await act(received, params)

        return self._graph(on_this_page)

    def _is_page(self, received: Received) -> bool:
        """Facts: with a Page token, `me` is the Page."""
        return received.params["id"] in (PAGE["id"], "me")

    async def _debug(self, received: Received, params: Params) -> Reply:
        return Reply(body={"data": self._access.debugged(received, params)})

    async def _permissions(self, received: Received, params: Params) -> Reply:  # noqa: ARG002  # all actions are called alike
        """The edge belongs to users; `me` of a Page token is the Page."""
        raise GraphError(100, "(#100) Tried accessing nonexisting field (permissions) on node type (Page)")

    async def _video(self, received: Received, params: Params) -> Reply:
        actions: dict[str, Act] = {
            "start": self._uploads.start,
            "transfer": self._uploads.transfer,
            "finish": self._uploads.finish,
            "cancel": self._uploads.cancel,
        }
        if "upload_phase" not in params:
            return await self._uploads.at_once(received, params)
        return await actions[params.choice("upload_phase", *actions)](received, params)

    async def _reel(self, received: Received, params: Params) -> Reply:
        if params.choice("upload_phase", "start", "finish") == "start":
            return await self._reels.start(received, params)
        return await self._reels.finish(received, params)

    async def _reel_bytes(self, received: Received) -> Reply:
        try:
            return await self._reels.take_bytes(received)
        except RuploadError as refusal:
            return refusal.reply()

    async def _get(self, received: Received, params: Params) -> Reply:
        fields = params.fields()
        if self._is_page(received):
            return Reply(body=self._page(fields))
        thing, view = self._found(received), WallView(self._world, received.origin)
        if isinstance(thing, Post):
            return Reply(body=select(view.post(thing), fields or DEFAULT_FIELDS, "PagePost", POST_FIELDS))
        if isinstance(thing, Photo):
            return Reply(body=select(view.photo(thing), fields or PHOTO_DEFAULT, "Photo", PHOTO_FIELDS))
        return Reply(body=select(view.video(thing), fields or VIDEO_DEFAULT, "Video", VIDEO_FIELDS))

    async def _delete(self, received: Received, params: Params) -> Reply:  # noqa: ARG002  # all actions are called alike
        self._access.need("pages_manage_posts")
        self._wall.remove(self._found(received))
        return Reply(body={"success": True})

    def _found(self, received: Received) -> Post | Photo | Video:
        number = received.params["id"]
        if f"{PAGE['id']}_{number}" in self._wall.posts:  # facts: bare post ids fail
            raise GraphError(12, "(#12) singular statuses API is deprecated for versions v2.4 and higher")
        thing = self._wall.find(number)
        if thing is None:
            raise missing(number, received.method.lower())
        return thing

    def _page(self, fields: Fields | None) -> dict[str, object]:
        page = {
            **PAGE,
            "link": f"{SITE}/{PAGE['id']}",
            "category": "Software",
            "can_post": True,
            "is_published": True,
            "fan_count": 0,
            "followers_count": 0,
            "has_transitioned_to_new_page_experience": True,
        }
        return select(page, fields or {"name": None, "id": None}, "Page", PAGE_FIELDS)

    async def _reading(self, received: Received) -> Operation:
        return "page.get" if self._is_page(received) else f"{self._kind(received)}.get"

    async def _deleting(self, received: Received) -> Operation:
        return f"{self._kind(received)}.delete"

    def _kind(self, received: Received) -> str:
        number = received.params["id"]
        if number in self._wall.photos:
            return "photo"
        return "post" if "_" in number else "video"


async def _video_phase(received: Received) -> Operation:
    phase = (await _phase(received)) or "create"
    return f"video.{phase}" if phase in ("start", "transfer", "finish", "cancel") else "video.create"


async def _reel_phase(received: Received) -> Operation:
    return "reel.finish" if await _phase(received) == "finish" else "reel.start"


async def _phase(received: Received) -> str:
    """From the query if it is there: then nothing of the body is read before the faults are known."""
    named = received.query if "upload_phase" in received.query else await received.fields()
    return named.get("upload_phase", "").lower()
