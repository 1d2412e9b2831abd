"""What belongs to a Vimeo video beside its bytes: thumbnails, text tracks, tags (facts: Vimeo, Thumbnail, Captions)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from medusa.sandbox.exchange import Received, Reply, Route, World
from medusa.sandbox.picture import sniff
from medusa.sandbox.vimeo_library import Library
from medusa.sandbox.vimeo_lists import trim
from medusa.sandbox.vimeo_rules import Invalid, Refused, as_flag, check_tags, check_track, invalid
from medusa.sandbox.vimeo_video import Attachment, View, document, tag_shown

Act = Callable[[Received], Awaitable[Reply]]
BYTES_LIMIT = 10 * 1024 * 1024
_TRACK_FIELDS = ("type", "language", "name")


class Attachments:
    """A picture and a text track go alike: POST makes it, PUT to its link fills it, PATCH switches it on."""

    def __init__(self, world: World, library: Library) -> None:
        self._world = world
        self._library = library

    def routes(self, api: Callable[[Act], Act]) -> list[Route]:
        """`api` guards what belongs to the API itself; the links for bytes are open to whoever knows them."""
        video = r"/videos/{id:\d+}"
        item = r"{item:\d+}"
        return [
            Route("POST", f"{video}/pictures", "pictures.create", api(self._add_picture)),
            Route("PUT", "/pictures/{key}", "pictures.bytes", self._fill),
            Route("PATCH", f"{video}/pictures/{item}", "pictures.edit", api(self._edit_picture)),
            Route("POST", f"{video}/texttracks", "texttracks.create", api(self._add_track)),
            Route("PUT", "/texttracks/{key}", "texttracks.bytes", self._fill),
            Route("PATCH", f"{video}/texttracks/{item}", "texttracks.edit", api(self._edit_track)),
            Route("PUT", f"{video}/tags", "tags.put", api(self._tag)),
        ]

    async def _fill(self, received: Received) -> Reply:
        content = await received.body(BYTES_LIMIT)
        item = self._library.by_attachment_key(received.params["key"])
        if item is None or item.sink.size:
            return Reply(404, "Not found\n")
        if not content:
            return Reply(400, "Nothing was sent\n")
        item.sink.store(content)
        item.content_type = sniff(content) or "application/octet-stream"
        self._world.changed()
        return Reply(200)

    async def _add_picture(self, received: Received) -> Reply:
        video, body = self._library.find(received.params["id"]), await document(received)
        about = {"time": body["time"]} if "time" in body else {}
        picture = self._library.attach(video.pictures, f"{video.id}-picture", about)
        if as_flag(body.get("active", False)) and picture.filled:
            _switch(video.pictures, picture, active=True)
        whole = View(self._world, received.origin).picture(video, picture)
        return Reply(201, trim(whole, received.query.get("fields")))

    async def _edit_picture(self, received: Received) -> Reply:
        video, body = self._library.find(received.params["id"]), await document(received)
        picture = _pick(video.pictures, received)
        _activate(video.pictures, picture, body)
        self._library.touched(video)
        whole = View(self._world, received.origin).picture(video, picture)
        return Reply(body=trim(whole, received.query.get("fields")))

    async def _add_track(self, received: Received) -> Reply:
        video, body = self._library.find(received.params["id"]), await document(received)
        check_track(body)
        about = {name: body[name] for name in _TRACK_FIELDS}
        track = self._library.attach(video.tracks, f"{video.id}-texttrack", about)
        whole = View(self._world, received.origin).track(video, track)
        return Reply(201, trim(whole, received.query.get("fields")))

    async def _edit_track(self, received: Received) -> Reply:
        video, body = self._library.find(received.params["id"]), await document(received)
        track = _pick(video.tracks, received)
        check_track({**track.about, **body})
        track.about |= {name: body[name] for name in _TRACK_FIELDS if name in body}
        _activate([other for other in video.tracks if _same_slot(other, track)], track, body)
        self._library.touched(video)
        whole = View(self._world, received.origin).track(video, track)
        return Reply(body=trim(whole, received.query.get("fields")))

    async def _tag(self, received: Received) -> Reply:
        video = self._library.find(received.params["id"])
        video.tags = check_tags(await received.json(), video.tags)
        self._library.touched(video)
        return Reply(body=[tag_shown(tag) for tag in video.tags])


def _pick(items: list[Attachment], received: Received) -> Attachment:
    for item in items:
        if item.id == received.params["item"]:
            return item
    raise Refused(404, 5000, "The requested resource could not be found")


def _activate(rivals: list[Attachment], one: Attachment, body: dict[str, object]) -> None:
    """Switch it as `body` says. Raises Refused if it has no bytes yet (no source; a picture must be there first)."""
    if "active" not in body:
        return
    active = as_flag(body["active"])
    if active and not one.filled:
        raise invalid(Invalid("active", 2204, "Nothing has been uploaded yet"))
    _switch(rivals, one, active=active)


def _switch(rivals: list[Attachment], one: Attachment, *, active: bool) -> None:
    """Only one of the rivals is active at a time."""
    for other in rivals:
        other.active = other.active and not active
    one.active = active


def _same_slot(one: Attachment, other: Attachment) -> bool:
    """Spec: only one text track per language and type can be active."""
    return (one.about["type"], one.about["language"]) == (other.about["type"], other.about["language"])
