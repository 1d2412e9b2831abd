"""Limits and quotas that all processes share, on the tasks' database; credentials stay in their files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.store import Store

LOOK_EVERY_S: Final = 0.2
"""How soon a limit that another process met holds back calls here. Every call asks."""


class SqlAccounts(FileAccounts):
    """AccountsPort: what `FileAccounts` keeps in memory is kept in the database, which the repository closes."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._looked_at = -LOOK_EVERY_S

    def block(self, scope: str, until: float) -> None:
        self._store.write(lambda connection: _block(connection, scope, until))
        super().block(scope, until)

    def blocked_until(self, scopes: Iterable[str]) -> float:
        now = time.monotonic()
        if now - self._looked_at > LOOK_EVERY_S:
            self._looked_at = now
            with self._store.reading() as connection:
                found = connection.rows("SELECT scope, until FROM blocks")
            for scope, until in found:
                super().block(scope, until)
        return super().blocked_until(scopes)

    def throttle(self, target: str, rate: float | None) -> None:
        self._store.write(lambda connection: _throttle(connection, target, rate))

    def throttles(self) -> Mapping[str, float]:
        with self._store.reading() as connection:
            return {row[0]: row[1] for row in connection.rows("SELECT target, rate FROM throttles")}

    def spend(self, owner: str, what: str, units: int, period_end: float, limit: int | None = None) -> bool:
        return self._store.write(lambda connection: _spend(connection, owner, what, units, period_end, limit=limit))

    def spent(self, owner: str, what: str, now: float) -> tuple[int, float]:
        asked = (
            "SELECT units, period_end FROM spent WHERE owner = ? AND what = ? AND period_end > ?"
            " ORDER BY period_end LIMIT 1"
        )
        with self._store.reading() as connection:
            row = connection.row(asked, owner, what, now)
        return (row[0], row[1]) if row else (0, 0.0)


def _block(connection: Connection, scope: str, until: float) -> None:
    connection.run(
        "INSERT INTO blocks (scope, until) VALUES (?, ?)"
        " ON CONFLICT (scope) DO UPDATE SET until = excluded.until WHERE excluded.until > blocks.until",
        scope,
        until,
    )


def _throttle(connection: Connection, target: str, rate: float | None) -> None:
    connection.run("DELETE FROM throttles WHERE target = ?", target)
    if rate is not None:
        connection.run("INSERT INTO throttles (target, rate) VALUES (?, ?)", target, rate)


def _spend(connection: Connection, owner: str, what: str, units: int, period_end: float, *, limit: int | None) -> bool:
    asked = "SELECT units FROM spent WHERE owner = ? AND what = ? AND period_end = ?"
    booked = connection.row(asked, owner, what, period_end)
    if limit is not None and units + (booked[0] if booked else 0) > limit:
        return False
    past = "DELETE FROM spent WHERE owner = ? AND what = ? AND period_end < ?"
    connection.run(past, owner, what, period_end)
    connection.run(
        "INSERT INTO spent (owner, what, period_end, units) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (owner, what, period_end) DO UPDATE SET units = spent.units + excluded.units",
        owner,
        what,
        period_end,
        units,
    )
    return True
