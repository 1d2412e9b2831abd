"""YouTube's quota: what calls cost, and when it starts anew (facts: Google 4, QC). Light to import, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from medusa.adapters.platforms.youtube.account import YouTubeAccount, project
from medusa.domain.quota import Quota

VIDEOS: Final = "videos"
"""Calls of videos.insert have a quota of their own."""
UNITS: Final = "units"
"""All other calls share these."""
LIST: Final = {UNITS: 1}
COSTS: Final[Mapping[str, Mapping[str, int]]] = {
    "videos.insert": {VIDEOS: 1},
    "thumbnails.set": {UNITS: 50},
    "captions.insert": {UNITS: 400},
    "playlistItems.insert": {UNITS: 50},
}
"""By method; every other method that is used here costs as much as a list."""


def quotas(account: YouTubeAccount, now: float) -> tuple[Quota, ...]:
    """What the account's project may do until the next midnight in California."""
    owner, resets_at = project(account), next_reset(now)
    return Quota(owner, VIDEOS, account.daily_videos, resets_at), Quota(owner, UNITS, account.daily_units, resets_at)


def next_reset(now: float) -> float:
    """The next midnight of America/Los_Angeles. Epoch seconds."""
    zone = ZoneInfo("America/Los_Angeles")
    tomorrow = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).timestamp()
