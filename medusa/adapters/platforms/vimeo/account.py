"""A Vimeo target's block of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Vimeo is. The hosts that take bytes are named by its replies."""

    api: str = field(default="https://api.vimeo.com", metadata={"form": "url"})
    """The API's base URL."""


@dataclass(frozen=True, slots=True)
class VimeoAccount:
    """One account, by a token of one app."""

    access_token: str = field(repr=False)
    """A personal access token, or one from a login, with the scopes public, private, edit, upload and delete."""
    chunk_size: int = 0
    """Bytes of one upload request; 0 sends all in one. Vimeo advises 128 to 512 MB where a proxy limits requests."""
    endpoints: Endpoints = field(default_factory=Endpoints)
    """Where Vimeo is."""

    def __post_init__(self) -> None:
        if self.chunk_size < 0:
            raise ValueError("chunk_size cannot be negative")


def scope(account: VimeoAccount) -> str:
    """Whom Vimeo's rate limit holds back: the user of this token, whose number only Vimeo knows before a call."""
    return f"vimeo:token:{sha256(account.access_token.encode()).hexdigest()[:12]}"
