"""A YouTube target's block in the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CHUNK_UNIT = 262_144
"""Every PUT but an upload's last brings a multiple of this many bytes (facts: Google resumable protocol, RU)."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Google is. Other hosts stand in for it in tests and behind gateways."""

    api: str = "https://youtube.googleapis.com"
    """The API's root; paths such as /youtube/v3/videos follow."""
    token: str = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
    """Where tokens are refreshed."""
    auth: str = "https://accounts.google.com/o/oauth2/auth"
    """The consent page, where the client secrets file does not name another."""


@dataclass(frozen=True, slots=True)
class YouTubeAccount:
    """One channel, reached by one project of the Google Cloud console."""

    client_secrets_file: Path
    """What the Google Cloud console gives for an OAuth client of type "Desktop app": needed to log in."""
    credentials_file: Path
    """Where the login is kept: written by `medusa auth login`, and again whenever its token is refreshed."""
    endpoints: Endpoints = field(default_factory=Endpoints)
    """Where Google is."""
    chunk_size: int = 0
    """Bytes a request, a multiple of 262144; 0 sends the video in one request, which is the fastest."""

    def __post_init__(self) -> None:
        if self.chunk_size < 0 or self.chunk_size % CHUNK_UNIT:
            raise ValueError(f"chunk_size must be 0 or a multiple of {CHUNK_UNIT}")


def scopes(account: YouTubeAccount) -> tuple[str, ...]:
    """Whom Google's limits hold back: the logged-in user, and the project that all its users share."""
    return (f"youtube:account:{account.credentials_file}", f"youtube:project:{account.client_secrets_file}")
