"""The daemon's Unix socket lies where nobody else can put another one in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medusa.daemon.errors import CannotListen
from medusa.daemon.listening import check_folders
from tests.support import require


@pytest.mark.parametrize("mode", [0o777, 0o702])
def test_a_folder_that_anyone_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    own = tmp_path / "shared" / "own"
    own.mkdir(parents=True)
    own.parent.chmod(mode)
    with pytest.raises(CannotListen, match=f"others may replace what is in {own.parent}"):
        check_folders(own / "medusad.sock")


def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "be root: it gives a folder away")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(CannotListen, match=f"others may replace what is in {theirs}"):
        check_folders(theirs / "medusad.sock")


def test_ones_own_folder_and_one_like_tmp_will_do(tmp_path: Path) -> None:
    sticky = tmp_path / "tmp"
    sticky.mkdir()
    sticky.chmod(0o1777)
    check_folders(tmp_path / "medusad.sock")
    check_folders(sticky / "medusad.sock")
