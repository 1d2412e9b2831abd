"""What gives access is encrypted, bound to its place, with a key that is made once."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa.adapters.repositories.sql.crypt import Cipher, Unreadable
from medusa.adapters.repositories.sql.key_file import KeyFile
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
    first = KeyFile(file).make()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["key"]
    assert KeyFile(file).read() == KeyFile(file).make() == first
    assert KeyFile(tmp_path / "other").read() is None
    assert KeyFile(tmp_path / "other").make() != first
    assert Cipher(first).key_id != Cipher(KEY).key_id


def test_all_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    start, keys = threading.Barrier(8), list[bytes]()

    def make() -> None:
        start.wait(20.0)
        keys.append(KeyFile(tmp_path / "key").make())

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("content", [b"", b"hunter2", b"!" * 44, b"QUJD", b"\xff\xfe"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match="holds no key"):
        KeyFile(tmp_path / "key").read()
    assert (tmp_path / "key").read_bytes() == content


def test_a_key_file_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        KeyFile(tmp_path).read()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        KeyFile(tmp_path / "file" / "key").make()
