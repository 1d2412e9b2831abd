"""The videos of the sandbox's Vimeo account: made, changed, looked up and taken away. No HTTP here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import count
from urllib.parse import urlsplit

from medusa.sandbox.exchange import Published, World
from medusa.sandbox.inflow import Inflow
from medusa.sandbox.picture import placeholder
from medusa.sandbox.vimeo_account import Account
from medusa.sandbox.vimeo_rules import CREATABLE, EDITABLE, Limits, Refused, check_details, check_upload
from medusa.sandbox.vimeo_video import Attachment, Upload, Video

PRIVACY: Mapping[str, object] = {
    "view": "anybody",
    "embed": "public",
    "comments": "anybody",
    "download": True,
    "add": True,
}


class Library:
    """All videos of the account, in the order of their creation."""

    def __init__(self, world: World, account: Account) -> None:
        self._world = world
        self._account = account
        self._videos: dict[str, Video] = {}
        self._numbers = count(901_000_001)

    def uploaded_here(self) -> Sequence[Video]:
        """The videos that came through this sandbox."""
        return list(self._videos.values())

    def everything(self) -> list[Video]:
        """Those, and the ones that the option adds as another app's."""
        others = range(self._world.options.integer("vimeo_elsewhere"))
        return [*self._videos.values(), *(_elsewhere(number) for number in others)]

    def find(self, number: str) -> Video:
        """The video with this number. Raises Refused: 404."""
        for video in self.everything():
            if video.id == number:
                return video
        raise Refused(404, 5000, "The requested video could not be found")

    def by_upload_key(self, key: str) -> Video | None:
        """The video whose bytes go to /files/{key}."""
        return next((video for video in self._videos.values() if video.upload.key == key), None)

    def by_attachment_key(self, key: str) -> Attachment | None:
        """The picture or text track whose bytes go to a link with this key."""
        attached = (item for video in self._videos.values() for item in (*video.pictures, *video.tracks))
        return next((item for item in attached if item.key == key), None)

    def create(self, body: Mapping[str, object]) -> Video:
        """A new video, empty yet. Raises Refused."""
        approach, size, link = check_upload(body)
        check_details(body, CREATABLE, self._limits(), "")
        self._account.reserve(size, self._videos.values())
        video = self._new_video(approach, size, link)
        self._videos[video.id] = video
        self._apply(video, body)
        video.link = video.link_now()
        return video

    def edit(self, video: Video, body: Mapping[str, object]) -> None:
        """Change what `body` names. Raises Refused."""
        check_details(body, EDITABLE, self._limits(), video.password)
        before = video.view
        self._apply(video, body)
        if video.view != before and self._world.options.flag("vimeo_relink"):
            video.key = secrets.token_hex(5)
            video.link = video.link_now()

    def delete(self, video: Video) -> None:
        """Take it away, with all that belongs to it."""
        _discard(video)
        self._videos.pop(video.id, None)
        self._world.changed()

    def clear(self) -> None:
        """Take everything away."""
        for video in self.uploaded_here():
            self.delete(video)

    def attach(self, to: list[Attachment], name: str, about: Mapping[str, object]) -> Attachment:
        """A new picture or text track in the list `to`, without bytes yet."""
        number = str(next(self._numbers))
        sink = self._world.sink(f"vimeo-{name}-{number}", picture=True)
        item = Attachment(number, self._world.secret(), sink, dict(about))
        to.append(item)
        return item

    def completed(self, video: Video) -> None:
        """All bytes are here: transcoding begins, with the outcome that a fault may have laid down."""
        lag = self._world.options.number("vimeo_complete_lag_s")
        video.upload.done_at = self._world.clock.now() + lag
        video.fate = next(iter(self._world.faults.take("vimeo", "processing")), None)
        self._take_frame(video)
        self.touched(video)

    def touched(self, video: Video) -> None:
        """Something about it has changed just now."""
        video.modified_at = self._world.clock.now()
        self._world.changed()

    def plays(self, video: Video) -> bool:
        """Whether it can be watched by now."""
        return video.transcode(self._world.clock.now(), self._processing_s()) == "complete"

    def state(self, video: Video) -> dict[str, object]:
        """What is known of it and what arrived, as JSON without secrets."""
        now, processing_s = self._world.clock.now(), self._processing_s()
        return {
            "id": video.id,
            "name": video.name,
            "details": dict(video.details),
            "privacy": dict(video.privacy),
            "link": video.link,
            "created_at": video.created_at,
            "size": video.upload.size,
            "received": video.upload.stored,
            "sha256": video.upload.inflow.sink.sha256 if video.upload.inflow else None,
            "upload": video.upload.status(now),
            "transcode": video.transcode(now, processing_s),
            "status": video.status(now, processing_s),
            "tags": list(video.tags),
            "pictures": [_attached(picture) for picture in video.pictures],
            "texttracks": [_attached(track) for track in video.tracks],
        }

    def published(self, video: Video, origin: str) -> Published:
        """The video as its owner sees it."""
        shown = video.picture()
        uploaded = shown is not None and "time" not in shown.about  # else it is a frame of the film
        inflow = video.upload.inflow
        tags = {"Tags": ", ".join(video.tags)} if video.tags else {}
        return Published(
            kind="video",
            id=video.id,
            at=video.created_at,
            title=video.name,
            text=str(video.details.get("description") or ""),
            url=video.link,
            thumbnail=self._world.media_url(origin, shown.sink, shown.content_type) if shown and uploaded else None,
            video=self._world.media_url(origin, inflow.sink, "video/mp4") if inflow else None,
            privacy=video.view,
            status=self._says(video),
            author=str(self._account.shown()["name"]),
            size=video.upload.stored,
            facts=tags,
        )

    def _says(self, video: Video) -> str:
        """The state of a video in a person's words; nothing when it plays."""
        status = video.status(self._world.clock.now(), self._processing_s())
        if status == "transcoding_error" and video.fate is not None:
            return f"failed: {video.fate.reason}"
        words = {"available": "", "uploading": "uploading", "uploading_error": "upload failed"}
        return words.get(status, "processing")

    def _take_frame(self, video: Video) -> None:
        """The thumbnail that Vimeo takes from the video by itself; one that the user has chosen stays."""
        frame = self.attach(video.pictures, f"{video.id}-frame", {"time": 0})
        frame.sink.store(placeholder(video.id))
        frame.content_type = "image/png"
        frame.active = not any(picture.active for picture in video.pictures)

    def _new_video(self, approach: str, size: int, link: str) -> Video:
        number, now = str(next(self._numbers)), self._world.clock.now()
        if approach == "tus":
            inflow = Inflow(self._world.sink(f"vimeo-{number}.mp4"))
            expires = now + self._world.options.number("vimeo_upload_link_s")
            upload = Upload("tus", size, expires, key=self._world.secret(), inflow=inflow)
        else:
            done = now + self._world.options.number("processing_s")
            upload = Upload("pull", size, float("inf"), pull_from=link, done_at=done, failed=_unreachable(link))
        return Video(number, secrets.token_hex(5), now, now, upload, "Untitled", privacy=dict(PRIVACY))

    def _apply(self, video: Video, body: Mapping[str, object]) -> None:
        """Take over what `check_details` has passed."""
        if body.get("name"):
            video.name = str(body["name"])
        if isinstance(privacy := body.get("privacy"), dict):
            video.privacy |= {name: value for name, value in privacy.items() if name in PRIVACY}
        if body.get("password"):
            video.password = str(body["password"])
        video.details |= {name: body[name] for name in EDITABLE - {"name", "privacy", "password"} if name in body}
        self.touched(video)

    def _limits(self) -> Limits:
        options = self._world.options
        return Limits(
            paid=options.text("vimeo_plan") != "basic",
            name=options.integer("vimeo_name_limit"),
            description=options.integer("vimeo_description_limit"),
            refuse_unknown=options.text("vimeo_unknown_fields") != "ignore",
        )

    def _processing_s(self) -> float:
        return self._world.options.number("processing_s")


def _attached(item: Attachment) -> dict[str, object]:
    return {"id": item.id, "active": item.active, **item.about, "size": item.sink.size, "sha256": item.sink.sha256}


def _discard(video: Video) -> None:
    if video.upload.inflow is not None:
        video.upload.inflow.settle()
        video.upload.inflow.sink.discard()
    for item in (*video.pictures, *video.tracks):
        item.sink.discard()


def _unreachable(link: str) -> str:
    """Why Vimeo could not fetch `link`: it must be public. The sandbox itself fetches nothing."""
    host = urlsplit(link).hostname or ""
    private = host in ("", "localhost", "::1") or host.startswith(("127.", "10.", "192.168."))
    return "the link is not public" if private else ""


def _elsewhere(number: int) -> Video:
    upload = Upload("post", 1_000_000, float("inf"), done_at=0.0)
    id_ = str(700_000_001 + number)
    video = Video(id_, "0" * 10, 0.0, 0.0, upload, f"Uploaded elsewhere {number + 1}", by_app=False)
    video.privacy = dict(PRIVACY)
    video.link = video.link_now()
    return video
