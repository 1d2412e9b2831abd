"""The Vimeo account of the sandbox: what it may still upload, and how often it may still call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from medusa.sandbox.exchange import World
from medusa.sandbox.vimeo_rules import Refused
from medusa.sandbox.vimeo_video import Video, iso

MINUTE = 60.0
WEEK = 7 * 24 * 3600.0

OPTIONS: Mapping[str, object] = {
    "vimeo_plan": "pro",  # "basic": a free account, which cannot set some privacies
    "vimeo_scopes": "public private edit upload delete create interact video_files",
    "vimeo_quota_bytes": 250_000_000_000,  # -1: no cap, shown as null (inference)
    "vimeo_quota": "lifetime",  # or "periodic": a weekly one
    "vimeo_rate_limit": 30_000,  # calls a minute; the real numbers depend on the plan, and are far smaller
    "vimeo_rate_reset": "iso",  # or "epoch": the format of X-RateLimit-Reset (unverified)
}


class Account:
    """Quota and rate window of one account. All times are the sandbox clock's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._minute = 0.0
        self._calls = 0
        self._uploads: list[tuple[float, int]] = []

    def forget(self) -> None:
        """Nothing uploaded, nothing called."""
        self._uploads.clear()
        self._calls = 0

    def call(self) -> bool:
        """Count one call of the API; whether it is within the limit (facts: per user and minute)."""
        minute = self._world.clock.now() // MINUTE
        if minute != self._minute:
            self._minute, self._calls = minute, 0
        self._calls += 1
        return self._calls <= self._world.options.integer("vimeo_rate_limit")

    def rate_headers(self, resets_in: float | None = None, used: int | None = None) -> dict[str, str]:
        """X-RateLimit-*, on every reply, by its own count; else `used` percent of it, until in so many seconds."""
        now, limit = self._world.clock.now(), self._world.options.integer("vimeo_rate_limit")
        reset = (now // MINUTE + 1) * MINUTE if resets_in is None else now + resets_in
        left = max(0, limit - self._calls) if used is None else limit * (100 - used) // 100
        epoch = self._world.options.text("vimeo_rate_reset") == "epoch"
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(reset)) if epoch else iso(reset),
        }

    def shown(self) -> dict[str, object]:
        """The user, as in `app` and `me` replies, without its quota."""
        return {
            "uri": "/users/112233445",
            "name": "Medusa Sandbox",
            "link": "https://vimeo.com/user112233445",
            "account": self._world.options.text("vimeo_plan"),
        }

    def upload_quota(self, videos: Iterable[Video]) -> dict[str, object]:
        """`upload_quota` of /me: `space` repeats the kind that is in force (facts: Vimeo, Quota)."""
        kind, used = self._kind(), self._used(videos)
        cap = self._world.options.integer("vimeo_quota_bytes")
        space = {"free": max(0, cap - used), "max": cap, "used": used}
        if cap < 0:
            space = {"free": None, "max": None, "used": used}  # type: ignore[dict-item]  # null means no cap
        nothing: dict[str, object] = {"free": None, "max": None, "used": None}
        resets = iso((self._world.clock.now() // WEEK + 1) * WEEK) if kind == "periodic" else None
        return {
            "space": {**space, "showing": kind},
            "periodic": {**(space if kind == "periodic" else nothing), "reset_date": resets},
            "lifetime": dict(space if kind == "lifetime" else nothing),
        }

    def reserve(self, size: int, videos: Iterable[Video]) -> None:
        """Take `size` bytes of the quota. Raises Refused: 4101 no space left, 4102 the week's share is used up."""
        cap = self._world.options.integer("vimeo_quota_bytes")
        if 0 <= cap < self._used(videos) + size:
            if self._kind() == "periodic":
                raise Refused(403, 4102, "You have reached the upload quota of this week")
            raise Refused(403, 4101, "Your account has no storage space left for this video")
        self._uploads.append((self._world.clock.now(), size))

    def _kind(self) -> str:
        return "periodic" if self._world.options.text("vimeo_quota") == "periodic" else "lifetime"

    def _used(self, videos: Iterable[Video]) -> int:
        """A deleted video gives its space back, but not its share of the week (our reading)."""
        if self._kind() == "lifetime":
            return sum(video.upload.size for video in videos)
        week = self._world.clock.now() // WEEK
        return sum(size for at, size in self._uploads if at // WEEK == week)
