"""Which video a person means: by its number, or by an address that Vimeo shows for it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from medusa.adapters.platforms.vimeo.account import VimeoAccount
from medusa.domain.address import Address, meant
from medusa.domain.values import StepSpec

_NUMBER: Final = re.compile(r"[0-9]+")
_HOSTS: Final = frozenset({"vimeo.com", "player.vimeo.com"})
_BEFORE_ID: Final = frozenset({"video", "videos"})


def video_id(_account: VimeoAccount, _spec: StepSpec, said: str) -> str:
    """The video's number. Raises ValueError."""
    found = meant(said, _named)
    if not _NUMBER.fullmatch(found):
        raise ValueError("is no video of Vimeo: give the number that is its id, or its address")
    return found


def _named(at: Address) -> str:
    """A hash may follow the number; what goes before it may be the number of a group or a showcase."""
    if at.host not in _HOSTS or not at.path:
        return ""
    for before, part in pairwise(at.path):
        if before in _BEFORE_ID:
            return part
    return at.path[2] if at.path[0] == "channels" and len(at.path) > 2 else at.path[0]
