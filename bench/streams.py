"""Watchers of one task on our server, and on a bare grpc.aio server that streams the same messages.

Each round opens the streams at the same instant, then makes ten changes, each when all readers have seen the one
before: what is measured is the time until the last reader has it. The two servers take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grpc import aio

from bench import stream_server
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub

CHANNELS = 8
CHANGES = 10
SERVERS = ("bare", "medusa")


class Served:
    """One of the servers, in a process of its own; it makes a change for each line it reads."""

    def __init__(self, kind: str, folder: Path, *config: Path) -> None:
        self.address = f"unix:{folder}/{kind}.sock"
        command = [sys.executable, "-m", stream_server.__name__, kind, self.address, *map(str, config)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.task_id, revision = self._told().split()
        self.revision = int(revision)

    def change(self) -> int:
        """The revision of the change that is on its way now."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._told())

    def used(self) -> tuple[float, int]:
        """Its CPU seconds and its resident bytes so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks / 100, int(fields[21]) * resource.getpagesize()

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _told(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


class Readers:
    """So many streams; which revision each has seen, and when."""

    def __init__(self) -> None:
        self.latest: list[int] = []
        self.times: list[float] = []
        self._waited = self._missing = 0
        self._all = asyncio.Event()

    async def read(self, call: Any) -> None:
        """Follow one stream to its end."""
        place = len(self.latest)
        self.latest.append(0)
        async for reply in call:
            self._note(place, reply.task.revision)

    def _note(self, place: int, revision: int) -> None:
        if self.latest[place] < self._waited <= revision:
            self.times.append(time.perf_counter())
            self._missing -= 1
            if self._missing <= 0:
                self._all.set()
        self.latest[place] = revision

    def expect(self, revision: int, count: int) -> asyncio.Event:
        """Set once all have seen this revision."""
        self._all = asyncio.Event()
        self._waited, self._missing = revision, count - sum(latest >= revision for latest in self.latest)
        if self._missing <= 0:
            self._all.set()
        return self._all


async def measured(served: Served, streams: int) -> dict[str, float]:
    """One round: seconds until all have begun, seconds for all changes, their 99th percentile, CPU, memory."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [aio.insecure_channel(served.address, options) for _ in range(CHANNELS)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    cpu_before, memory_before = served.used()
    readers, request = Readers(), pb.WatchTaskRequest(task_id=served.task_id)
    begun = time.perf_counter()
    opened = readers.expect(1, streams)
    calls = [MedusaServiceStub(channels[n % CHANNELS]).WatchTask(request) for n in range(streams)]
    tasks = [asyncio.ensure_future(readers.read(call)) for call in calls]
    await asyncio.wait_for(opened.wait(), 120)
    opening, memory = time.perf_counter() - begun, served.used()[1] - memory_before
    spent, late = 0.0, []
    for _ in range(CHANGES):
        readers.times.clear()
        all_seen = readers.expect(served.revision + 1, streams)
        begun = time.perf_counter()
        served.revision = served.change()
        await asyncio.wait_for(all_seen.wait(), 120)
        spent += time.perf_counter() - begun
        late += [seen - begun for seen in readers.times]
    assert len(late) == streams * CHANGES, "a reader has missed a change"
    lost = sum(call.done() for call in calls)
    for call in calls:
        call.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)  # each ends with its cancellation
    await asyncio.gather(*(channel.close() for channel in channels))
    return {
        "opened s": opening,
        "all changes s": spent,
        "p99 ms": statistics.quantiles(late, n=100)[98] * 1000,
        "server CPU s": served.used()[0] - cpu_before,
        "KiB a stream": memory / streams / 1024,
        "lost": float(lost),
    }


def run(sizes: Sequence[int], rounds: int) -> None:
    """Print a table: medians of both servers, our share of the bare one's, and the spread of that."""
    for streams in sizes:
        found: dict[str, list[dict[str, float]]] = {kind: [] for kind in SERVERS}
        with TemporaryDirectory() as folder:
            for place in range(rounds):
                for kind in SERVERS if place % 2 else SERVERS[::-1]:
                    served = Served(kind, Path(folder))
                    found[kind].append(asyncio.run(measured(served, streams)))
                    served.close()
        print(f"\n{streams} streams over {CHANNELS} connections, {CHANGES} changes, {rounds} rounds")
        print(f"{'':14}  {'bare':>8}  {'medusa':>8}  {'ratio':>6}  {'from':>5} {'to':>5}")
        for name in found["bare"][0]:
            bare, ours = ([one[name] for one in found[kind]] for kind in SERVERS)
            shares = [mine / other for mine, other in zip(ours, bare, strict=True) if other > 0]
            middle, spread = statistics.median(bare), f"{min(shares):5.2f} {max(shares):5.2f}" if shares else ""
            ratio = f"{statistics.median(shares):6.2f}" if shares else " " * 6
            print(f"{name:14}  {middle:8.2f}  {statistics.median(ours):8.2f}  {ratio}  {spread}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--rounds", type=int, default=11)
    asked = parser.parse_args()
    run(asked.streams, asked.rounds)
