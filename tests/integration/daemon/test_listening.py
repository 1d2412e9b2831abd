"""A Unix socket lies where nobody else can put another one in its place."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from grpc import aio

from medusa.daemon.errors import CannotListen
from medusa.daemon.listening import listen
from tests.support import require


def listens(path: Path) -> str:
    async def program() -> str:
        server = aio.server()
        address = listen(server, f"unix:{path}")
        await server.start()
        await server.stop(None)
        return address

    return asyncio.run(program())


def test_its_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "medusad.sock"
    assert listens(path) == f"unix:{path}"
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o702])
def test_a_folder_that_anyone_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    with pytest.raises(CannotListen, match=f"others may replace what is in {shared}"):
        listens(shared / "own" / "medusad.sock")


def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "be root: it gives a folder away")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(CannotListen, match=f"others may replace what is in {theirs}"):
        listens(theirs / "medusad.sock")


def test_a_folder_like_tmp_will_do(tmp_path: Path) -> None:
    sticky = tmp_path / "tmp"
    sticky.mkdir()
    sticky.chmod(0o1777)
    assert listens(sticky / "medusad.sock")
