"""Where the daemon listens."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc
from grpc import aio

from medusa.daemon.errors import CannotListen, InUse

OWNER_ONLY: Final = 0o177
UNMAPPED: Final = 65534
"""The owner of the system's folders as a container or a sandboxed unit sees them."""
LONGEST_PATH: Final = 107
"""Bytes of a Unix socket's path that the kernel takes."""


def listen(server: aio.Server, address: str, credentials: grpc.ServerCredentials | None = None) -> str:
    """Let the server listen at "unix:/PATH" or "HOST:PORT"; the address, with the port that it got.

    `credentials` are for TCP. Raises InUse or CannotListen.
    """
    if address.startswith("unix:"):
        _listen_unix(server, Path(address.removeprefix("unix:")))
        return address
    try:
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError:
        raise _refusal(address) from None
    return f"{address.rpartition(':')[0]}:{port}"


def _listen_unix(server: aio.Server, path: Path) -> None:
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise CannotListen(f"unix:{path}: the path is longer than {LONGEST_PATH} bytes")
    _check_free(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folders(path)
        with _mask(OWNER_ONLY):
            server.add_insecure_port(f"unix:{path}")
        path.chmod(0o600)
    except (RuntimeError, OSError) as error:
        raise CannotListen(f"unix:{path}: {_why(error) or _trial(socket.AF_UNIX, str(path))}") from None


def check_folders(path: Path) -> None:
    """Raises CannotListen where others may write: they could put a socket of theirs there, and be told what is ours."""
    for folder in path.resolve().parents:
        found = folder.stat()
        others = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if others or found.st_uid not in (0, os.geteuid(), UNMAPPED):
            raise CannotListen(f"unix:{path}: others may replace what is in {folder}: choose a folder of your own")


def _check_free(path: Path) -> None:
    """gRPC takes over whatever socket is there, also one on which another program listens."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"unix:{path}: there is something that is no socket")
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotListen(f"unix:{path}: {_why(error)}") from None
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise InUse(f"unix:{path}: another program listens there")


@contextmanager
def _mask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _refusal(address: str) -> CannotListen:
    """gRPC does not say why; the kernel does when it is asked again."""
    host, _, port = address.rpartition(":")
    try:
        family, *_, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    except OSError as error:
        return CannotListen(f"{address}: {_why(error)}")
    return CannotListen(f"{address}: {_trial(family, place)}")


def _trial(family: int, place: object) -> str:
    with socket.socket(family) as trial:
        try:
            trial.bind(place)  # type: ignore[arg-type]  # whatever the family calls an address
        except OSError as error:
            return _why(error)
    return "cannot listen there"


def _why(error: Exception) -> str:
    return (error.strerror or "").lower() if isinstance(error, OSError) else ""
