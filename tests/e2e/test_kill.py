"""kill -9 at instants spread over a whole task: nothing is lost, nothing is published twice, every task ends.

40 tasks in a file and 8 in PostgreSQL in `make test`, 500 and 100 in `make soak`, MEDUSA_KILLS of each if that is set.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.e2e.killing import Bench, Kill, Outcome, kills
from tests.e2e.talk import MIB, ONCE
from tests.postgres import server
from tests.support import SOAK

__all__ = ["server"]


KILLS = {"file": 500 if SOAK else 40, "PostgreSQL": 100 if SOAK else 8}
SIDE_BY_SIDE = 2
AROUND = MIB // 16
"""Bytes of forms around the media, at most."""
FEED_POSTS = {"facebook"}
"""Targets whose post nobody can look for in every case."""


def all_of(directory: Path, server: str, count: int) -> tuple[Outcome, list[Outcome]]:
    """A task that nobody kills, then so many that die."""
    free: SimpleQueue[Bench] = SimpleQueue()

    def one(kill: Kill) -> Outcome:
        bench = free.get()
        try:
            return bench.run(kill)
        finally:
            free.put(bench)

    with ExitStack() as running:
        benches = [running.enter_context(Bench(directory / str(n), server)) for n in range(SIDE_BY_SIDE)]
        whole = benches[0].run()
        planned = list(kills(whole.answer, benches[0].sandbox.log(), count))
        for bench in benches:
            free.put(bench)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return whole, list(pool.map(one, planned))


def wrong(outcome: Outcome) -> str:
    """What must not be, in words; empty if all is well."""
    if outcome.exist != ONCE:
        return f"there are {outcome.exist}"
    if outcome.answer.reply["status"] != "completed":
        return f"it ended as {outcome.answer.reply}"
    if unsure := set(outcome.settled) - FEED_POSTS:
        return f"nobody knew the outcome of {unsure}"
    if there := [target for target, found in outcome.settled.items() if found]:
        return f"nobody knew of {there}, which could be found"
    if outcome.sent_again > MIB * outcome.deaths + AROUND:
        return f"it sent {outcome.sent_again / MIB:.1f} MiB again"
    return ""


@pytest.mark.parametrize("place", KILLS)
def test_a_task_survives_being_killed_at_any_instant(
    request: pytest.FixtureRequest, tmp_path: Path, place: str
) -> None:
    """`place`: where tasks are kept."""
    address = "" if place == "file" else request.getfixturevalue("server")
    count = int(os.environ.get("MEDUSA_KILLS", KILLS[place]))
    whole, outcomes = all_of(tmp_path, address, count)
    assert wrong(whole) == ""
    died = [outcome for outcome in outcomes if outcome.deaths]
    again = [outcome.sent_again / outcome.deaths / MIB for outcome in died]
    settled = Counter(target for outcome in outcomes for target in outcome.settled)
    print(f"{sum(outcome.deaths for outcome in died)} kills of {count} tasks; nobody can tell: {dict(settled)};")
    print(f"sent again per kill: {sum(again) / len(again):.2f} MiB on average, {max(again):.2f} MiB at most")
    assert [f"{one.kill}: {said}" for one in outcomes if (said := wrong(one))] == []
    assert len(died) >= count * 3 // 4, "too few of the processes were alive when they were to be killed"
