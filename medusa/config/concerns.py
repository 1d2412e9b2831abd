"""What a valid configuration may still get wrong: secrets that others can read, files that are not there or no use.

The account of a platform says in its fields' metadata what it knows of a file: "made_by" is a sentence on where the
file comes from, "flaw" a function that says what is wrong with the file's JSON value, "" for nothing, "public" that all
may read it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from medusa.config.reading import read, under
from medusa.config.settings import Settings
from medusa.domain.values import Problem

_About = Mapping[str, Any]
"""A field's metadata."""
_NOTHING: Final[_About] = {}


def concerns(settings: Settings, file: Path | None = None) -> tuple[Problem, ...]:
    """Warnings about the files that the settings name, and about `file`, which they were read from."""
    found: list[Problem] = []
    blocks = (settings.engine, *(target.account for target in settings.targets.values()))
    if file and any(map(_holds_secret, blocks)):
        found += _of_file(str(file), file, "", _NOTHING)
    for key, target in settings.targets.items():
        for path, each, about in _files(key, target.account):
            found += _of_file(path, each, key, about)
    if settings.daemon.tls:
        for path, each, about in _files("medusa.daemon.tls", settings.daemon.tls):
            found += _of_file(path, each, "", about)
    return tuple(found)


def _of_file(path: str, file: Path, target: str, about: _About) -> Iterator[Problem]:
    origin = str(about.get("made_by", "")).format(target=target)
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        yield Problem(path, f"there is no file {file}{origin and f'; {origin}'}")
    except OSError as error:
        yield Problem(path, f"{file} cannot be looked at: {error.strerror or type(error).__name__}")
    else:
        if says := _flaw(file, about):
            yield Problem(path, f"{says}{origin and f'; {origin}'}")
        private = not about.get("public") and os.name == "posix" and stat.S_ISREG(mode)
        if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Problem(path, f"others may read it (mode {stat.S_IMODE(mode):04o}): chmod 600 {file}")


def _holds_secret(block: Any) -> bool:
    return any(not one.repr and getattr(block, one.name) for one in fields(block))


def _flaw(file: Path, about: _About) -> str:
    flaw: Callable[[Any], str] | None = about.get("flaw")
    if flaw is None:
        return ""
    value, problems = read(file)
    says = problems[0].says if problems else flaw(value)
    return f"{file}: {says}" if says else ""


def _files(path: str, block: Any) -> Iterator[tuple[str, Path, _About]]:
    for one in fields(block):
        value = getattr(block, one.name)
        if isinstance(value, Path):
            yield under(path, one.name), value, one.metadata
        elif is_dataclass(value):
            yield from _files(under(path, one.name), value)
