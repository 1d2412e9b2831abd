"""Opening the cipher: is this the key that the database was written with?"""

from __future__ import annotations

from typing import Final, Protocol

from medusa.adapters.repositories.sql.crypt import Cipher
from medusa.adapters.repositories.sql.database import Connection
from medusa.domain.failures import ConfigError

_SENT: Final = (
    "SELECT step_key FROM steps WHERE may_be_out = 1 AND (checkpoint IS NOT NULL OR intent IS NOT NULL) LIMIT 1"
)
_FORGET: Final = "UPDATE steps SET checkpoint = NULL, intent = NULL WHERE checkpoint IS NOT NULL OR intent IS NOT NULL"


class KeyPlace(Protocol):
    """Where the key lies, apart from the database. Its methods raise ConfigError when the place cannot be used."""

    name: str
    """For messages: "the key file /home/me/tasks.db.key"."""

    def read(self) -> bytes | None:
        """The key; None when there is none."""
        ...

    def make(self) -> bytes:
        """A new key, kept; or the one that another process has made meanwhile."""
        ...

    def unusable(self, why: str) -> ConfigError:
        """What is told when the key there is not the one that is needed."""
        ...


def opened(connection: Connection, place: KeyPlace, *, shared: bool) -> Cipher:
    """The cipher for this database. In a writing transaction. `shared`: other machines use the database as well.

    With a new key, uploads begin anew. Raises ConfigError if something may be published, and what was sent can only be
    read with the key that is missing: going on without it might publish it twice. In a shared database others work with
    that key, so that no new one is made at all.
    """
    row = connection.row("SELECT key_id FROM cipher")
    key = place.read()
    if row is None:
        first = Cipher(key or place.make())
        connection.run("INSERT INTO cipher (key_id) VALUES (?)", first.key_id)
        return first
    cipher = Cipher(key) if key else None
    if cipher is not None and cipher.key_id == row[0]:
        return cipher
    why = "there is no key" if cipher is None else "it holds another key than these tasks were saved with"
    if shared:
        raise place.unusable(f"{why}: put the key there that other machines use for this database")
    sent = connection.row(_SENT)
    if sent is not None:
        raise place.unusable(f"{why}, and {sent[0]} may be published already: put the right key back")
    cipher = cipher or Cipher(place.make())
    connection.run(_FORGET)
    connection.run("UPDATE cipher SET key_id = ?", cipher.key_id)
    return cipher
