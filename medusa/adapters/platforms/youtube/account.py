"""A YouTube target's block in the configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

CHUNK_UNIT = 262_144
"""Every PUT but an upload's last brings a multiple of this many bytes (facts: Google resumable protocol, RU)."""
_URL: Final = {"form": "url"}


def _client_flaw(content: Any) -> str:
    """What is wrong with the content of a client secrets file (facts: OAuth); "" for nothing."""
    kinds = content if isinstance(content, dict) else {}
    client = kinds.get("installed", kinds.get("web"))
    if not isinstance(client, dict):
        return 'holds no "installed", so it is not from the Google Cloud console'
    missing = [name for name in ("client_id", "client_secret") if not client.get(name)]
    return f"holds no {' and no '.join(missing)}" if missing else ""


def _login_flaw(content: Any) -> str:
    """What is wrong with the content of a credentials file; "" for nothing."""
    saved = content if isinstance(content, dict) else {}
    missing = [name for name in ("refresh_token", "client_id", "client_secret") if not isinstance(saved.get(name), str)]
    return f"holds no {' and no '.join(missing)}" if missing else ""


_CLIENT: Final = {
    "flaw": _client_flaw,
    "made_by": 'download it from the Google Cloud console (an OAuth client of type "Desktop app"), '
    "then: medusa auth login {target}",
}
_LOGIN: Final = {"flaw": _login_flaw, "made_by": "log in to make it: medusa auth login {target}"}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Google is. Other hosts stand in for it in tests and behind gateways."""

    api: str = field(default="https://youtube.googleapis.com", metadata=_URL)
    """The API's root; paths such as /youtube/v3/videos follow."""
    token: str = field(default="https://oauth2.googleapis.com/token", metadata=_URL)
    """Where tokens are refreshed."""
    auth: str = field(default="https://accounts.google.com/o/oauth2/auth", metadata=_URL)
    """The consent page, where the client secrets file does not name another."""


@dataclass(frozen=True, slots=True)
class YouTubeAccount:
    """One channel, reached by one project of the Google Cloud console."""

    client_secrets_file: Path = field(metadata=_CLIENT)
    """What the Google Cloud console gives for an OAuth client of type "Desktop app": needed to log in."""
    credentials_file: Path = field(metadata=_LOGIN)
    """Where the login is kept: written by `medusa auth login`, and again whenever its token is refreshed."""
    endpoints: Endpoints = field(default_factory=Endpoints)
    """Where Google is."""
    chunk_size: int = 0
    """Bytes a request, a multiple of 262144; 0 sends the video in one request, which is the fastest."""
    daily_videos: int = 100
    """Videos that the project may upload a day: more only if Google has granted it more."""
    daily_units: int = 10_000
    """Units that the project has a day for all other calls."""

    def __post_init__(self) -> None:
        if self.chunk_size < 0 or self.chunk_size % CHUNK_UNIT:
            raise ValueError(f"chunk_size must be 0 or a multiple of {CHUNK_UNIT}")
        if self.daily_videos < 0 or self.daily_units < 0:
            raise ValueError("daily_videos and daily_units cannot be negative")


def scopes(account: YouTubeAccount) -> tuple[str, ...]:
    """Whom Google's limits hold back: the logged-in user, and the project that all its users share."""
    return (f"youtube:account:{account.credentials_file}", project(account))


def project(account: YouTubeAccount) -> str:
    """The Google Cloud project: its clients' ids begin with its number. Without any, one of this account's own."""
    client = _client_id(account.credentials_file) or _client_id(account.client_secrets_file)
    number = client.partition("-")[0].partition(".")[0]
    return f"youtube:project:{number or account.client_secrets_file}"


def _client_id(file: Path) -> str:
    """That of a login or of a client secrets file (facts: OAuth); "" when the file does not tell."""
    try:
        status = file.stat()
        return _client_id_of(file, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=64)
def _client_id_of(file: Path, _changed_ns: int, _size: int) -> str:
    """Kept until the file changes: it is asked for at every step."""
    content = json.loads(file.read_text(encoding="utf-8"))
    kinds = content if isinstance(content, dict) else {}
    client = kinds.get("installed", kinds.get("web", kinds))
    found = client.get("client_id") if isinstance(client, dict) else None
    return found if isinstance(found, str) else ""
