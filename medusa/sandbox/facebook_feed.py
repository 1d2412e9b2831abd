"""Posts and photos: made, listed (facts: Meta, 2.1, 2.2, 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from medusa.sandbox.exchange import Received, Reply, World
from medusa.sandbox.facebook_access import Access
from medusa.sandbox.facebook_graph import Fields, GraphError, Params, check_fields, invalid, select
from medusa.sandbox.facebook_params import ALWAYS, FEED, PHOTOS, POST_FIELDS
from medusa.sandbox.facebook_view import WallView
from medusa.sandbox.facebook_wall import Photo, Post, Wall
from medusa.sandbox.picture import sniff

MESSAGE_LIMIT = 63_206
PHOTO_LIMIT = 4 * 1024 * 1024
PHOTO_TYPES = ("image/jpeg", "image/png")
Content = tuple[str, str, tuple[str, ...]]
"""Message, link and photos of a post."""

PAGE_SIZE, PAGE_LIMIT = 25, 100
DAY = 86_400.0
LISTING = ALWAYS | {"limit", "after", "before", "include_hidden", "show_expired", "with"}
"""Facts: neither list documents since and until, so they are refused here."""

OPTIONS: Mapping[str, object] = {
    "facebook_scrape": "ok",  # or "fail": links and pictures cannot be fetched
    "facebook_link_errors": "subcode",  # or "code": where 1609005 and 1609008 stand (facts: clients look for both)
    "facebook_schedule_days": 30,  # the guide's window; the reference says 75
}
DEFAULT_FIELDS: Fields = {"created_time": None, "message": None, "id": None}


class Feed:
    """The edges feed, photos, published_posts and scheduled_posts of the Page."""

    def __init__(self, world: World, access: Access, wall: Wall) -> None:
        self._world = world
        self._access = access
        self._wall = wall
        self._last: tuple[str, Content] = ("", ("", "", ()))

    async def create(self, received: Received, params: Params) -> Reply:
        """POST /{page}/feed."""
        self._access.may_post(params, FEED)
        message, link = params.text("message"), params.text("link")
        photos = [self._attached(item) for item in params.objects("attached_media")]
        if not (message or link or photos):
            raise GraphError(100, "(#100) One of the parameters message, link and attached_media is required")
        self._check_text(message, link)
        due, scheduled = self.schedule(params, self._world.options.integer("facebook_schedule_days"))
        fields = params.fields()
        check_fields(fields or {}, "PagePost", POST_FIELDS)
        content = (message, link, tuple(photo.id for photo in photos))
        self._check_repetition(content)
        post = self._wall.add_post(message, link, due, scheduled)
        self._last = (post.id, content)
        for photo in photos:
            photo.post_id = post.id
            post.photos.append(photo)
        if fields is None:
            return Reply(body={"id": post.id})
        return Reply(body=select(WallView(self._world, received.origin).post(post), fields, "PagePost", POST_FIELDS))

    async def photo(self, received: Received, params: Params) -> Reply:
        """POST /{page}/photos: `source` in a multipart body, or `url`."""
        self._access.may_post(params, PHOTOS)
        content = await self._source(received)
        due, scheduled = self.schedule(params, self._world.options.integer("facebook_schedule_days"))
        caption = params.text("message") or params.text("caption")
        about = {"caption": caption, "alt_text": params.text("alt_text_custom")}
        temporary = params.flag("temporary", default=False)
        photo = self._new_photo(content, params, {**about, "temporary": temporary})
        if due is None:
            return Reply(body={"id": photo.id})
        post = self._wall.add_post(caption, "", due, scheduled)
        post.photos.append(photo)
        photo.post_id = post.id
        return Reply(body={"id": photo.id, "post_id": post.id} if scheduled is None else {"id": photo.id})

    async def published(self, received: Received, params: Params) -> Reply:
        """GET /{page}/published_posts, newest first."""
        return self._listed(received, params, self._wall.published)

    async def scheduled(self, received: Received, params: Params) -> Reply:
        """GET /{page}/scheduled_posts."""
        return self._listed(received, params, self._wall.scheduled)

    def schedule(self, params: Params, days: int) -> tuple[float | None, float | None]:
        """When it is seen and what it is scheduled for: (now, None), (None, None) or (then, then)."""
        now, at = self._world.clock.now(), params.time("scheduled_publish_time")
        published = params.flag("published", default=True)
        if at is None:
            return (now if published else None), None
        if published:
            raise invalid("scheduled_publish_time", "cannot be given for a published post; set published=false")
        if not now + 600 <= at <= now + days * DAY:
            raise invalid("scheduled_publish_time", f"must be between 10 minutes and {days} days from now")
        return at, at

    def fetchable(self) -> bool:
        """Whether Meta can fetch what a URL names, by the option."""
        return self._world.options.text("facebook_scrape") != "fail"

    def _listed(self, received: Received, params: Params, posts: Callable[[], list[Post]]) -> Reply:
        self._access.need("pages_read_engagement")
        self._access.check_parameters(params, LISTING)
        limit = min(PAGE_LIMIT, params.integer("limit") if "limit" in params else PAGE_SIZE)
        found, fields = posts(), params.fields() or DEFAULT_FIELDS
        start = _after(found, params.text("after"))
        page = found[start : start + limit]
        nodes = [
            select(WallView(self._world, received.origin).post(post), fields, "PagePost", POST_FIELDS) for post in page
        ]
        paging = _paging(received, page, more=start + limit < len(found))
        return Reply(body={"data": nodes, **({"paging": paging} if page else {})})

    def _check_text(self, message: str, link: str) -> None:
        if len(message) > MESSAGE_LIMIT:
            raise invalid("message", f"is longer than {MESSAGE_LIMIT} characters")
        if not link:
            return
        parts = urlsplit(link)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            raise GraphError(1500, "(#1500) The url you supplied is invalid")
        if host == "facebook.com" or host.endswith(".facebook.com"):
            raise self._link_error(1609008, "You can't share Facebook.com links this way")
        if not self.fetchable():
            raise self._link_error(1609005, "There was a problem scraping data from the provided link")

    def _link_error(self, number: int, says: str) -> GraphError:
        if self._world.options.text("facebook_link_errors") == "code":
            return GraphError(number, f"(#{number}) {says}")
        return GraphError(100, says, subcode=number, title="Link cannot be shared")

    def _check_repetition(self, content: Content) -> None:
        """Facts: 506 for the same content as the post before, if that one still stands; no guarantee."""
        before, stands = self._last
        if before in self._wall.posts and content == stands:
            says = "(#506) Duplicate status message"
            raise GraphError(506, says, subcode=1455006, title="Duplicate Status Update")

    def _attached(self, item: Mapping[str, object]) -> Photo:
        """An unpublished photo that no post uses. Facts: images only; 1366051 if it was posted before."""
        photo = self._wall.photos.get(str(item.get("media_fbid", "")))
        if photo is None or self._wall.dropped(photo):
            raise invalid("attached_media", "must name unpublished photos of this Page by media_fbid")
        if photo.post_id:
            says = "(#100) These photos were already posted."
            raise GraphError(100, says, subcode=1366051, title="Already Posted")
        return photo

    async def _source(self, received: Received) -> bytes | None:
        content: bytes | None = None
        async for part in received.parts():
            if part.name == "source":
                content = await part.read()
        return content

    def _new_photo(self, content: bytes | None, params: Params, about: Mapping[str, object]) -> Photo:
        if content is None:
            url = params.needed("url")
            if urlsplit(url).scheme not in ("http", "https") or not self.fetchable():
                raise GraphError(324, "(#324) Missing or invalid image file", title="Photo cannot be fetched")
            return self._wall.add_photo(url=url, **about)
        kind = sniff(content)
        if kind not in PHOTO_TYPES or len(content) > PHOTO_LIMIT:
            says = "Your photos couldn't be uploaded. Photos should be less than 4 MB and saved as JPG or PNG files."
            raise GraphError(100, says, subcode=1366046, title="Can't Read Files")
        sink = self._world.sink("facebook-photo", picture=True)
        sink.store(content)
        return self._wall.add_photo(sink=sink, content_type=kind, **about)


def _after(posts: Sequence[Post], cursor: str) -> int:
    """Where the page behind a cursor begins. Raises GraphError."""
    if not cursor:
        return 0
    for number, post in enumerate(posts):
        if post.id == cursor:
            return number + 1
    raise invalid("after", "is no cursor of this list")


def _paging(received: Received, page: Sequence[Post], *, more: bool) -> dict[str, object]:
    if not page:
        return {}
    cursors = {"before": page[0].id, "after": page[-1].id}
    query = {name: text for name, text in received.query.items() if name != "access_token"}
    after = urlencode({**query, "after": cursors["after"]})
    return {"cursors": cursors, **({"next": f"{received.origin}{received.path}?{after}"} if more else {})}
