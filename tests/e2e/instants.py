"""The instants that a process passes while it publishes: each line saved, each exchange, each visible send.

Tests hang on to them from outside: nothing of this is in the product.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.repositories.sql.sqlite import SqliteConnection
from medusa.domain.ports import Call

Kind = Literal["line", "exchange", "send"]
"""A commit of the file of tasks; a request and its reply; one that makes something visible, which is no "exchange"."""
Side = Literal["before", "after"]
Act = Callable[[SqliteConnection | None], None]
"""What happens there; a line comes with the connection that saves it."""


@dataclass(frozen=True, slots=True)
class Instant:
    """The `number`-th line, exchange or send that a process comes to, counted from 1."""

    kind: Kind
    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.kind} {self.number}"


@dataclass
class Passing:
    """Notes what is passed, and acts at what `strikes`."""

    strikes: Callable[[Instant], bool]
    act: Act
    passed: list[Kind] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, replace: Callable[[Any, str, Any], None] = setattr) -> Passing:
        """From now on, in this process; `replace` puts a function in the place of another."""
        commit, exchange = SqliteConnection.commit, Http.exchange

        def committed(connection: SqliteConnection) -> None:
            number = self._pass("line", connection)
            commit(connection)
            self._strike(Instant("line", number, "after"), connection)

        def exchanged(http: Http, call: Call, request: Request) -> Reply:
            kind: Kind = "send" if request.fresh else "exchange"
            number = self._pass(kind, None)
            reply = exchange(http, call, request)
            self._strike(Instant(kind, number, "after"), None)
            return reply

        replace(SqliteConnection, "commit", committed)
        replace(Http, "exchange", exchanged)
        return self

    def _pass(self, kind: Kind, connection: SqliteConnection | None) -> int:
        with self._lock:
            self.passed.append(kind)
            number = self.passed.count(kind)
        self._strike(Instant(kind, number, "before"), connection)
        return number

    def _strike(self, instant: Instant, connection: SqliteConnection | None) -> None:
        if self.strikes(instant):
            self.act(connection)
