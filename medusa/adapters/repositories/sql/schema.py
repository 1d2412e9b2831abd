"""The tables, made by numbered migrations that are never changed once they are released."""

from __future__ import annotations

from typing import Final

from medusa.adapters.repositories.sql.database import Connection
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

_FIRST: Final = (
    """CREATE TABLE tasks (
        seq {serial},
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        revision BIGINT NOT NULL,
        epoch BIGINT NOT NULL DEFAULT 0,
        cancel_asked INTEGER NOT NULL DEFAULT 0,
        paused INTEGER NOT NULL DEFAULT 0,
        holder BIGINT,
        created_at DOUBLE PRECISION NOT NULL,
        updated_at DOUBLE PRECISION NOT NULL,
        finished_at DOUBLE PRECISION,
        finish_no BIGINT,
        idempotency_key TEXT UNIQUE,
        fingerprint TEXT NOT NULL
    )""",
    "CREATE INDEX tasks_by_status ON tasks (status, seq)",
    "CREATE INDEX tasks_by_end ON tasks (finish_no) WHERE finish_no IS NOT NULL",
    "CREATE INDEX tasks_by_holder ON tasks (holder) WHERE holder IS NOT NULL",
    "CREATE TABLE requests (task_id TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE task_targets (target TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (target, seq))",
    "CREATE INDEX targets_of_task ON task_targets (seq)",
    """CREATE TABLE steps (
        task_id TEXT NOT NULL,
        place INTEGER NOT NULL,
        step_key TEXT NOT NULL,
        state TEXT NOT NULL,
        required INTEGER NOT NULL,
        may_be_out INTEGER NOT NULL,
        progress TEXT NOT NULL,
        checkpoint {bytes},
        intent {bytes},
        spec TEXT NOT NULL,
        PRIMARY KEY (task_id, step_key)
    )""",
    "CREATE INDEX steps_with_secrets ON steps (may_be_out) WHERE checkpoint IS NOT NULL OR intent IS NOT NULL",
    "CREATE TABLE counts (status TEXT PRIMARY KEY, n BIGINT NOT NULL)",
    "INSERT INTO counts VALUES ('pending', 0), ('in_progress', 0), ('completed', 0), ('failed', 0)",
    """CREATE TABLE holders (
        id BIGINT PRIMARY KEY, pid BIGINT NOT NULL, host TEXT NOT NULL, since DOUBLE PRECISION NOT NULL
    )""",
    "CREATE TABLE blocks (scope TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL)",
    """CREATE TABLE spent (
        owner TEXT NOT NULL,
        what TEXT NOT NULL,
        period_end DOUBLE PRECISION NOT NULL,
        units BIGINT NOT NULL,
        PRIMARY KEY (owner, what, period_end)
    )""",
    "CREATE TABLE cipher (key_id TEXT NOT NULL)",
)
_THROTTLES: Final = ("CREATE TABLE throttles (target TEXT PRIMARY KEY, rate DOUBLE PRECISION NOT NULL)",)
_PUBLISHED: Final = (
    "ALTER TABLE steps ADD COLUMN published TEXT",
    "CREATE INDEX steps_by_published ON steps (published) WHERE published IS NOT NULL",
)
_BY_CREATION: Final = ("CREATE INDEX tasks_by_creation ON tasks (created_at, seq)",)
MIGRATIONS: Final = (_FIRST, _THROTTLES, _PUBLISHED, _BY_CREATION)
"""The n-th of them brings version n - 1 to version n."""


def migrate(connection: Connection, name: str, serial: str, bytes_: str) -> None:
    """Bring the tables to this program's version, within the caller's transaction.

    `serial`, `bytes_`: the dialect's types for a key that counts up and for bytes. Raises ConfigError when the tables
    are newer than this program.
    """
    connection.run("CREATE TABLE IF NOT EXISTS medusa_schema (version INTEGER NOT NULL)")
    row = connection.row("SELECT version FROM medusa_schema")
    version = row[0] if row else 0
    if version > len(MIGRATIONS):
        said = f"{name} was written by a newer Medusa (version {version} of its tables, known here: {len(MIGRATIONS)})"
        raise ConfigError([Problem("medusa.engine", f"{said}: upgrade Medusa, or keep tasks elsewhere")])
    if version == len(MIGRATIONS):
        return
    for migration in MIGRATIONS[version:]:
        for statement in migration:
            connection.run(statement.format(serial=serial, bytes=bytes_))
    connection.run("DELETE FROM medusa_schema")
    connection.run("INSERT INTO medusa_schema VALUES (?)", len(MIGRATIONS))
