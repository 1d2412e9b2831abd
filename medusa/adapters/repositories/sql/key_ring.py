"""The key in the system's keyring. Needs the extra `keyring`."""

from __future__ import annotations

from typing import Final

import keyring
from keyring.errors import KeyringError

from medusa.adapters.repositories.sql.crypt import key_of, new_key
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

_SERVICE: Final = "medusa"


class KeyRing:
    """KeyPlace in whatever keyring the system offers: Secret Service, KWallet, macOS Keychain, Windows' locker."""

    def __init__(self, entry: str) -> None:
        """`entry`: the name under which the key lies; one for each database."""
        self._entry = entry
        self.name = f"the system keyring's entry {entry!r} of {_SERVICE!r}"

    def read(self) -> bytes | None:
        try:
            kept = keyring.get_password(_SERVICE, self._entry)
        except KeyringError as error:
            raise self.unusable(error) from None
        if kept is None:
            return None
        key = key_of(kept.encode())
        if key is None:
            raise self.unusable("it holds no key")
        return key

    def make(self) -> bytes:
        try:
            keyring.set_password(_SERVICE, self._entry, new_key().decode())
        except KeyringError as error:
            raise self.unusable(error) from None
        key = self.read()
        if key is None:
            raise self.unusable("it forgets at once what is put there")
        return key

    def unusable(self, why: KeyringError | str) -> ConfigError:
        said = f"{self.name} cannot be used: {str(why) or type(why).__name__}"
        return ConfigError([Problem("medusa.engine.key", said)])
