"""What gives access is encrypted, bound to its place, with a key that is made once."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa.adapters.repositories.sql.crypt import Cipher, Unreadable, cipher_of
from medusa.domain.failures import ConfigError

KEY = bytes(range(32))


def test_a_text_comes_back() -> None:
    cipher = Cipher(KEY)
    sealed = cipher.encrypt("sesión", "a")
    assert cipher.decrypt(sealed, "a") == "sesión"
    assert b"sesi" not in sealed
    assert cipher.encrypt("sesión", "a") != sealed, "the same text looks another each time"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[:5],
        lambda sealed: b"",
        lambda sealed: b"\x02" + sealed[1:],
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    ],
)
def test_what_is_damaged_is_not_read(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Unreadable):
        Cipher(KEY).decrypt(spoil(Cipher(KEY).encrypt("text", "a")), "a")


def test_another_place_or_key_does_not_read_it() -> None:
    sealed = Cipher(KEY).encrypt("text", "a")
    with pytest.raises(Unreadable):
        Cipher(KEY).decrypt(sealed, "b")
    with pytest.raises(Unreadable):
        Cipher(KEY[::-1]).decrypt(sealed, "a")


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "key"
    first = cipher_of(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["key"]
    assert cipher_of(file).decrypt(first.encrypt("text", "a"), "a") == "text"
    assert cipher_of(tmp_path / "other").key_id != first.key_id


def test_all_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    start, ids = threading.Barrier(8), list[str]()

    def make() -> None:
        start.wait(20.0)
        ids.append(cipher_of(tmp_path / "key").key_id)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert len(ids) == 8
    assert len(set(ids)) == 1


@pytest.mark.parametrize("content", [b"", b"hunter2", b"!" * 44, b"QUJD", b"\xff\xfe"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match="holds no key"):
        cipher_of(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == content


def test_a_key_file_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        cipher_of(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        cipher_of(tmp_path / "file" / "key")
