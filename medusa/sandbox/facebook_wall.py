"""What stands on the Page: posts, photos, videos (facts: Meta, 2.1, 2.2 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from medusa.sandbox.exchange import World
from medusa.sandbox.facebook_video import Video
from medusa.sandbox.inflow import Inflow
from medusa.sandbox.picture import placeholder
from medusa.sandbox.sink import Sink

PAGE = {"id": "102938475610293", "name": "Medusa Sandbox"}
APP = {"id": "1122334455667788", "name": "Medusa Sandbox App"}
SITE = "https://www.facebook.com"

OPTIONS: Mapping[str, object] = {
    "facebook_read_lag_s": 0.0,  # how long a new thing reads as 100/33 and is missing in lists
    "facebook_unused_photo_s": 86_400.0,  # then an unpublished photo that no post uses is dropped (unverified)
}


@dataclass(slots=True)
class Photo:
    """A photo of the Page; `sink` is None if it came by URL (the sandbox fetches nothing)."""

    id: str
    created_at: float
    caption: str = ""
    alt_text: str = ""
    sink: Sink | None = None
    content_type: str = ""
    url: str = ""
    temporary: bool = False
    post_id: str = ""


@dataclass(slots=True)
class Post:
    """A post; `due_at` is when people see it, None if they never will. A video's post follows its video."""

    id: str
    created_at: float
    due_at: float | None
    message: str = ""
    link: str = ""
    scheduled: float | None = None
    photos: list[Photo] = field(default_factory=list)
    video: Video | None = None

    def public_from(self, processing_s: float) -> float | None:
        """When people see it."""
        return self.video.public_from(processing_s) if self.video is not None else self.due_at


class Wall:
    """All that was put on the Page, in the order of its making."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(122_000_000_000_001)
        self.posts: dict[str, Post] = {}
        self.photos: dict[str, Photo] = {}
        self.videos: dict[str, Video] = {}

    def clear(self) -> None:
        """Take everything down."""
        for video in list(self.videos.values()):
            self.remove(video)
        for photo in list(self.photos.values()):
            self.remove(photo)
        self.posts.clear()

    def add_post(self, message: str, link: str, due_at: float | None, scheduled: float | None = None) -> Post:
        """A new post."""
        post = Post(f"{PAGE['id']}_{next(self._numbers)}", self._world.clock.now(), due_at, message, link, scheduled)
        self.posts[post.id] = post
        self._world.changed()
        return post

    def add_photo(self, **about: object) -> Photo:
        """A new photo, on no post yet."""
        photo = Photo(str(next(self._numbers)), self._world.clock.now(), **about)  # type: ignore[arg-type]  # Photo's own
        self.photos[photo.id] = photo
        return photo

    def add_video(self, *, reel: bool, size: int | None = None) -> Video:
        """A new video without bytes."""
        number, now = str(next(self._numbers)), self._world.clock.now()
        frame = self._world.sink(f"facebook-{number}-frame.png", picture=True)
        frame.store(placeholder(number))
        inflow = Inflow(self._world.sink(f"facebook-{number}.mp4"))
        expires = now + self._world.options.number("facebook_upload_s")
        video = Video(number, reel, now, expires, inflow, frame, size)
        self.videos[number] = video
        return video

    def finish(self, video: Video, state: str, scheduled: float | None) -> None:
        """The visible step: processing begins, and publication follows it."""
        video.state, video.scheduled = state, scheduled
        video.finished_at = self._world.clock.now()
        video.fate = next(iter(self._world.faults.take("facebook", "processing")), None)
        if state != "DRAFT":
            post = self.add_post(video.description, "", None, scheduled)
            post.video = video
            video.post_id = post.id
        self._world.changed()

    def remove(self, thing: Post | Photo | Video) -> None:
        """Take one thing down; a video takes its post with it."""
        if isinstance(thing, Video):
            thing.inflow.settle()
            thing.inflow.sink.discard()
            thing.frame.discard()
            self.videos.pop(thing.id, None)
            self.posts.pop(thing.post_id, None)
        elif isinstance(thing, Photo):
            if thing.sink is not None:
                thing.sink.discard()
            self.photos.pop(thing.id, None)
        else:
            self.posts.pop(thing.id, None)
        self._world.changed()

    def find(self, number: str) -> Post | Photo | Video | None:
        """What can be read under this id by now."""
        now, lag = self._world.clock.now(), self._world.options.number("facebook_read_lag_s")
        thing = self.posts.get(number) or self.photos.get(number) or self.videos.get(number)
        if isinstance(thing, Photo) and self.dropped(thing):
            return None
        return thing if thing is not None and now >= thing.created_at + lag else None

    def dropped(self, photo: Photo) -> bool:
        """Whether an unused photo has lain too long."""
        age = self._world.clock.now() - photo.created_at
        unused = not photo.post_id and not photo.temporary
        return unused and age >= self._world.options.number("facebook_unused_photo_s")

    def published(self) -> list[Post]:
        """Posts that people see, newest first, as lists show them: the read lag counts from publication."""
        now, lag = self._world.clock.now(), self._world.options.number("facebook_read_lag_s")
        processing_s = self._world.options.number("processing_s")
        seen = [(since, post) for post in self.posts.values() if (since := post.public_from(processing_s)) is not None]
        newest = sorted(seen, key=lambda pair: (pair[0], pair[1].id), reverse=True)
        return [post for since, post in newest if now >= since + lag]

    def scheduled(self) -> list[Post]:
        """Posts that wait for their time, newest first."""
        now, lag = self._world.clock.now(), self._world.options.number("facebook_read_lag_s")
        waiting = [post for post in self.posts.values() if post.scheduled is not None and now < post.scheduled]
        return [post for post in reversed(waiting) if now >= post.created_at + lag]
