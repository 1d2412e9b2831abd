"""Vimeo: uploads by tus, with thumbnail, text tracks and tags."""

from __future__ import annotations

from medusa.adapters.platforms.vimeo.account import VimeoAccount, scope
from medusa.adapters.platforms.vimeo.pasted import video_id
from medusa.adapters.platforms.vimeo.rules import DESCRIPTION_LIMIT, NAME_LIMIT, TAGS_LIMIT, VimeoRules
from medusa.domain.platform import Platform


def _scopes(account: VimeoAccount) -> tuple[str, ...]:
    return (scope(account),)


def _site(_account: VimeoAccount) -> str:
    return "https://vimeo.com/manage/videos"


PLATFORM = Platform(
    name="vimeo",
    display="Vimeo",
    account=VimeoAccount,
    rules=VimeoRules,
    adapter="medusa.adapters.platforms.vimeo.adapter:VimeoUploader",
    scopes=_scopes,
    site=_site,
    url="https://vimeo.com/{id}",
    pasted=video_id,
    abilities=("video", "resumable", "privacy", "password", "thumbnail", "text tracks", "tags", "wait until playable"),
    limits={
        "title": f"{NAME_LIMIT} characters",
        "description": f"{DESCRIPTION_LIMIT} characters",
        "tags": f"{TAGS_LIMIT} on a video",
        "video": "what the account's plan has left",
    },
    gives="url",
)
