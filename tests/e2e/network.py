"""A sandbox on a host of its own: a network namespace behind a line that can be cut, as a Wi-Fi that dies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import require

SERVE = """
import json, sys
from pathlib import Path
from medusa.sandbox import Sandbox
with Sandbox(host=sys.argv[1], options={"processing_s": 0.0}) as sandbox:
    print(json.dumps(sandbox.config(Path(sys.argv[2]))), flush=True)
    for _ in sys.stdin:
        print(json.dumps({"state": sandbox.state(), "log": sandbox.log()}), flush=True)
"""
FOR_TESTS = IPv4Address("198.18.0.0")
"""Of the block that RFC 2544 sets aside: nobody's network. Each process has eight addresses of it."""


class FarSandbox:
    """YouTube and the others behind a line of their own. What it tells of itself does not go over that line."""

    def __init__(self, folder: Path) -> None:
        require(os.geteuid() == 0 and shutil.which("ip"), "be root and apt-get install iproute2: it makes a network")
        number = os.getpid() % 16_000
        self._near, self._far = f"mdsa{number}", f"mdsb{number}"
        self._net = FOR_TESTS + 8 * number
        self._folder = folder

    def __enter__(self) -> Self:
        _ip("netns", "add", self._far)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self._far)
        _ip("address", "add", self._address(1), "dev", self._near)
        self._there("address", "add", self._address(2), "dev", self._far)
        _ip("link", "set", self._near, "up")
        self._there("link", "set", self._far, "up")
        host = str(self._net + 2)
        command = ["ip", "netns", "exec", self._far, sys.executable, "-c", SERVE, host, str(self._folder)]
        self._serving = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.config: dict[str, Any] = self._said()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._serving.communicate()
        _ip("link", "delete", self._near)
        _ip("netns", "delete", self._far)

    def cut(self) -> None:
        """Nothing gets through any more, and nobody says so."""
        self._there("link", "set", self._far, "down")

    def mend(self) -> None:
        """As before."""
        self._there("link", "set", self._far, "up")

    def move(self) -> None:
        """This machine has another address from now on: what was sent from the old one is answered to nobody."""
        _ip("address", "delete", self._address(1), "dev", self._near)
        _ip("address", "add", self._address(3), "dev", self._near)

    def received(self, operation: str) -> int:
        """Bytes of all requests of this operation."""
        return sum(one["received"] for one in self._seen()["log"] if one["operation"] == operation)

    def count(self, operation: str) -> int:
        """Requests of this operation."""
        return sum(one["operation"] == operation for one in self._seen()["log"])

    @property
    def videos(self) -> list[dict[str, Any]]:
        """What is on the YouTube channel."""
        videos: list[dict[str, Any]] = self._seen()["state"]["youtube"]["videos"]
        return videos

    def _seen(self) -> dict[str, Any]:
        assert self._serving.stdin
        self._serving.stdin.write("\n")
        self._serving.stdin.flush()
        return self._said()

    def _said(self) -> dict[str, Any]:
        assert self._serving.stdout
        said: dict[str, Any] = json.loads(self._serving.stdout.readline())
        return said

    def _address(self, host: int) -> str:
        return f"{self._net + host}/29"

    def _there(self, *words: str) -> None:
        _ip("-netns", self._far, *words)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
