"""An upload by a daemon, with 1,000 watchers of it and with none.

They are told of it once a second. What telling them costs is measured on its own, over as many messages, and
taken off the daemon's CPU: the rest is the upload's.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grpc import aio

from bench.memory import SERVE
from bench.streams import CHANGES, CHANNELS, Served
from medusa.daemon.client import AsyncMedusaClient
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub

WATCHERS = 1000
BYTES = 12 * 2**30
ASKED = {"youtube": {"title": "Bench", "wait_until_processed": False}}


def run(rounds: int) -> None:
    """Print medians, and the spread of the ratios."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        film = folder / "film.mp4"
        film.write_bytes((resources.files("medusa") / "sandbox" / "sample.mp4").read_bytes())
        with film.open("ab") as file:
            file.truncate(BYTES)  # a hole, which takes no disk
        command = [sys.executable, "-c", SERVE, str(folder / "config.json")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sandbox:
            assert sandbox.stdout
            sandbox.stdout.readline()
            found = [asyncio.run(_round(folder, film)) for _ in range(rounds)]
            sandbox.communicate()
    print(f"\nan upload of {BYTES / 2**30:g} GiB, {WATCHERS} watchers, {rounds} rounds")
    print(f"{'':14}  {'alone':>8}  {'watched':>8}  {'ratio':>6}  {'from':>5} {'to':>5}")
    for name in found[0]:
        alone, watched = zip(*(one[name] for one in found), strict=True)
        shares = [more / less for less, more in zip(alone, watched, strict=True)]
        middles = (
            f"{statistics.median(alone):8.2f}  {statistics.median(watched):8.2f}  {statistics.median(shares):6.2f}"
        )
        print(f"{name:14}  {middles}  {min(shares):5.2f} {max(shares):5.2f}")


async def _round(folder: Path, film: Path) -> dict[str, tuple[float, float]]:
    """What it took: without watchers, and with them."""
    with closing(Served("medusa", folder, folder / "config.json")) as served:
        await _uploaded(served, film, 0)  # warm
        alone, watched = await _uploaded(served, film, 0), await _uploaded(served, film, WATCHERS)
    with closing(Served("medusa", folder)) as idle:
        each = await _cost_of_a_message(idle)
    return {
        "seconds": (alone.seconds, watched.seconds),
        "CPU s": (alone.cpu, watched.cpu - each * watched.messages),
        "CPU s, all": (alone.cpu, watched.cpu),
    }


@dataclass(frozen=True)
class Took:
    seconds: float
    cpu: float
    messages: int
    """All that the watchers were told."""


async def _uploaded(served: Served, film: Path, watchers: int) -> Took:
    """Publish, but begin to measure only once all watch."""
    async with AsyncMedusaClient(served.address) as client:
        task_id = await client.publish_async(film, list(ASKED), ASKED)
        await client.pause(task_id)
        async for task in client.watch(task_id):
            if task.resting:
                break
        async with _watched(served, task_id, watchers) as told:
            begun, cpu, before = time.perf_counter(), served.used()[0], len(told)
            await client.unpause(task_id)
            said = await client.wait(task_id)
            assert said["status"] == "completed", said
            took = time.perf_counter() - begun
        return Took(took, served.used()[0] - cpu, len(told) - before)


async def _cost_of_a_message(served: Served) -> float:
    """CPU seconds of the server."""
    async with _watched(served, served.task_id, WATCHERS) as told:
        cpu, before = served.used()[0], len(told)
        for place in range(1, CHANGES + 1):
            await asyncio.to_thread(served.change)
            async with asyncio.timeout(60):
                while len(told) < before + place * WATCHERS:  # noqa: ASYNC110 - each reader would have to say so
                    await asyncio.sleep(0.01)
        return (served.used()[0] - cpu) / (len(told) - before)


@asynccontextmanager
async def _watched(served: Served, task_id: str, watchers: int) -> AsyncIterator[list[int]]:
    """The revisions that so many watchers were told. At the end, each has seen the last one or is let go."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    channels = [aio.insecure_channel(served.address, options) for _ in range(CHANNELS)]
    told: list[int] = []
    calls = [
        MedusaServiceStub(channels[n % CHANNELS]).WatchTask(pb.WatchTaskRequest(task_id=task_id))
        for n in range(watchers)
    ]

    async def read(call: Any) -> None:
        async for reply in call:
            told.append(reply.task.revision)

    reading = [asyncio.ensure_future(read(call)) for call in calls]
    while len(told) < watchers:  # noqa: ASYNC110 - each reader would have to say so
        await asyncio.sleep(0.01)
    yield told
    for call in calls:
        call.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await asyncio.gather(*(channel.close() for channel in channels))
