"""Credentials are renewed once for all, and replaced whole."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.domain.failures import FailureKind, PlatformError
from medusa.domain.values import Json

STALE = {"token": "old", "scopes": ["a", "b"]}
FRESH = {"token": "new", "scopes": ["a", "b"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(STALE))
    return path


def never(stale: Json) -> Json:
    raise AssertionError("there was no need to refresh")


def test_stale_credentials_are_refreshed_and_saved(file: Path) -> None:
    given: list[Json] = []

    def refresh(stale: Json) -> Json:
        given.append(stale)
        return FRESH

    assert FileAccounts().renew(str(file), STALE, refresh) == FRESH
    assert given == [STALE]
    assert json.loads(file.read_text()) == FRESH


def test_only_the_owner_can_read_them(file: Path) -> None:
    file.chmod(0o644)
    FileAccounts().renew(str(file), STALE, lambda stale: FRESH)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.with_name("credentials.json.lock").stat().st_mode) == 0o600


def test_credentials_that_are_newer_already_are_taken(file: Path) -> None:
    file.write_text(json.dumps(FRESH))
    assert FileAccounts().renew(str(file), STALE, never) == FRESH


def test_a_missing_file_is_made(file: Path) -> None:
    file.unlink()
    assert FileAccounts().renew(str(file), STALE, lambda stale: FRESH) == FRESH
    assert json.loads(file.read_text()) == FRESH


def test_a_link_to_the_file_stays_a_link(file: Path) -> None:
    link = file.with_name("link.json")
    link.symlink_to(file)
    FileAccounts().renew(str(link), STALE, lambda stale: FRESH)
    assert link.is_symlink()
    assert json.loads(file.read_text()) == FRESH


def test_a_refresh_that_fails_changes_nothing(file: Path) -> None:
    def refresh(stale: Json) -> Json:
        raise ConnectionError

    accounts = FileAccounts()
    with pytest.raises(ConnectionError):
        accounts.renew(str(file), STALE, refresh)
    assert json.loads(file.read_text()) == STALE
    assert accounts.renew(str(file), STALE, lambda stale: FRESH) == FRESH


def test_what_cannot_be_written_leaves_the_old_file_and_no_other(file: Path) -> None:
    with pytest.raises(TypeError):
        FileAccounts().renew(str(file), STALE, lambda stale: {"token": object()})
    assert json.loads(file.read_text()) == STALE
    assert {path.name for path in file.parent.iterdir()} == {"credentials.json", "credentials.json.lock"}


@pytest.mark.parametrize(
    ("content", "says"), [(b"{", "holds no JSON"), (b"\xff\xfe", "holds no JSON"), (None, "directory")]
)
def test_a_file_that_cannot_be_used_is_an_auth_failure(file: Path, content: bytes | None, says: str) -> None:
    if content is None:
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(PlatformError, match=says) as caught:
        FileAccounts().renew(str(file), STALE, never)
    assert caught.value.failure.kind is FailureKind.AUTH
    assert caught.value.failure.no_effect
    assert str(file) in caught.value.failure.said


def test_a_folder_that_is_not_there_is_an_auth_failure(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="No such file"):
        FileAccounts().renew(str(tmp_path / "gone" / "credentials.json"), STALE, never)


def test_threads_refresh_once(file: Path) -> None:
    accounts, start = FileAccounts(), threading.Barrier(8)
    refreshed: list[Json] = []
    found: list[Json] = []

    def refresh(stale: Json) -> Json:
        refreshed.append(stale)
        return FRESH

    def work() -> None:
        start.wait()
        found.append(accounts.renew(str(file), STALE, refresh))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refreshed == [STALE]
    assert found == [FRESH] * 8


def test_other_processes_are_kept_out_while_it_refreshes(file: Path) -> None:
    def refresh(stale: Json) -> Json:
        lock = os.open(file.with_name("credentials.json.lock"), os.O_RDWR)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
        return FRESH

    assert FileAccounts().renew(str(file), STALE, refresh) == FRESH
    with file.with_name("credentials.json.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_files_do_not_wait_for_each_other(file: Path) -> None:
    accounts, other = FileAccounts(), file.with_name("other.json")

    def refresh(stale: Json) -> Json:
        return accounts.renew(str(other), {}, lambda stale: FRESH)

    assert accounts.renew(str(file), STALE, refresh) == FRESH


def test_a_scope_is_held_back_until_the_latest_time() -> None:
    accounts = FileAccounts()
    accounts.block("page:1", 50.0)
    accounts.block("page:1", 40.0)
    accounts.block("app:1", 70.0)
    assert accounts.blocked_until(["page:1"]) == 50.0
    assert accounts.blocked_until(["page:1", "app:1", "page:2"]) == 70.0
    assert accounts.blocked_until(["page:2"]) == 0.0
    assert accounts.blocked_until([]) == 0.0
