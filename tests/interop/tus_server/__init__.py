"""The official tus server of npm, run as an independent judge of what we say and answer.

It is installed once, into `.cache` of the checkout, from the lock file beside this one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import require

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", "server.mjs")
WHAT = "needs Node.js 20 with npm, and on its first run the npm registry: apt-get install nodejs npm"


@contextmanager
def tus_server(files: Path) -> Iterator[str]:
    """Run the server, which stores uploads in `files`, and give its creation URL."""
    require(shutil.which("node") and shutil.which("npm"), WHAT)
    command = ["node", "server.mjs", str(files)]
    with subprocess.Popen(
        command, cwd=_installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
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


def _installed() -> Path:
    """The server with its modules. A finished installation appears under its name at once, or not at all."""
    version = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in FILES)).hexdigest()[:12]
    place = HERE.parents[2] / ".cache" / f"tus-server-{version}"
    if place.exists():
        return place
    draft = place.with_name(f"{place.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    for name in FILES:
        shutil.copy(HERE / name, draft)
    install = ["npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=draft, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(draft)
        require(False, f"npm could not install the tus server: {WHAT}")
    try:
        draft.rename(place)
    except OSError:  # another test run was faster
        shutil.rmtree(draft)
    return place
