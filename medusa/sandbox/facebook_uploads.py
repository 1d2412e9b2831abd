"""Videos of the Page, by phases or at once (facts: Meta, 2.3 (a) and (b))."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from medusa.sandbox.exchange import Received, Reply, World
from medusa.sandbox.facebook_access import Access
from medusa.sandbox.facebook_feed import Feed
from medusa.sandbox.facebook_graph import GraphError, Params, invalid
from medusa.sandbox.facebook_params import VIDEOS
from medusa.sandbox.facebook_video import Video
from medusa.sandbox.facebook_wall import Wall
from medusa.sandbox.inflow import TooLong

SMALLEST = 1024
TITLE_LIMIT = 254
GROWTH = (1, 2, 4, 8)
"""The server's windows grow from chunk to chunk (our choice: facts only say that the server chooses them)."""

OPTIONS: Mapping[str, object] = {
    "facebook_window": 1_048_576,  # bytes of the first window
    "facebook_error_data": "dict",  # or "string": error_data of 1363037 as JSON text, its offsets as text too
    "facebook_video_limit": 10_737_418_240,  # bytes (unverified; an old text says 2 GB)
}


@dataclass(slots=True)
class Session:
    """A phased upload. It ends with finish or cancel."""

    id: str
    video: Video
    chunks: int = 0


class Uploads:
    """The edge videos of the Page."""

    def __init__(self, world: World, access: Access, wall: Wall, feed: Feed) -> None:
        self._world = world
        self._access = access
        self._wall = wall
        self._feed = feed
        self._sessions: dict[str, Session] = {}

    def forget(self) -> None:
        """No session yet."""
        self._sessions.clear()

    async def start(self, received: Received, params: Params) -> Reply:  # noqa: ARG002  # all actions are called alike
        """upload_phase=start: a video id and the first window, before any byte."""
        self._access.may_post(params, VIDEOS)
        size = params.integer("file_size")
        self._check_size(size)
        session = Session(secrets.token_hex(8), self._wall.add_video(reel=False, size=size))
        self._world.secrets.add(session.id)
        self._sessions[session.id] = session
        ids = {"video_id": session.video.id, "upload_session_id": session.id}
        return Reply(body={**ids, **self._window(session)})

    async def transfer(self, received: Received, params: Params) -> Reply:
        """upload_phase=transfer: the bytes of the window that the server named last."""
        self._access.may_post(params, VIDEOS)
        session = self._session(received, params)
        inflow = session.video.inflow
        if params.integer("start_offset") != inflow.settle():
            raise self._misplaced(session)
        start, end = (int(offset) for offset in self._window(session).values())
        before = session.chunks
        async for part in received.parts():
            if part.name == "video_file_chunk":
                try:
                    await inflow.take(received, end - start, part.blocks())
                except TooLong:
                    raise self._misplaced(session) from None
                session.chunks += 1
        if session.chunks == before:
            raise GraphError(100, "(#100) The parameter video_file_chunk is required")
        return Reply(body=self._window(session))

    async def finish(self, received: Received, params: Params) -> Reply:
        """upload_phase=finish: the visible step."""
        self._access.may_post(params, VIDEOS)
        session = self._session(received, params)
        if not session.video.whole:
            raise self._misplaced(session)
        self._publish(session.video, params)
        del self._sessions[session.id]
        return Reply(body={"success": True})

    async def cancel(self, received: Received, params: Params) -> Reply:
        """upload_phase=cancel: session and video are gone."""
        self._access.may_post(params, VIDEOS)
        session = self._session(received, params)
        self._wall.remove(session.video)
        del self._sessions[session.id]
        return Reply(body={"success": True})

    async def at_once(self, received: Received, params: Params) -> Reply:
        """No phase: the whole file as `source`, or `file_url`."""
        self._access.may_post(params, VIDEOS)
        video = self._wall.add_video(reel=False)
        try:
            await self._bring(received, params, video)
            self._publish(video, params)
        except BaseException:
            self._wall.remove(video)
            raise
        return Reply(body={"id": video.id})

    def _session(self, received: Received, params: Params) -> Session:
        session = self._sessions.get(params.needed("upload_session_id"))
        if session is not None and received.fault("session_gone"):
            del self._sessions[session.id]
            session = None
        gone = session is None or session.video.id not in self._wall.videos
        if session is None or gone or session.video.phase(self._world.clock.now(), 0) == "expired":
            raise unfinished("The upload session is not known or has expired")
        return session

    def _window(self, session: Session) -> dict[str, str]:
        """The next bytes that the server wants; empty at the end. Offsets are strings."""
        assert session.video.size is not None
        growth = GROWTH[min(session.chunks, len(GROWTH) - 1)]
        end = session.video.stored + growth * self._world.options.integer("facebook_window")
        return {"start_offset": str(session.video.stored), "end_offset": str(min(end, session.video.size))}

    def _misplaced(self, session: Session) -> GraphError:
        """1363037, with the truth in error_data (code 6000 is unverified)."""
        truth: object = {name: int(offset) for name, offset in self._window(session).items()}
        if self._world.options.text("facebook_error_data") == "string":
            truth = json.dumps(self._window(session))
        says = "There was a problem uploading your video. Please try again."
        return GraphError(6000, says, subcode=1363037, is_transient=False, error_data=truth)

    def _check_size(self, size: int) -> None:
        if size < SMALLEST:
            raise GraphError(382, "The video file is too small", subcode=1363022, title="Video Too Small")
        if size > self._world.options.integer("facebook_video_limit"):
            raise GraphError(352, "The video file is too large", subcode=1363023, title="Video Too Large")

    def _publish(self, video: Video, params: Params) -> None:
        due, scheduled = self._feed.schedule(params, self._world.options.integer("facebook_schedule_days"))
        describe(video, params)
        state = "DRAFT" if due is None else "PUBLISHED" if scheduled is None else "SCHEDULED"
        self._wall.finish(video, state, scheduled)

    async def _bring(self, received: Received, params: Params, video: Video) -> None:
        async for part in received.parts():
            if part.name == "source":
                await video.inflow.take(received, self._world.options.integer("facebook_video_limit"), part.blocks())
                video.size = video.stored
                self._check_size(video.stored)
        if video.size is None:
            params.needed("file_url")
            if not self._feed.fetchable():
                raise GraphError(389, "(#389) Unable to fetch video file from URL.")
            video.size = 0


def unfinished(says: str) -> GraphError:
    """What the phases answer to a session that is not theirs any more is unverified."""
    return GraphError(6000, says, subcode=1363019, title="Video Upload Failed")


def describe(video: Video, params: Params) -> None:
    """Title and description, as finish brings them. Raises GraphError."""
    if len(params.text("title")) > TITLE_LIMIT:
        raise invalid("title", "must be shorter than 255 characters")
    video.title, video.description = params.text("title"), params.text("description")
