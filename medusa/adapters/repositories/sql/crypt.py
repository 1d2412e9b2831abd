"""What gives access to an account is kept encrypted, with a key that lies apart from it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

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


def cipher_of(file: Path) -> Cipher:
    """The cipher with the key in this file, which is made, mode 0600, if there is none. Raises ConfigError."""
    try:
        if not file.exists():
            _make(file)
        key = base64.b64decode(file.read_bytes(), validate=False)
    except OSError as error:
        raise _unusable(file, (error.strerror or "unknown error").lower()) from None
    except binascii.Error:
        raise _unusable(file, "it holds no key") from None
    if len(key) != _KEY:
        raise _unusable(file, "it holds no key")
    return Cipher(key)


def _make(file: Path) -> None:
    """A new key, whole or not at all; the one that another process has made meanwhile is left as it is."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(base64.b64encode(os.urandom(_KEY)) + b"\n")
            made.flush()
            os.fsync(made.fileno())
        try:
            file.hardlink_to(temporary)
        except FileExistsError:
            return
        _sync(file.parent)
    finally:
        temporary.unlink()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(file: Path, why: str) -> ConfigError:
    return ConfigError([Problem("engine.key_file", f"the key file {file} cannot be used: {why}")])
