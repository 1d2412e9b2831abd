"""Packages of npm, each set installed once from its lock file into `.cache` of the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.support import require

WHAT = "needs Node.js 20 with npm, and on its first run the npm registry: apt-get install nodejs npm"
LOCKED = ("package.json", "package-lock.json")


def installed(source: Path, *files: str, optional: bool = False) -> Path:
    """A folder with the packages that `source` locks and copies of its `files`.

    A finished installation appears under its name at once, or not at all. `optional`: with optional packages.
    """
    require(shutil.which("node") and shutil.which("npm"), WHAT)
    names = (*LOCKED, *files)
    version = hashlib.sha256(b"".join((source / name).read_bytes() for name in names)).hexdigest()[:12]
    place = Path(__file__).parents[2] / ".cache" / f"{source.name}-{version}"
    if place.exists():
        return place
    draft = place.with_name(f"{place.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    for name in names:
        shutil.copy(source / name, draft)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *([] if optional else ["--omit=optional"])]
    done = subprocess.run(install, cwd=draft, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(draft)
        require(False, f"npm could not install what {source.name} locks: {WHAT}")
    try:
        draft.rename(place)
    except OSError:  # another test run was faster
        shutil.rmtree(draft)
    return place
