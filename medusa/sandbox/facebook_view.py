"""The Page as Graph shows it, as a person sees it, and as tests ask for it."""

from __future__ import annotations

from medusa.sandbox.exchange import Published, World
from medusa.sandbox.facebook_graph import stamp
from medusa.sandbox.facebook_video import Video, VideoView
from medusa.sandbox.facebook_wall import APP, PAGE, SITE, Photo, Post, Wall


class WallView:
    """Shows what is on the wall at one moment, for the host that was asked."""

    def __init__(self, world: World, origin: str = "") -> None:
        self._world = world
        self._origin = origin
        self._now = world.clock.now()
        self._processing_s = world.options.number("processing_s")
        self._videos = VideoView(world, PAGE, origin)

    def post(self, post: Post) -> dict[str, object]:
        """All fields of a post."""
        since = self._seen_since(post)
        created = stamp(post.created_at if since is None else since)
        return {
            "id": post.id,
            "message": post.message or None,
            "created_time": created,
            "updated_time": created,
            "permalink_url": permalink(post),
            "is_published": since is not None,
            "is_hidden": False,
            "is_expired": False,
            "scheduled_publish_time": int(post.scheduled) if post.scheduled is not None else None,
            "application": dict(APP),
            "from": dict(PAGE),
            "status_type": _status_type(post),
            "full_picture": self._picture(post),
            "attachments": self._attachments(post),
        }

    def photo(self, photo: Photo) -> dict[str, object]:
        """All fields of a photo."""
        seen = self._photo_url(photo)
        return {
            "id": photo.id,
            "name": photo.caption or None,
            "alt_text_custom": photo.alt_text or None,
            "created_time": stamp(photo.created_at),
            "updated_time": stamp(photo.created_at),
            "from": dict(PAGE),
            "link": f"{SITE}/photo.php?fbid={photo.id}",
            "page_story_id": photo.post_id or None,
            "picture": seen,
            "images": [{"source": seen, "width": 720, "height": 720}] if seen else [],
        }

    def video(self, video: Video) -> dict[str, object]:
        """All fields of a video."""
        return self._videos.video(video)

    def on_the_page(self, wall: Wall) -> list[Published]:
        """Posts as a person sees them, or will see them; those that nobody will ever see are left out."""
        return [
            self._published(post)
            for post in wall.posts.values()
            if post.scheduled is not None or self._says(post) or self._seen_since(post) is not None
        ]

    def state(self, wall: Wall) -> dict[str, object]:
        """Everything, for /_sandbox/state."""
        return {
            "page": dict(PAGE),
            "posts": [self._post_state(post) for post in wall.posts.values()],
            "photos": [_photo_state(photo) for photo in wall.photos.values()],
            "videos": [self._video_state(video) for video in wall.videos.values()],
        }

    def _published(self, post: Post) -> Published:
        video, since = post.video, self._seen_since(post)
        return Published(
            kind=_kind(post),
            id=post.id,
            at=post.created_at if since is None else since,
            title=video.title if video else "",
            text=post.message,
            url=permalink(post),
            thumbnail=self._photo_url(post.photos[0]) if post.photos else None,
            video=self._world.media_url(self._origin, video.inflow.sink, "video/mp4") if video else None,
            link=post.link or None,
            status=self._says(post),
            scheduled_for=post.scheduled if since is None else None,
            author=PAGE["name"],
            size=video.stored if video else None,
        )

    def _says(self, post: Post) -> str:
        """A post's state in a person's words; nothing when it is simply there, or never will be."""
        if post.video is not None:
            phase = post.video.phase(self._now, self._processing_s)
            if phase == "error" and post.video.fate is not None:
                return f"failed: {post.video.fate.reason}"
            if phase == "processing":
                return "processing"
        return ""

    def _seen_since(self, post: Post) -> float | None:
        """Since when people see it; None if they do not see it now."""
        since = post.public_from(self._processing_s)
        return since if since is not None and self._now >= since else None

    def _picture(self, post: Post) -> str | None:
        if post.video is not None:
            return self._world.media_url(self._origin, post.video.frame, "image/png")
        return self._photo_url(post.photos[0]) if post.photos else None

    def _photo_url(self, photo: Photo) -> str | None:
        if photo.sink is None:
            return photo.url or None
        return self._world.media_url(self._origin, photo.sink, photo.content_type)

    def _attachments(self, post: Post) -> dict[str, object] | None:
        items: list[dict[str, object]] = [self._photo_attached(photo) for photo in post.photos]
        if post.link:
            items.append({"type": "share", "media_type": "link", "url": post.link, "unshimmed_url": post.link})
        if post.video is not None:
            url = f"{SITE}{self._videos.path(post.video)}"
            target = {"id": post.video.id, "url": url}
            items.append({"type": "video_inline", "media_type": "video", "unshimmed_url": url, "target": target})
        return {"data": items} if items else None

    def _photo_attached(self, photo: Photo) -> dict[str, object]:
        url = f"{SITE}/photo.php?fbid={photo.id}"
        media, target = {"image": {"src": self._photo_url(photo)}}, {"id": photo.id, "url": url}
        return {"type": "photo", "media_type": "photo", "unshimmed_url": url, "media": media, "target": target}

    def _post_state(self, post: Post) -> dict[str, object]:
        return {
            "id": post.id,
            "message": post.message,
            "link": post.link,
            "created_at": post.created_at,
            "published": self._seen_since(post) is not None,
            "scheduled_publish_time": post.scheduled,
            "photos": [photo.id for photo in post.photos],
            "video": post.video.id if post.video else None,
        }

    def _video_state(self, video: Video) -> dict[str, object]:
        return {
            "id": video.id,
            "kind": "reel" if video.reel else "video",
            "title": video.title,
            "description": video.description,
            "state": video.state,
            "size": video.size,
            "received": video.stored,
            "sha256": video.inflow.sink.sha256,
            "video_status": video.phase(self._now, self._processing_s),
            "published": video.public(self._now, self._processing_s),
            "post_id": video.post_id or None,
        }


def permalink(post: Post) -> str:
    """Facts: https://www.facebook.com/{page}/posts/{number}."""
    page, _, number = post.id.partition("_")
    return f"{SITE}/{page}/posts/{number}"


def _kind(post: Post) -> str:
    if post.video is not None:
        return "reel" if post.video.reel else "video"
    return "photo" if post.photos else "post"


def _status_type(post: Post) -> str:
    kinds = {"reel": "added_video", "video": "added_video", "photo": "added_photos"}
    return kinds.get(_kind(post), "shared_story" if post.link else "mobile_status_update")


def _photo_state(photo: Photo) -> dict[str, object]:
    return {
        "id": photo.id,
        "post_id": photo.post_id or None,
        "caption": photo.caption,
        "url": photo.url or None,
        "size": photo.sink.size if photo.sink else None,
        "sha256": photo.sink.sha256 if photo.sink else None,
    }
