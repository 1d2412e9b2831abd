"""A Facebook target's block of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SITE: Final = "https://www.facebook.com"
"""Where people look at a Page."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Facebook is."""

    graph: str = field(default="https://graph.facebook.com", metadata={"form": "url"})
    """The Graph API's base URL, without the version."""
    rupload: str = field(default="https://rupload.facebook.com", metadata={"form": "url"})
    """Where a reel's bytes go when the Graph API names no place for them."""


@dataclass(frozen=True, slots=True)
class FacebookAccount:
    """One Page, by a token of that Page."""

    page_id: str = field(metadata={"form": "digits"})
    """The Page's numeric id."""
    access_token: str = field(repr=False)
    """A Page access token with the scopes pages_manage_posts and pages_read_engagement."""
    app_secret: str | None = field(default=None, repr=False)
    """The app's secret; every call is then signed with it (appsecret_proof), as apps may require."""
    api_version: str = "v26.0"
    """The Graph API's version."""
    resend_if_not_found: bool = False
    """A feed post whose reply was lost, and which the Page does not list after half a minute, is sent again. Off: such
    a task ends with "outcome unknown", since Facebook does not promise that its lists are complete."""
    endpoints: Endpoints = field(default_factory=Endpoints)
    """Where Facebook is."""


def scope(account: FacebookAccount) -> str:
    """Whom Facebook's throttling of this token holds back."""
    return f"facebook:page:{account.page_id}"
