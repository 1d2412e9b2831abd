"""Which post or video a person means: by its id, or by an address that Facebook shows for it."""

from __future__ import annotations

import re
from typing import Final

from medusa.adapters.platforms.facebook.account import FacebookAccount
from medusa.adapters.platforms.facebook.rules import Form
from medusa.adapters.platforms.facebook.wire import full_id
from medusa.domain.address import Address, meant
from medusa.domain.values import StepSpec

_ID: Final = re.compile(r"[0-9]+(_[0-9]+)?")
_BEFORE_ID: Final = frozenset({"posts", "videos", "reel"})


def post_id(account: FacebookAccount, spec: StepSpec, said: str) -> str:
    """A video's id, or a post's with its Page's before it. Raises ValueError."""
    found = meant(said, _named)
    if found.startswith("pfbid"):
        raise ValueError("does not tell the post's id: give it as the Graph API does, PAGE_POST")
    moves = Form(spec.fields["form"]).moves
    if not _ID.fullmatch(found) or (moves and "_" in found):
        raise ValueError("is no post of Facebook: give its id (PAGE_POST, or a video's number) or its address")
    return found if moves else full_id(found, account.page_id)


def _named(at: Address) -> str:
    if at.host != "facebook.com" or "groups" in at.path:
        return ""
    if number := at.query.get("story_fbid"):
        page = at.query.get("id")
        return f"{page}_{number}" if page and number.isdigit() else number
    if video := at.query.get("v"):
        return video
    last = at.path[-1] if at.path else ""
    return last if "_" in last or _BEFORE_ID.intersection(at.path[:-1]) else ""
