"""Which video a person means: by its id, or by an address that YouTube shows for it."""

from __future__ import annotations

import re
from typing import Final

from medusa.adapters.platforms.youtube.account import YouTubeAccount
from medusa.domain.address import Address, meant
from medusa.domain.values import StepSpec

_ID: Final = re.compile(r"[A-Za-z0-9_-]{11}")
_HOSTS: Final = frozenset({"youtube.com", "music.youtube.com", "studio.youtube.com", "youtube-nocookie.com"})
_BEFORE_ID: Final = frozenset({"shorts", "live", "embed", "v", "video"})


def video_id(_account: YouTubeAccount, _spec: StepSpec, said: str) -> str:
    """The video's id. Raises ValueError."""
    found = meant(said, _named)
    if not _ID.fullmatch(found):
        raise ValueError("is no video of YouTube: give the 11 characters of its id, or its address")
    return found


def _named(at: Address) -> str:
    if at.host == "youtu.be" and at.path:
        return at.path[0]
    if at.host not in _HOSTS:
        return ""
    if at.path == ("watch",):
        return at.query.get("v", "")
    return at.path[1] if len(at.path) > 1 and at.path[0] in _BEFORE_ID else ""
