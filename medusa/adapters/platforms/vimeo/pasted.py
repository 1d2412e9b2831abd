"""Which video a person means: by its number, or by an address that Vimeo shows for it."""

from __future__ import annotations

import re
from typing import Final

from medusa.adapters.platforms.vimeo.account import VimeoAccount
from medusa.domain.address import address
from medusa.domain.values import StepSpec

_NUMBER: Final = re.compile(r"[0-9]+")
_HOSTS: Final = frozenset({"vimeo.com", "player.vimeo.com"})


def video_id(_account: VimeoAccount, _spec: StepSpec, said: str) -> str:
    """The video's number: in an address a hash may follow it, and a channel's name go before. Raises ValueError."""
    at = address(said)
    parts = at.path if at and at.host in _HOSTS else (said,)
    for part in parts:
        if _NUMBER.fullmatch(part):
            return part
    raise ValueError("is no video of Vimeo: give the number that is its id, or its address")
