"""Reels: start, bytes to rupload, finish (facts: Meta, 2.4)."""

from __future__ import annotations

from collections.abc import Mapping

from medusa.sandbox.exchange import Received, Reply, World
from medusa.sandbox.facebook_access import Access
from medusa.sandbox.facebook_feed import DAY, Feed
from medusa.sandbox.facebook_graph import GraphError, Params, invalid, missing
from medusa.sandbox.facebook_params import REELS
from medusa.sandbox.facebook_uploads import SMALLEST, describe, unfinished
from medusa.sandbox.facebook_video import Video
from medusa.sandbox.facebook_wall import Wall
from medusa.sandbox.inflow import TooLong

SCHEDULE_DAYS = 29

OPTIONS: Mapping[str, object] = {
    "facebook_finish_post_id": False,  # whether a reel's finish also gives post_id (facts: sometimes)
    "facebook_file_url_offset": False,  # whether file_url needs offset and file_size too (reports differ)
    "facebook_reels_per_day": 30,
}


class RuploadError(Exception):
    """The other envelope: that of rupload.facebook.com."""

    def __init__(self, kind: str, says: str, *, retriable: bool = False, status: int = 400) -> None:
        super().__init__(says)
        self._debug = {"retriable": retriable, "type": kind, "message": says}
        self._status = status

    def reply(self) -> Reply:
        """As JSON."""
        return Reply(self._status, {"debug_info": dict(self._debug)})


class Reels:
    """The edge video_reels of the Page, and the host for the bytes."""

    def __init__(self, world: World, access: Access, wall: Wall, feed: Feed) -> None:
        self._world = world
        self._access = access
        self._wall = wall
        self._feed = feed
        self._made: list[float] = []

    def forget(self) -> None:
        """No reel yet."""
        self._made.clear()

    async def start(self, received: Received, params: Params) -> Reply:
        """upload_phase=start: where the bytes go."""
        self._access.may_post(params, REELS)
        video = self._wall.add_video(reel=True)
        url = f"{received.origin}/video-upload/{received.params['version']}/{video.id}"
        return Reply(body={"video_id": video.id, "upload_url": url})

    async def take_bytes(self, received: Received) -> Reply:
        """POST to upload_url: raw bytes from `offset` on. Raises RuploadError."""
        video = self._upload(received)
        if "file_url" in received.headers:
            return self._hosted(received, video)
        offset, size = _header(received, "offset"), _header(received, "file_size")
        if video.size not in (None, size) or size < SMALLEST:
            raise RuploadError("ParameterValidationError", "file_size does not fit this upload")
        if offset != video.inflow.settle():
            raise RuploadError("OffsetInvalidError", f"The offset must be {video.stored}")
        video.size = size
        try:
            await video.inflow.take(received, size - offset)
        except TooLong:
            raise RuploadError("ParameterValidationError", "The body is longer than file_size says") from None
        if not video.whole:
            raise RuploadError("PartialRequestError", f"Only {video.stored} bytes have come", retriable=True)
        return Reply(body={"success": True})

    async def finish(self, received: Received, params: Params) -> Reply:  # noqa: ARG002  # all actions are called alike
        """upload_phase=finish: the visible step."""
        self._access.may_post(params, REELS)
        state = params.choice("video_state", "PUBLISHED", "SCHEDULED", "DRAFT")
        video = self._wall.videos.get(params.needed("video_id"))
        if video is None or not video.reel:
            raise missing(params.text("video_id"), "post")
        if video.finished_at is not None or not video.whole:
            raise unfinished("The video is not uploaded, or is finished already")
        scheduled = self._scheduled(params) if state == "SCHEDULED" else None
        describe(video, params)
        self._count(state)
        self._wall.finish(video, state, scheduled)
        more = {"post_id": video.post_id} if self._world.options.flag("facebook_finish_post_id") else {}
        return Reply(body={"success": True, **more})

    def _scheduled(self, params: Params) -> float:
        now, at = self._world.clock.now(), params.time("scheduled_publish_time")
        if at is None or not now + 600 <= at <= now + SCHEDULE_DAYS * DAY:
            says = f"must be between 10 minutes and {SCHEDULE_DAYS} days from now"
            raise invalid("scheduled_publish_time", says)
        return at

    def _count(self, state: str) -> None:
        """Facts: 30 reels a Page in 24 h; which error says so is unverified."""
        now = self._world.clock.now()
        self._made = [at for at in self._made if at > now - DAY]
        if len(self._made) >= self._world.options.integer("facebook_reels_per_day"):
            raise GraphError(368, "(#368) You are posting too fast", subcode=1390008, title="Posting Too Fast")
        if state != "DRAFT":
            self._made.append(now)

    def _upload(self, received: Received) -> Video:
        """The reel that waits for these bytes."""
        scheme, _, token = received.headers.get("Authorization", "").partition(" ")
        if scheme != "OAuth" or not self._access.accepts(token):
            raise RuploadError("NotAuthorizedError", "Authorization: OAuth <token> is required", status=401)
        video = self._wall.videos.get(received.params["id"])
        if video is None or not video.reel:
            raise RuploadError("ParameterValidationError", "There is no such upload", status=404)
        if received.fault("session_gone"):
            video.expires_at = 0.0
        if video.phase(self._world.clock.now(), 0) == "expired" or video.finished_at is not None:
            raise RuploadError("ProcessingFailedError", "The upload session has ended")
        if received.fault("error_in_200"):
            raise RuploadError("ProcessingFailedError", "Something went wrong", status=200)
        return video

    def _hosted(self, received: Received, video: Video) -> Reply:
        """Header file_url: Meta fetches the file itself (the sandbox fetches nothing)."""
        if self._world.options.flag("facebook_file_url_offset"):
            _header(received, "offset")
            _header(received, "file_size")
        if not self._feed.fetchable():
            raise RuploadError("ProcessingFailedError", "The file could not be fetched")
        video.size = 0
        return Reply(body={"success": True})


def _header(received: Received, name: str) -> int:
    text = received.headers.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise RuploadError("ParameterValidationError", f"The header {name} is missing or no number")
    return int(text)
