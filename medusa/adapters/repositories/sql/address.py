"""Where a PostgreSQL server is, and what of that may be shown."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SECRET = ("password", "sslpassword")
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "11000",
}
"""A server that has vanished is noticed within about ten seconds, also while bytes are on their way to it."""
_SERVERS_PATIENCE: Final = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
"""So does the server notice that this machine has vanished: left to itself it holds its locks for two hours more."""


class Address:
    """A libpq connection URI. Neither it nor its errors show the password."""

    def __init__(self, url: str) -> None:
        """Raises ValueError when it is no connection URI."""
        try:
            self._parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # its text may quote the password
            raise ValueError("the address cannot be read: write it like postgresql://USER:PASSWORD@HOST/NAME") from None
        self._conninfo = make_conninfo(**{**_PATIENCE, **{name: str(value) for name, value in self._parts.items()}})

    def __repr__(self) -> str:
        return f"Address({self.name})"

    def connect(self, settings: str = "") -> psycopg.Connection[Any]:
        """A connection without transactions of its own. `settings`: of the server, "-c NAME=VALUE ...".

        Raises psycopg.Error.
        """
        options = f"{_SERVERS_PATIENCE} {self._parts.get('options') or ''} {settings}"
        return psycopg.connect(self._conninfo, autocommit=True, options=options)

    @property
    def name(self) -> str:
        """The server and the database, without user and password: "db.example.org/medusa"."""
        host, port, base = (self._parts.get(part) for part in ("host", "port", "dbname"))
        where = f"{host or 'localhost'}:{port}" if port else str(host or "localhost")
        return f"{where}/{base or self._parts.get('user') or ''}"

    def masked(self, text: str) -> str:
        """The text without the secrets of this address."""
        for part in _SECRET:
            secret = self._parts.get(part)
            if secret:
                text = text.replace(str(secret), "***")
        return text
