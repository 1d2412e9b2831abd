"""A task whose process dies by SIGKILL at some instant, and fresh processes that go on with it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from medusa.sandbox import Sandbox
from tests.e2e.child import Answer, Order
from tests.e2e.instants import Instant, Kind
from tests.e2e.processes import Processes
from tests.e2e.talk import ASKED, OPTIONS, existing, talk, written_config
from tests.postgres import fresh

UPLOADS = (("youtube", "video.bytes"), ("vimeo", "tus.patch"), ("facebook", "video.transfer"))


@dataclass(frozen=True, slots=True)
class Held:
    """The `number`-th request of an operation, which the sandbox holds up while the process dies."""

    platform: str
    operation: str
    number: int
    offset: int | None = None
    """After so many bytes of its body; None: after it was done, before its reply."""

    def __str__(self) -> str:
        where = "before the reply of" if self.offset is None else f"{self.offset:,} bytes into"
        return f"{where} {self.platform} {self.operation} {self.number}"

    def fault(self) -> dict[str, Any]:
        """What holds it up."""
        held = {"platform": self.platform, "operation": self.operation, "skip": self.number - 1}
        if self.offset is None:
            return {**held, "kind": "delay", "seconds": 60.0}
        return {**held, "kind": "stall", "after": self.offset}


@dataclass(frozen=True, slots=True)
class Kill:
    """When the process dies; and when the next one does, if it does."""

    at: Instant | Held
    again: Instant | None = None

    def __str__(self) -> str:
        return f"{self.at}, then {self.again}" if self.again else str(self.at)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was there after the last process."""

    kill: Kill | None
    deaths: int
    answer: Answer
    """The last process's."""
    settled: dict[str, str]
    """Posts of unknown outcome that were settled by hand, by target: the id, or "" for one that was not there."""
    exist: dict[str, int]
    sent_again: int
    """Bytes of media that reached a platform more than once, and what is around them."""


class Bench:
    """One sandbox; and a folder with a config, a media file and the file of tasks, anew for each task.

    With the address of a PostgreSQL server tasks are in a database there, which is a new one each time as well.
    """

    def __init__(self, directory: Path, server: str = "") -> None:
        self._directory = directory
        self._server = server
        self._runs = 0
        self.sandbox = Sandbox(options=OPTIONS)
        self._processes = Processes()

    def __enter__(self) -> Bench:
        self.sandbox.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._processes.__exit__(kind, error, _)
        self.sandbox.close()

    def run(self, kill: Kill | None = None) -> Outcome:
        """Publish, die, go on, and settle what nobody knows."""
        self.sandbox.reset()
        order, deaths, answers = self._order(), 0, list[Answer]()
        for at in (kill.at, kill.again) if kill else ():
            if at and (answer := self._struck(order, at)):
                answers.append(answer)
                break
            deaths += at is not None
        if not answers:
            answers.append(self._whole(order))
        settled: dict[str, str] = {}
        while answers[-1].unsure and len(settled) < len(ASKED):
            target = answers[-1].unsure[0]
            settled[target] = self._found(target)
            answers.append(self._whole(replace(order, settle=[settled[target]])))
        sent_again = self._received() - len(UPLOADS) * Path(order.media).stat().st_size
        return Outcome(kill, deaths, answers[-1], settled, existing(self.sandbox), sent_again)

    def _whole(self, order: Order) -> Answer:
        answer = self._processes.carry_out(self._out(order))
        assert answer is not None
        return answer

    def _struck(self, order: Order, at: Instant | Held) -> Answer | None:
        """The process's answer, if it has ended before it was to die."""
        order = self._out(order)
        if isinstance(at, Instant):
            return self._processes.carry_out(replace(order, at=at))
        self.sandbox.fault(**at.fault())
        pid = self._processes.start(order)
        while not self._processes.has_ended():
            try:
                self.sandbox.wait_for(at.platform, at.operation, count=at.number, timeout=1.0)
            except TimeoutError:
                continue
            self._until_held_up(at)
            os.kill(pid, signal.SIGKILL)
            break
        self.sandbox.clear_faults()
        return self._processes.answer(order, pid)

    def _until_held_up(self, at: Held) -> None:
        """Until the request has come as far as its fault lets it; no longer than a while, for some are shorter."""
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            record = [one for one in self.sandbox.log() if _is_of(one, at.platform, at.operation)][at.number - 1]
            length = int(record["headers"].get("content-length", 0))
            if record["received"] >= min(length, length if at.offset is None else at.offset):
                return

    def _out(self, order: Order) -> Order:
        """The same, with a file of its own for what it prints."""
        self._runs += 1
        return replace(order, out=str(Path(order.config).with_name(f"out-{self._runs}")))

    def _order(self) -> Order:
        self._runs += 1
        database_url = fresh(self._server, f"bench_{self._directory.name}") if self._server else ""
        config = written_config(self.sandbox, self._directory / str(self._runs), database_url=database_url)
        return Order(str(config), "", str(talk(config.parent)), ASKED, "talk-1")

    def _found(self, target: str) -> str:
        """The post's id, as a person finds it on the Page; empty if it is not there."""
        message = ASKED[target]["message"].partition("{")[0]
        posts = self.sandbox.state()["facebook"]["posts"]
        return next((post["id"] for post in posts if str(post["message"]).startswith(message)), "")

    def _received(self) -> int:
        records = self.sandbox.log()
        return sum(one["received"] for one in records for upload in UPLOADS if _is_of(one, *upload))


def _is_of(record: dict[str, Any], platform: str, operation: str) -> bool:
    return bool((record["platform"], record["operation"]) == (platform, operation))


def kills(answer: Answer, log: list[dict[str, Any]], count: int) -> Iterator[Kill]:
    """Spread over a whole task: half of them around its lines, exchanges and sends, half within its requests.

    `answer`, `log`: of a task that nobody has killed. Every fifth time the next process dies as well.
    """
    chance = random.Random(count)
    instants = list(_instants(answer.passed))
    requests = list(_numbered(log))
    uploads = [one for one in requests if (one.platform, one.operation) in UPLOADS]
    sizes = {one: int(record["headers"].get("content-length", 0)) for one, record in zip(requests, log, strict=True)}
    for n in range(count):
        at: Instant | Held = instants[n * len(instants) // count]
        if n % 4 == 1:
            at = requests[n * len(requests) // count]
        elif n % 4 == 3:
            at = chance.choice(uploads)
            at = replace(at, offset=chance.randrange(sizes[at]))
        again = Instant("line", chance.randint(1, 8), chance.choice(("before", "after"))) if n % 5 == 2 else None
        yield Kill(at, again)


def _instants(passed: list[Kind]) -> Iterator[Instant]:
    for place, kind in enumerate(passed):
        number = passed[: place + 1].count(kind)
        yield from (Instant(kind, number, "before"), Instant(kind, number, "after"))


def _numbered(log: list[dict[str, Any]]) -> Iterator[Held]:
    seen: Counter[tuple[str, str]] = Counter()
    for record in log:
        name = record["platform"], record["operation"]
        seen[name] += 1
        yield Held(*name, seen[name])
