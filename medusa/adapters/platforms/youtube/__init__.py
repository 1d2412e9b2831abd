"""YouTube: videos by the Data API v3, with thumbnail, captions, playlists, and a wait until they are processed."""

from __future__ import annotations

from medusa.adapters.platforms.youtube.account import YouTubeAccount, scopes
from medusa.adapters.platforms.youtube.pasted import video_id
from medusa.adapters.platforms.youtube.quota import quotas
from medusa.adapters.platforms.youtube.rules import LIMITS, YouTubeRules
from medusa.domain.platform import Platform


def _site(_account: YouTubeAccount) -> str:
    return "https://studio.youtube.com"


PLATFORM = Platform(
    name="youtube",
    display="YouTube",
    account=YouTubeAccount,
    rules=YouTubeRules,
    adapter="medusa.adapters.platforms.youtube.adapter:YouTubeUploader",
    scopes=scopes,
    site=_site,
    url="https://youtube.com/watch?v={id}",
    pasted=video_id,
    shows=True,
    quotas=quotas,
    login="medusa.adapters.platforms.youtube.login:login",
    abilities=(
        "video (resumable)",
        "scheduled publication",
        "thumbnail",
        "captions",
        "playlists",
        "waits until processed",
    ),
    limits=LIMITS,
    gives="url",
)
