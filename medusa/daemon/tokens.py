"""Bearer tokens. They are of 256 random bits, so that one SHA-256 of them is all that need be kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from medusa.config import TokenSettings
from medusa.config.blocks import build
from medusa.domain.failures import ConfigError

PREFIX: Final = "medusa_"
"""By which people and secret scanners know one."""


def new_token() -> str:
    """A token that nobody had before."""
    return PREFIX + secrets.token_urlsafe(32)


def made(name: str, scopes: Sequence[str], expires: str | None = None) -> tuple[str, str]:
    """A new token, and its entry for the configuration as JSON. Raises ConfigError when something is wrong with it."""
    token = new_token()
    entry = {"name": name, "hash": hashed(token), "scopes": list(scopes)} | ({"expires": expires} if expires else {})
    _, problems = build(TokenSettings, entry, "token", Path())
    if problems:
        raise ConfigError(problems)
    return token, json.dumps(entry)


def hashed(token: str) -> str:
    """What the configuration keeps of it."""
    return "sha256:" + hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def holder(token: str, known: Iterable[TokenSettings]) -> TokenSettings | None:
    """Whose token it is. Takes as long whoever it is, and if it is nobody's."""
    presented, found = hashed(token), None
    for one in known:
        if hmac.compare_digest(one.hash, presented):
            found = one
    return found
