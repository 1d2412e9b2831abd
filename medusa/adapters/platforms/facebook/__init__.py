"""Facebook Pages: posts with links, photos, native videos and reels."""

from __future__ import annotations

from medusa.adapters.platforms.facebook import limits
from medusa.adapters.platforms.facebook.account import SITE, FacebookAccount, Scopes
from medusa.adapters.platforms.facebook.pasted import post_id
from medusa.adapters.platforms.facebook.rules import FacebookRules
from medusa.domain.platform import Platform


def _scopes(account: FacebookAccount) -> tuple[str, ...]:
    whom = Scopes.of(account)
    return (whom.app, whom.page)


def _site(account: FacebookAccount) -> str:
    return f"{SITE}/{account.page_id}"


PLATFORM = Platform(
    name="facebook",
    display="Facebook",
    account=FacebookAccount,
    rules=FacebookRules,
    adapter="medusa.adapters.platforms.facebook.adapter:FacebookPublisher",
    scopes=_scopes,
    site=_site,
    pasted=post_id,
    abilities=("post", "link", "photo", "native video", "reel", "resumable", "scheduled", "targeting"),
    limits={
        "message": f"{limits.MESSAGE_CHARS} characters",
        "photo": f"{limits.PHOTO_BYTES // 1024**2} MB, JPG or PNG",
        "video": f"{limits.VIDEO_BYTES // 1024**3} GB, {limits.VIDEO_S / 3600:.0f} h",
        "reel": f"{limits.REEL_S[0]:.0f} to {limits.REEL_S[1]:.0f} s, 9:16, MP4, {limits.REELS_A_DAY} a day",
        "scheduled": f"{limits.SCHEDULE_LEAST_S / 60:.0f} minutes to {limits.SCHEDULE_MOST_S / 86400:.0f} days ahead",
    },
    gives="post_id",
)
