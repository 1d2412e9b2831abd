"""The instants that a process passes while it publishes: each line saved, each exchange, each visible send.

Tests hang on to them from outside: nothing of this is in the product. How many lines a task saves depends on how fast
it goes; a line that must be met is named by what it saves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, Literal

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.sqlite import SqliteConnection
from medusa.domain.ports import Call

CONNECTIONS: Final[list[Any]] = [SqliteConnection]
if find_spec("psycopg"):
    from medusa.adapters.repositories.sql.postgres import PostgresConnection

    CONNECTIONS.append(PostgresConnection)

Milestone = Literal["opened", "intent", "done"]
"""A line that saves the first checkpoint of a step, the intent of one, the success of one."""
Kind = Literal["line", "exchange", "send"] | Milestone
"""A commit of tasks; a request and its reply; one that makes something visible, which is no "exchange"."""
Side = Literal["before", "after"]
Act = Callable[[Connection | None], None]
"""What happens there; a line comes with the connection that saves it."""
REACHED: Final[dict[Milestone, str]] = {
    "opened": "SELECT step_key FROM steps WHERE checkpoint IS NOT NULL",
    "intent": "SELECT step_key FROM steps WHERE intent IS NOT NULL",
    "done": "SELECT step_key FROM steps WHERE state = 'succeeded'",
}


@dataclass(frozen=True, slots=True)
class Instant:
    """The `number`-th instant of its kind that a process comes to, counted from 1; of a milestone, the n-th step's."""

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
    _steps: dict[Milestone, set[str]] = field(default_factory=lambda: {milestone: set() for milestone in REACHED})
    """Those that have reached it."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, replace: Callable[[Any, str, Any], None] = setattr) -> Passing:
        """From now on, in this process; `replace` puts a function in the place of another."""
        for kind in CONNECTIONS:
            replace(kind, "commit", self._watching(kind.commit))
        exchange = Http.exchange

        def exchanged(http: Http, call: Call, request: Request) -> Reply:
            kind: Kind = "send" if request.fresh else "exchange"
            number = self._pass(kind, None)
            reply = exchange(http, call, request)
            self._strike(Instant(kind, number, "after"), None)
            return reply

        replace(Http, "exchange", exchanged)
        return self

    def _watching(self, commit: Callable[[Connection], None]) -> Callable[[Connection], None]:
        def committed(connection: Connection) -> None:
            kinds: list[Kind] = ["line", *self._milestones(connection)]
            numbers = [(kind, self._pass(kind, connection)) for kind in kinds]
            commit(connection)
            for kind, number in numbers:
                self._strike(Instant(kind, number, "after"), connection)

        return committed

    def _milestones(self, connection: Connection) -> Iterator[Milestone]:
        """One for each step that reaches it with this line."""
        for milestone, reached in REACHED.items():
            new = {row[0] for row in connection.rows(reached)} - self._steps[milestone]
            self._steps[milestone] |= new
            yield from [milestone] * len(new)

    def _pass(self, kind: Kind, connection: Connection | None) -> int:
        with self._lock:
            self.passed.append(kind)
            number = self.passed.count(kind)
        self._strike(Instant(kind, number, "before"), connection)
        return number

    def _strike(self, instant: Instant, connection: Connection | None) -> None:
        if self.strikes(instant):
            self.act(connection)
