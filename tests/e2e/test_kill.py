"""kill -9 at instants spread over a whole task: nothing is lost, nothing is published twice, every task ends.

MEDUSA_KILLS=500 for the long form.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.e2e.killing import MIB, Bench, Kill, Outcome

KILLS = int(os.environ.get("MEDUSA_KILLS", "12"))
SIDE_BY_SIDE = 2
ONCE = {"youtube": 1, "vimeo": 1, "vimeo unfinished": 0, "facebook": 1, "native": 1, "posts": 2}
FEED_POSTS = {"facebook"}
"""Targets whose post nobody can look for in every case."""


def kills(requests: int, count: int) -> Iterator[Kill]:
    """Spread over all requests: as each arrives, after it was done and before its reply, and somewhere in its bytes."""
    chance = random.Random(3)
    for n in range(count):
        request = 1 + n * requests // count if count < requests else 1 + n % requests
        done = {"kind": "delay", "seconds": 30.0}
        within = {"kind": "stall", "after": chance.randrange(6 * MIB)}
        yield Kill(request, (None, done, within)[(n + n // requests) % 3])


def all_of(directory: Path, count: int) -> tuple[Outcome, list[Outcome]]:
    """A task that nobody kills, then so many that die."""
    free: SimpleQueue[Bench] = SimpleQueue()

    def one(kill: Kill) -> Outcome:
        bench = free.get()
        try:
            return bench.kill(kill)
        finally:
            free.put(bench)

    with ExitStack() as open_now:
        benches = [Bench(directory / str(n)) for n in range(SIDE_BY_SIDE)]
        for bench in benches:
            open_now.enter_context(bench.sandbox)
        whole = benches[0].kill(None)
        requests = len(benches[0].sandbox.log())
        for bench in benches:
            free.put(bench)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return whole, list(pool.map(one, kills(requests, count)))


def wrong(outcome: Outcome) -> str:
    """What must not be, in words; empty if all is well."""
    if outcome.exist != ONCE:
        return f"there are {outcome.exist}"
    if outcome.replies[-1]["status"] != "completed":
        return f"it ended as {outcome.replies}"
    if unsure := set(outcome.unsure) - FEED_POSTS:
        return f"nobody knew the outcome of {unsure}"
    return ""


def test_a_task_survives_being_killed_at_any_instant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, outcomes = all_of(tmp_path, KILLS)
    assert wrong(whole) == ""
    struck = Counter(outcome.struck for outcome in outcomes if outcome.struck)
    settled = sum(len(outcome.unsure) for outcome in outcomes)
    with capsys.disabled():
        print(f"\n{struck.total()} kills at {len(struck)} kinds of request; settled by hand: {settled} posts;", end=" ")
        print(f"sent again, at most: {max(outcome.sent_again for outcome in outcomes) / MIB:.1f} MiB")
    assert [f"{one.kill} ({one.struck}): {said}" for one in outcomes if (said := wrong(one))] == []
    assert struck.total() >= KILLS * 3 // 4, "too few of the processes were alive when they were to be killed"
