"""Locks that end with their holder."""

from __future__ import annotations

import threading
from pathlib import Path

from medusa.adapters.repositories.sql.lockfile import LockFile


def test_a_lock_is_seen_by_others_until_it_is_freed(tmp_path: Path) -> None:
    ours, theirs = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    ours.lock(5)
    assert theirs.locked(5)
    assert not ours.locked(5), "one's own do not count"
    assert not theirs.locked(4)
    assert not theirs.locked(6)
    ours.unlock(5)
    assert not theirs.locked(5)
    ours.close()
    theirs.close()


def test_who_closes_frees_all(tmp_path: Path) -> None:
    ours, theirs = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    ours.lock(1)
    ours.lock(2)
    ours.close()
    ours.close()
    assert not theirs.locked(1)
    assert not theirs.locked(2)
    theirs.close()


def test_so_does_who_is_forgotten(tmp_path: Path) -> None:
    ours, theirs = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    ours.lock(1)
    del ours
    assert not theirs.locked(1)
    theirs.close()


def test_who_locks_waits_for_the_other(tmp_path: Path) -> None:
    ours, theirs = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    ours.lock(1)
    got = threading.Event()

    def lock() -> None:
        theirs.lock(1)
        got.set()

    waiting = threading.Thread(target=lock)
    waiting.start()
    assert not got.is_set()
    ours.close()
    waiting.join(20.0)
    assert got.is_set()
    theirs.close()
