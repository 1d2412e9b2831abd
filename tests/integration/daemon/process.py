"""medusad in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

WITHIN_S = 30.0


class Medusad:
    """Serves once it is entered; killed at the end if it has not been stopped before."""

    def __init__(self, config: Path, *listen: str, program: Sequence[str] = ("-m", "medusa.daemon")) -> None:
        """`listen`: addresses, of which a TCP one may have the port 0. `program`: what Python runs instead."""
        self._config, self._listen, self._program = config, listen, program
        self._log = config.with_suffix(".log")

    def __enter__(self) -> Medusad:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WITHIN_S)

    def start(self) -> None:
        """Begin a process, and wait until it serves."""
        command = [sys.executable, *self._program, "--config", str(self._config)]
        command += [word for address in self._listen for word in ("--listen", address)]
        with _notified() as (ready, path), self._log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, "NOTIFY_SOCKET": path})
            try:
                assert b"READY=1" in ready.recv(4096)
            except TimeoutError:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"it does not serve: {self.log()}") from None
        self.addresses = re.findall(r"listens at (\S+)", self.log())

    def log(self) -> str:
        """What the present process has said."""
        return self._log.read_text(encoding="utf-8")

    def stop(self) -> int:
        """As systemd would; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_S)

    def kill(self) -> None:
        """As the kernel would."""
        self.process.kill()
        self.process.wait(WITHIN_S)


@contextmanager
def _notified() -> Iterator[tuple[socket.socket, str]]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(f"{folder}/notify")
        ready.settimeout(WITHIN_S)
        yield ready, f"{folder}/notify"
