"""Writes a Medusa configuration whose targets all point at the sandbox."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from medusa.sandbox.exchange import Platform


def write_secret(path: Path, content: Mapping[str, object]) -> Path:
    """Write JSON that only its owner may read (0600), and return the path."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123  # mode at creation
        json.dump(content, file, indent=2)
    path.chmod(0o600)
    return path


def configuration(platforms: Iterable[Platform], origin: str, directory: Path) -> dict[str, object]:
    """One target a platform, keyed by its name; files with secrets are written in `directory`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {platform.name: platform.target(origin, directory.resolve()) for platform in platforms}


def secrets_folder(path: Path) -> Path:
    """Where the secrets files of the configuration `path` go: rehearsal.secrets/ for rehearsal.json."""
    return path.with_name(f"{path.stem}.secrets")


def check_replaceable(path: Path) -> None:
    """Raises ValueError, in words, if there is a file that is not a sandbox's own: real tokens may be in it."""
    try:
        blocks = json.loads(path.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValueError, RecursionError):
        raise _not_replaceable(path, "it is no configuration that can be read") from None
    if not isinstance(blocks, dict) or not (targets := blocks.keys() - {"medusa"}):
        raise _not_replaceable(path, "it has no target")
    for key in sorted(targets):
        if not _is_rehearsed(blocks[key]):
            raise _not_replaceable(path, f'its target "{key}" is not on this machine')


def _not_replaceable(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} exists and is not a sandbox's ({why}); it is left as it is: name another file")


def _is_rehearsed(block: object) -> bool:
    """Whether a target has endpoints, all on this machine."""
    endpoints = block.get("endpoints") if isinstance(block, dict) else None
    return isinstance(endpoints, dict) and bool(endpoints) and all(map(_is_loopback, endpoints.values()))


def _is_loopback(url: object) -> bool:
    try:
        host = urlsplit(str(url)).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
