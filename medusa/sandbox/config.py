"""Writes a Medusa configuration whose targets all point at the sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from medusa.sandbox.exchange import Platform


def write_secret(path: Path, content: Mapping[str, object]) -> Path:
    """Write JSON that only its owner may read (0600), and return the path."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123  # mode at creation
        json.dump(content, file, indent=2)
    path.chmod(0o600)
    return path


def configuration(platforms: Iterable[Platform], origin: str, directory: Path) -> dict[str, object]:
    """One target a platform, keyed by its name; files with secrets are written in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    return {platform.name: platform.target(origin, directory.resolve()) for platform in platforms}
