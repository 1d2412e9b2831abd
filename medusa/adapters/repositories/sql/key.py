"""Opening the cipher: is this the key that the database was written with?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from medusa.adapters.repositories.sql.crypt import Cipher, cipher_of
from medusa.adapters.repositories.sql.database import Connection
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

_SENT: Final = (
    "SELECT step_key FROM steps WHERE may_be_out = 1 AND (checkpoint IS NOT NULL OR intent IS NOT NULL) LIMIT 1"
)
_FORGET: Final = "UPDATE steps SET checkpoint = NULL, intent = NULL WHERE checkpoint IS NOT NULL OR intent IS NOT NULL"


def opened(connection: Connection, file: Path) -> Cipher:
    """The cipher for this database. In a writing transaction.

    With a new key, uploads begin anew. Raises ConfigError if something may be published, and what was sent can only be
    read with the key that is missing: going on without it might publish it twice.
    """
    row = connection.row("SELECT key_id FROM cipher")
    if row is None:
        first = cipher_of(file)
        connection.run("INSERT INTO cipher (key_id) VALUES (?)", first.key_id)
        return first
    cipher = cipher_of(file) if file.exists() else None
    if cipher is not None and cipher.key_id == row[0]:
        return cipher
    sent = connection.row(_SENT)
    if sent is not None:
        why = "is missing" if cipher is None else "holds another key than these tasks were saved with"
        said = f"the key file {file} {why}, and {sent[0]} may be published already: put the right key back"
        raise ConfigError([Problem("engine.key_file", said)])
    cipher = cipher or cipher_of(file)
    connection.run(_FORGET)
    connection.run("UPDATE cipher SET key_id = ?", cipher.key_id)
    return cipher
