"""Opens media files: regular ones only and, where folders are given, only what lies beneath them.

A path is resolved once, when the media is found. From then on each open walks from the folder down, component by
component, and follows no symbolic link: what is moved or linked between two opens leads nowhere else.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Final

from medusa.domain.failures import MediaError
from medusa.domain.values import Media

_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
"""Not blocking, so that a FIFO without a writer cannot hold its reader up."""
_STEP: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC | os.O_DIRECTORY
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def found(media: Media, roots: Sequence[Path]) -> Media:
    """The media at its absolute path, where there is a regular file; beneath one of the `roots`, if there are any.

    A relative path is taken from the first of them, else from the working directory. Raises MediaError, in words that
    name only the path that was given: whether anything is outside the roots is not told.
    """
    try:
        placed = _beneath(media, roots) if roots else replace(media, uri=str(Path(media.uri).absolute()))
        _regular(placed, media.uri).close()
    except PermissionError:
        pass  # that ends the task, like everything else about media but that there are any
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise MediaError(f"there is no file {media.uri}") from None
        raise MediaError(f"{media.uri} cannot be looked at: {_reason(error)}") from None
    except ValueError:
        raise MediaError("a path cannot hold a NUL character") from None
    return placed


def opened(media: Media) -> FileIO:
    """The media's file at its first byte. Raises MediaError."""
    try:
        return _regular(media, media.name)
    except OSError as error:
        raise MediaError(f"{media.name} cannot be read: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    return (error.strerror or "unknown error").lower()


def _beneath(media: Media, roots: Sequence[Path]) -> Media:
    path = roots[0] / media.uri
    resolved = [Path(os.path.realpath(root)) for root in roots]
    if ".." not in path.parts and any(path.is_relative_to(root) for root in (*roots, *resolved)):
        real = Path(os.path.realpath(path))
        for root in resolved:
            if real.is_relative_to(root):
                return replace(media, uri=str(real), beneath=str(root))
    raise MediaError(f"{media.uri} is outside the folders that may be read here")


def _regular(media: Media, called: str) -> FileIO:
    descriptor = _walked(media) if media.beneath else os.open(media.uri, _READ)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return FileIO(descriptor, "rb")
    os.close(descriptor)
    raise MediaError(f"{called} is {'a directory' if stat.S_ISDIR(mode) else 'not a regular file'}")


def _walked(media: Media) -> int:
    """A descriptor of the file, reached from `media.beneath` without following a link."""
    *folders, name = Path(media.uri).relative_to(media.beneath).parts or (".",)
    at = os.open(media.beneath, _STEP)
    try:
        for folder in folders:
            below = os.open(folder, _STEP | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, _READ | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)


def sync(folder: Path) -> None:
    """Make what was renamed, linked or deleted in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
