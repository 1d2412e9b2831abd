"""The key in a file of its own, mode 0600."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from medusa.adapters.files import sync
from medusa.adapters.repositories.sql.crypt import key_of, new_key
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem


class KeyFile:
    """KeyPlace in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.name = f"the key file {file}"

    def read(self) -> bytes | None:
        try:
            key = key_of(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.unusable((error.strerror or "unknown error").lower()) from None
        if key is None:
            raise self.unusable("it holds no key")
        return key

    def make(self) -> bytes:
        """A new key, whole or not at all; one that another process has made meanwhile is left as it is."""
        try:
            _make(self._file)
        except OSError as error:
            raise self.unusable((error.strerror or "unknown error").lower()) from None
        key = self.read()
        if key is None:
            raise self.unusable("it was removed meanwhile")
        return key

    def unusable(self, why: str) -> ConfigError:
        return ConfigError([Problem("medusa.engine.key_file", f"{self.name} cannot be used: {why}")])


def _make(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(new_key() + b"\n")
            made.flush()
            os.fsync(made.fileno())
        try:
            file.hardlink_to(temporary)
        except FileExistsError:
            return
        sync(file.parent)
    finally:
        temporary.unlink()
