"""A Facebook target's block of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
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
    """A feed post whose reply was lost, and which the Page does not list after half a minute, is sent again, unless
    Facebook answered that it repeats another. Off: such a task ends with "outcome unknown", since Facebook does not
    promise that its lists are complete."""
    endpoints: Endpoints = field(default_factory=Endpoints)
    """Where Facebook is."""


@dataclass(frozen=True, slots=True)
class Scopes:
    """Whom Facebook's throttling holds back."""

    app: str
    """All Pages that the app's calls are for. An app is told by its secret or, without it, by the Page's token."""
    page: str

    @classmethod
    def of(cls, account: FacebookAccount) -> Scopes:
        told_by = account.app_secret or account.access_token
        app = f"facebook:app:{sha256(told_by.encode()).hexdigest()[:12]}"
        return cls(app, cls.of_page(account.page_id))

    @staticmethod
    def of_page(number: str) -> str:
        return f"facebook:page:{number}"
