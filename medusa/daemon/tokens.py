"""Bearer tokens. They are of 256 random bits, so that one SHA-256 of them is all that need be kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

from medusa.config import TokenSettings

PREFIX: Final = "medusa_"
"""By which people and secret scanners know one."""


def new_token() -> str:
    """A token that nobody had before."""
    return PREFIX + secrets.token_urlsafe(32)


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
