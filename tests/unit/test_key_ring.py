"""The key in the system's keyring, for which one in memory stands in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from medusa.domain.failures import ConfigError
from tests.support import require

INSTALLED = importlib.util.find_spec("keyring") is not None

if INSTALLED:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.backends.fail import Keyring as NoKeyring
    from keyring.errors import KeyringLocked

    from medusa.adapters.repositories.sql.key_ring import KeyRing

    class InMemory(KeyringBackend):
        """One that remembers, as long as it is not locked."""

        priority = 1

        def __init__(self) -> None:
            super().__init__()
            self.kept: dict[tuple[str, str], str] = {}
            self.locked = False

        def get_password(self, service: str, username: str) -> str | None:
            if self.locked:
                raise KeyringLocked("the collection is locked")
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password


@pytest.fixture
def ring() -> Iterator[InMemory]:
    require(INSTALLED, "pip install 'medusa-media[keyring]'")
    before, mine = keyring.get_keyring(), InMemory()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_the_key_is_made_once(ring: InMemory) -> None:
    assert KeyRing("/tasks.db").read() is None
    key = KeyRing("/tasks.db").make()
    assert KeyRing("/tasks.db").read() == key
    assert KeyRing("/other.db").read() is None
    assert list(ring.kept) == [("medusa", "/tasks.db")]


def test_what_is_no_key_is_refused_and_not_shown(ring: InMemory) -> None:
    ring.kept["medusa", "/tasks.db"] = "hunter2"
    with pytest.raises(ConfigError, match=r"medusa\.engine\.key: .*'/tasks\.db'.* holds no key") as refused:
        KeyRing("/tasks.db").read()
    assert "hunter2" not in str(refused.value)


def test_a_locked_keyring_is_told(ring: InMemory) -> None:
    ring.locked = True
    with pytest.raises(ConfigError, match="the collection is locked"):
        KeyRing("/tasks.db").read()


def test_a_machine_without_a_keyring_is_told(ring: InMemory) -> None:
    keyring.set_keyring(NoKeyring())
    with pytest.raises(ConfigError, match="cannot be used: No recommended backend"):
        KeyRing("/tasks.db").read()
