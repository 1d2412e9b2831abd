"""The official tus server of npm, run as an independent judge of what we say and answer.

It is installed from the lock file beside this one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.npm import WHAT, installed
from tests.support import require

HERE = Path(__file__).parent


@contextmanager
def tus_server(files: Path) -> Iterator[str]:
    """Run the server, which stores uploads in `files`, and give its creation URL."""
    command = ["node", "server.mjs", str(files)]
    with subprocess.Popen(
        command, cwd=installed(HERE, "server.mjs"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        try:
            url = server.stdout.readline().strip()
            require(url, "the tus server of npm did not start: " + WHAT)
            yield url
        finally:
            server.stdin.close()
            server.wait(timeout=10)
