"""Real processes of medusad, on the sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc

from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import QUICK

WITHIN_S = 60.0


class Running:
    """One medusad. `log` is what it has written to stderr."""

    def __init__(self, config: Path, **environment: str) -> None:
        self._log = config.with_suffix(".log").open("a+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "medusa.daemon", "--config", str(config)],
            env={**os.environ, "XDG_STATE_HOME": str(config.parent / "state"), **environment},
            stderr=self._log,
        )

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        return self._process.wait(WITHIN_S)

    def until_logged(self, words: str) -> None:
        """Until it has written these words; it fails if it ends before."""
        gave_up = time.monotonic() + WITHIN_S
        while words not in self.log:
            assert time.monotonic() < gave_up, self.log
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(WITHIN_S)
        self._log.close()


@contextmanager
def medusad(config: Path, **environment: str) -> Iterator[Running]:
    """Killed in the end, if it still runs."""
    running = Running(config, **environment)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def client(address: str) -> Iterator[MedusaServiceStub]:
    """Once the daemon answers at the address."""
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(WITHIN_S)
        yield MedusaServiceStub(channel)


def write_config(folder: Path, sandbox: Sandbox, name: str = "medusa.json", **daemon: Any) -> Path:
    """A configuration on the sandbox; by default the daemon listens on a socket in the folder."""
    own: Mapping[str, Any] = {"retry": QUICK, "daemon": {"listen": [socket_of(folder)], **daemon}}
    path = folder / name
    path.write_text(json.dumps({**sandbox.config(folder), "medusa": own}), encoding="utf-8")
    return path


def socket_of(folder: Path) -> str:
    return f"unix:{folder}/medusad.sock"
