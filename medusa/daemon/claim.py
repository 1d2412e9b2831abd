"""One daemon on one file of tasks."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from medusa.daemon.errors import InUse
from medusa.domain.failures import MedusaError


class Claim:
    """Held by this process until it ends, however it ends."""

    def __init__(self, tasks_file: Path) -> None:
        """Raises InUse, naming the other daemon that has it; MedusaError when its folder cannot be written."""
        path = tasks_file.with_name(f"{tasks_file.name}.medusad")
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
            raise InUse(f"another {who} runs on {tasks_file} already") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"medusad (process {os.getpid()})\n".encode())

    def close(self) -> None:
        """Let another daemon have it."""
        os.close(self._file)
