"""One daemon on one file of tasks."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from medusa.daemon.errors import InUse


class Claim:
    """Held by this process until it ends, however it ends. Raises InUse, naming the other daemon that has it."""

    def __init__(self, tasks_file: Path) -> None:
        path = tasks_file.with_name(f"{tasks_file.name}.medusad")
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(self._file, 200).decode(errors="replace").strip() or "another medusad"
            self.close()
            raise InUse(f"{who} runs on {tasks_file} already") from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"medusad (process {os.getpid()})\n".encode())

    def close(self) -> None:
        """Let another daemon have it."""
        os.close(self._file)
