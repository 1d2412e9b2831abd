"""Videos, their thumbnails and captions: the methods of the imitated API (facts: google, 1 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medusa.sandbox.exchange import Received, Reply
from medusa.sandbox.google_document import Method
from medusa.sandbox.google_errors import GoogleError
from medusa.sandbox.picture import placeholder, sniff
from medusa.sandbox.youtube_channel import Channel, named_parts, some_filter
from medusa.sandbox.youtube_rules import check_metadata, refused, written
from medusa.sandbox.youtube_upload import Upload
from medusa.sandbox.youtube_video import Caption, Processing, Video, etag, listing, new_id, timestamp

DAY_S = 86_400.0
OPTIONS: Mapping[str, object] = {
    "youtube_default_privacy": "public",  # of an upload that does not say, since 2026-11-02
    "youtube_category_required": False,  # (unverified) whether insert refuses a snippet without categoryId
    "youtube_uploads_per_day": 0,  # the channel's own cap over 24 hours (uploadLimitExceeded); 0: none
    "youtube_custom_thumbnails": True,  # whether the channel may set them
    "youtube_thumbnails_per_day": 0,  # uploadRateLimitExceeded beyond; 0: none
}


class VideoMethods:
    """What can be done with videos. Methods raise GoogleError to refuse."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._world = channel.world
        self._thumbnail_times: list[float] = []

    def prepare(self, method: Method, query: Mapping[str, str], metadata: dict[str, Any]) -> None:
        """Refuse an upload by its metadata, before any byte of it (facts: google, 4; unverified that all do)."""
        if not self._world.options.flag("youtube_has_channel"):
            raise GoogleError(401, "youtubeSignupRequired", "Unauthorized", domain="youtube.header")
        match method.name:
            case "videos.insert":
                self._prepare_video(query, metadata)
            case "thumbnails.set":
                self._prepare_thumbnail(query)
            case _:
                self._prepare_caption(query, metadata)

    def finish(self, upload: Upload) -> object:
        """The resource that a complete upload becomes."""
        made = {"videos.insert": self._add_video, "thumbnails.set": self._set_thumbnail}
        resource = made.get(upload.method.name, self._add_caption)(upload)
        self._world.changed()
        return resource

    async def list_videos(self, received: Received, _: Method) -> Reply:
        """videos.list by id; an unknown id is simply not among the items."""
        parts = named_parts(received.query, "Video")
        some_filter(received.query, ("id",))
        wanted = received.query["id"].split(",")
        if len(wanted) > 50:
            raise GoogleError(400, "invalidFilters", "Too many ids.", domain="youtube.parameter")
        found = [self._channel.videos[video_id] for video_id in wanted if video_id in self._channel.videos]
        items = [self._resource(video, parts, received.origin) for video in found]
        return Reply(200, listing("youtube#videoListResponse", items, len(items)))

    async def update(self, received: Received, method: Method) -> Reply:
        """videos.update: each named part is overwritten; a field that is not sent is gone (facts: google, VU)."""
        metadata = method.check_body(await received.json())
        parts = named_parts(received.query, "Video")
        video = self._channel.video(str(metadata.get("id", "")))
        named = {part: metadata.get(part, {}) for part in parts}
        if "snippet" in named and not named["snippet"].get("categoryId"):
            raise refused("invalidCategoryId")
        check_metadata(self._world, named, video.parts.get("snippet", {}).get("defaultLanguage"))
        video.was_public = video.was_public or video.privacy(self._world.clock.now()) == "public"
        if named.get("status", {}).get("publishAt") and video.was_public:
            raise refused("invalidPublishAt")
        self._write(video.parts, metadata, parts)
        self._world.changed()
        return Reply(200, self._resource(video, parts, received.origin))

    async def delete(self, received: Received, _: Method) -> Reply:
        """videos.delete: 204, or 404 videoNotFound."""
        video = self._channel.video(received.query["id"])
        video.sink.discard()
        del self._channel.videos[video.id]
        self._world.changed()
        return Reply(204)

    async def list_captions(self, received: Received, _: Method) -> Reply:
        """captions.list of one video."""
        parts = named_parts(received.query, "Caption")
        video = self._channel.video(received.query["videoId"])
        items = [_caption(video.id, caption, parts) for caption in video.captions]
        return Reply(200, listing("youtube#captionListResponse", items, len(items)))

    async def image(self, received: Received) -> Reply:
        """/vi/ID/NAME.jpg: the thumbnail, or a stand-in for the frame that YouTube picks."""
        video = self._channel.videos.get(received.params["id"])
        if video is None:
            return Reply(404)
        if video.thumbnail is not None and video.thumbnail.path is not None:
            return Reply(200, video.thumbnail.path, {"Content-Type": video.thumbnail_type})
        return Reply(200, placeholder(video.id), {"Content-Type": "image/png"})

    def reset(self) -> None:
        """Forget when thumbnails were set."""
        self._thumbnail_times.clear()

    def _prepare_video(self, query: Mapping[str, str], metadata: dict[str, Any]) -> None:
        parts = named_parts(query, "Video")
        check_metadata(self._world, {name: value for name, value in metadata.items() if name in parts})
        cap = self._world.options.integer("youtube_uploads_per_day")
        since = self._world.clock.now() - DAY_S
        if cap and sum(video.at > since for video in self._channel.videos.values()) >= cap:
            message = "The user has exceeded the number of videos they may upload."
            raise GoogleError(400, "uploadLimitExceeded", message)

    def _prepare_thumbnail(self, query: Mapping[str, str]) -> None:
        self._channel.video(query["videoId"])
        if not self._world.options.flag("youtube_custom_thumbnails"):
            message = "The authenticated user doesn't have permissions to upload and set custom video thumbnails."
            raise GoogleError(403, "forbidden", message, domain="youtube.thumbnail")
        cap, since = self._world.options.integer("youtube_thumbnails_per_day"), self._world.clock.now() - DAY_S
        if cap and sum(at > since for at in self._thumbnail_times) >= cap:
            message = "The channel has uploaded too many thumbnails recently. Please try the request again later."
            raise GoogleError(429, "uploadRateLimitExceeded", message, domain="youtube.thumbnail")

    def _prepare_caption(self, query: Mapping[str, str], metadata: dict[str, Any]) -> None:
        named_parts(query, "Caption")
        snippet = metadata.get("snippet") or {}
        if not snippet.get("videoId") or not snippet.get("language") or snippet.get("name") is None:
            message = "The request contains invalid metadata values, which prevent the track from being created."
            raise GoogleError(400, "invalidMetadata", message, domain="youtube.caption")
        if len(snippet["name"]) > 150:
            message = "The snippet.name specified in the request is too long. The maximum length is 150 characters."
            raise GoogleError(400, "nameTooLong", message, domain="youtube.caption")
        for caption in self._channel.video(snippet["videoId"]).captions:
            if (caption.language, caption.name) == (snippet["language"], snippet["name"]):
                message = "The specified video already has a caption track with the given language and name."
                raise GoogleError(409, "captionExists", message, domain="youtube.caption")

    def _add_video(self, upload: Upload) -> object:
        now = self._world.clock.now()
        parts = named_parts(upload.query, "Video")
        video = Video(
            new_id("", 11),
            self._channel.id,
            {},
            now,
            upload.sink,
            upload.content_type,
            self._processing(upload, now),
            notify=upload.query.get("notifySubscribers", "true") == "true",
        )
        video.parts["status"] = {"privacyStatus": self._world.options.text("youtube_default_privacy")}
        self._write(video.parts, upload.metadata, parts)
        self._channel.videos[video.id] = video
        return self._resource(video, parts, upload.origin)

    def _write(self, into: dict[str, Any], metadata: Mapping[str, Any], parts: list[str]) -> None:
        into.update(written(metadata, parts))
        if "status" in parts:
            into["status"].setdefault("privacyStatus", self._world.options.text("youtube_default_privacy"))

    def _processing(self, upload: Upload, now: float) -> Processing:
        faults = {fault.kind: fault for fault in self._world.faults.take("youtube", "processing")}
        if "processing_stuck" in faults:
            return Processing(now, None)
        reason = faults["processing_failed"].reason if "processing_failed" in faults else ""
        if not upload.sink.size:
            reason = "emptyFile"
        return Processing(now, now + self._world.options.number("processing_s"), reason)

    def _set_thumbnail(self, upload: Upload) -> object:
        head = upload.sink.path.read_bytes()[:12] if upload.sink.path else b""
        kind = sniff(head)
        if kind not in ("image/jpeg", "image/png"):
            upload.sink.discard()
            message = "The provided image content is invalid."
            raise GoogleError(400, "invalidImage", message, domain="youtube.thumbnail")
        video = self._channel.video(upload.query["videoId"])
        video.thumbnail, video.thumbnail_type = upload.sink, str(kind)
        self._thumbnail_times.append(self._world.clock.now())
        items = [video.thumbnails(upload.origin)]
        return {"kind": "youtube#thumbnailSetResponse", "etag": etag(items[0]), "items": items}

    def _add_caption(self, upload: Upload) -> object:
        snippet = upload.metadata["snippet"]
        video = self._channel.video(snippet["videoId"])
        draft = bool(snippet.get("isDraft", False))
        now = self._world.clock.now()
        caption = Caption(new_id("AUieDa", 44), snippet["language"], snippet["name"], draft, now, upload.sink)
        video.captions.append(caption)
        return _caption(video.id, caption, named_parts(upload.query, "Caption"))

    def _resource(self, video: Video, parts: list[str], origin: str) -> dict[str, object]:
        return video.resource(parts, self._world.clock.now(), self._channel.title, origin)


def _caption(video_id: str, caption: Caption, parts: list[str]) -> dict[str, object]:
    snippet = {
        "videoId": video_id,
        "lastUpdated": timestamp(caption.at),
        "trackKind": "standard",
        "language": caption.language,
        "name": caption.name,
        "audioTrackType": "unknown",
        "isDraft": caption.draft,
        "status": "serving",
    }
    shown = {"snippet": snippet} if "snippet" in parts else {}
    return {"kind": "youtube#caption", "etag": etag(shown), "id": caption.id, **shown}
