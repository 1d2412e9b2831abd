"""The project's quota, as Google counts it since June 2026 (facts: google, 4. Errors and quota)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from medusa.sandbox.exchange import World
from medusa.sandbox.google_errors import GoogleError

OPTIONS: Mapping[str, object] = {
    "youtube_quota_units": 10_000,
    "youtube_quota_inserts": 100,
    "youtube_count_bytes": False,  # (unverified) whether the PUTs of an upload count in the videos.insert bucket
}
COSTS: Mapping[str, int] = {
    "videos.update": 50,
    "videos.delete": 50,
    "thumbnails.set": 50,
    "captions.insert": 400,
    "captions.list": 50,
    "playlistItems.insert": 50,
    "playlists.insert": 50,
    "commentThreads.insert": 50,
}
"""Units of what is dearer than 1."""


class Quota:
    """videos.insert has a bucket of its own, of calls; everything else spends units. Both reset at midnight Pacific."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._zone = ZoneInfo("America/Los_Angeles")
        self._day = self._today()
        self._used: defaultdict[str, int] = defaultdict(int)

    def check(self, method: str) -> None:
        """Raise GoogleError (403 quotaExceeded) if the method's bucket cannot pay for it."""
        self._turn_over()
        bucket = _bucket(method)
        if self._used[bucket] + COSTS.get(method, 1) > self._world.options.integer(f"youtube_quota_{bucket}"):
            message = (
                "The request cannot be completed because you have exceeded your "
                '<a href="/youtube/v3/getting-started#quota">quota</a>.'
            )
            raise GoogleError(403, "quotaExceeded", message, domain="youtube.quota")

    def spend(self, method: str, *, failed: bool = False) -> None:
        """Charge a request. A refused one costs 1 too: every request costs at least that."""
        self._turn_over()
        self._used[_bucket(method)] += 1 if failed else COSTS.get(method, 1)

    def state(self) -> dict[str, object]:
        """What is used, and when it starts anew (seconds since the epoch)."""
        self._turn_over()
        return {"units": self._used["units"], "inserts": self._used["inserts"], "resets_at": self.resets_at()}

    def resets_at(self) -> float:
        """The next midnight in America/Los_Angeles."""
        tomorrow = self._today() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone).timestamp()

    def reset(self) -> None:
        """Nothing used."""
        self._used.clear()

    def _today(self) -> datetime:
        now = datetime.fromtimestamp(self._world.clock.now(), self._zone)
        return datetime(now.year, now.month, now.day, tzinfo=self._zone)

    def _turn_over(self) -> None:
        today = self._today()
        if today != self._day:
            self._day = today
            self._used.clear()


def _bucket(method: str) -> str:
    return "inserts" if method == "videos.insert" else "units"
