"""What a valid configuration may still get wrong: secrets that others can read, files that are not there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from medusa.config.reading import under
from medusa.config.settings import Settings
from medusa.domain.platform import Platform
from medusa.domain.values import Problem


def concerns(settings: Settings, platforms: Mapping[str, Platform], file: Path | None = None) -> tuple[Problem, ...]:
    """Warnings about the files that the settings name, and about `file`, which they were read from."""
    found: list[Problem] = []
    if file and any(_holds_secret(target.account) for target in settings.targets.values()):
        found += _of_file(str(file), file)
    for key, target in settings.targets.items():
        named = list(_files(key, target.account))
        for path, each in named:
            found += _of_file(path, each)
        if platforms[target.target.platform].login and any(_is_missing(each) for _, each in named):
            found.append(Problem(key, f"not logged in, it seems: medusa auth login {key}"))
    return tuple(found)


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _of_file(path: str, file: Path) -> Iterator[Problem]:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        yield Problem(path, f"there is no file {file}")
    except OSError as error:
        yield Problem(path, f"{file} cannot be looked at: {error.strerror or type(error).__name__}")
    else:
        if os.name == "posix" and stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Problem(path, f"others may read it (mode {stat.S_IMODE(mode):04o}): chmod 600 {file}")


def _holds_secret(account: Any) -> bool:
    return any(not one.repr and getattr(account, one.name) for one in fields(account))


def _files(path: str, block: Any) -> Iterator[tuple[str, Path]]:
    for one in fields(block):
        value = getattr(block, one.name)
        if isinstance(value, Path):
            yield under(path, one.name), value
        elif is_dataclass(value):
            yield from _files(under(path, one.name), value)
