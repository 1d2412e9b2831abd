"""Looks for the video of an upload whose session is gone, among the account's own uploads."""

from __future__ import annotations

from medusa.adapters.platforms.youtube import wire
from medusa.adapters.platforms.youtube.api import Api
from medusa.adapters.platforms.youtube.fields import moment
from medusa.domain.values import Json, Media


def look_for(api: Api, media: Media, title: str, cursor: Json) -> Json | None:
    """The one upload since the session began with this title and no other size: two reads.

    YouTube shows a file's size only some time after its upload. If more than one fits, or one that may come of another
    upload which is in doubt as well, nothing tells which it is. What is known to be another upload's does not fit.
    """
    if not cursor["uploads"]:
        return None
    listed = api.items(wire.newest_uploads(api.root, cursor["uploads"]))
    recent = [video for item in listed if _since(item, cursor["began"]) and (video := _video_id(item))]
    if not recent:
        return None
    videos = api.items(wire.video_details(api.root, recent))
    fitting = [video for video in videos if _title(video) == title.strip() and _size(video) in (media.size, None)]
    in_doubt = any(step.committed and step.total == media.size for step in api.call.rivals())
    fitting = [video for video in fitting if not api.call.taken(str(video.get("id")))]
    sure = len(fitting) == 1 and not in_doubt
    return fitting[0] if sure and isinstance(fitting[0].get("id"), str) else None


def _since(item: Json, began: float) -> bool:
    """YouTube's times are in whole seconds."""
    added = moment(str(wire.value_at(item, "snippet", "publishedAt")))
    return added is not None and added.timestamp() >= int(began)


def _video_id(item: Json) -> str:
    return str(wire.value_at(item, "contentDetails", "videoId") or "")


def _title(video: Json) -> str:
    return str(wire.value_at(video, "snippet", "title")).strip()


def _size(video: Json) -> int | None:
    """Bytes of the uploaded file, which come as a string; None while YouTube does not show them."""
    size = str(wire.value_at(video, "fileDetails", "fileSize"))
    return int(size) if size.isdecimal() else None
