"""One daemon on one file of tasks, or on one database, and one on a folder of uploads."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medusa import container
from medusa.config import Settings
from medusa.daemon.errors import InUse
from medusa.domain.failures import MedusaError


@contextmanager
def claimed(settings: Settings, place: Path) -> Iterator[None]:
    """The tasks are this daemon's, and what is kept at `place` as well. Raises InUse, ConfigError or MedusaError."""
    who = f"medusad (process {os.getpid()} on {socket.gethostname()})"
    with container.sole_on_database(settings, who) as other:
        if other:
            raise InUse(f"another {other[0] or 'medusad'} runs on {other[1]} already")
        claim = Claim(place)
        try:
            yield
        finally:
            claim.close()


class Claim:
    """Held by this process until it ends, however it ends."""

    def __init__(self, place: Path) -> None:
        """Raises InUse, naming the other daemon that has it; MedusaError when its folder cannot be written."""
        path = place.with_name(f"{place.name}.medusad")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MedusaError(f"{path} cannot be written: {(error.strerror or 'unknown error').lower()}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(self._file, 200).decode(errors="replace").strip() or "medusad"
            self.close()
            raise InUse(f"another {who} runs on {place} already") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"medusad (process {os.getpid()})\n".encode())

    def close(self) -> None:
        """Let another daemon have it."""
        os.close(self._file)
