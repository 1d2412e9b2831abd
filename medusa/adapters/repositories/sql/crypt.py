"""What gives access to an account is kept encrypted, with a key that lies apart from it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION: Final = b"\x01"
_NONCE: Final = 12
_KEY: Final = 32


class Unreadable(Exception):
    """It was encrypted with another key, belongs to another place, or is damaged."""


class Cipher:
    """AES-256-GCM. A text is bound to its place, so that none can be put where another was."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self.key_id = hashlib.sha256(b"medusa key id" + key).hexdigest()[:16]
        """Tells keys apart, and tells nothing about them."""

    def encrypt(self, text: str, place: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._aead.encrypt(nonce, text.encode(), place.encode())

    def decrypt(self, sealed: bytes, place: str) -> str:
        """Raises Unreadable."""
        nonce, rest = sealed[1 : _NONCE + 1], sealed[_NONCE + 1 :]
        if sealed[:1] != _VERSION:
            raise Unreadable
        try:
            return self._aead.decrypt(nonce, rest, place.encode()).decode()
        except (InvalidTag, ValueError):  # the latter when it is too short
            raise Unreadable from None


def new_key() -> bytes:
    """A new key as text."""
    return base64.b64encode(os.urandom(_KEY))


def key_of(text: bytes) -> bytes | None:
    """The key that `new_key` gave; None when it is none."""
    try:
        key = base64.b64decode(text, validate=False)
    except binascii.Error:
        return None
    return key if len(key) == _KEY else None
