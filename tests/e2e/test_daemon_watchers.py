"""Very many tasks on one daemon, with watchers who come, leave and come again. `make soak` runs it in its long form."""

from __future__ import annotations

import asyncio
import json
import os
import textwrap
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from medusa.daemon.client import AsyncMedusaClient
from tests.integration.daemon.process import Medusad
from tests.support import SOAK

TASKS = 10_000 if SOAK else 240
SECONDS = float(os.environ.get("MEDUSA_SECONDS", "0"))
"""Goes on for at least so long, with more tasks."""
AT_ONCE = 40
GROWTH = 1.25
"""What the memory may have grown by since a fifth of all tasks had ended: by then everything is warm."""
FAKE = textwrap.dedent(
    """
    import threading
    from dependency_injector import providers
    from medusa.adapters import registry
    from medusa.adapters.platforms.fake.server import FakePlatform
    from medusa.container import Container
    from medusa.daemon.app import main

    class Forgetful(FakePlatform):  # or its memory would be what grows
        def exchange(self, call, request):
            with self._lock:
                for kept in (self.exchanges, self.posts):
                    del kept[:-100]
            return super().exchange(call, request)

    registry.PLATFORMS["fake"] = "medusa.adapters.platforms.fake"
    Container.http.override(providers.Object(Forgetful()))
    main()
    """
)


@pytest.fixture
def medusad(tmp_path: Path) -> Iterator[Medusad]:
    own = {"engine": {"path": str(tmp_path / "tasks.db")}, "keep_tasks": 200, "daemon": {"log": {"level": "warning"}}}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"fake": {}, "medusa": own}), encoding="utf-8")
    with Medusad(config, address(tmp_path), program=("-c", FAKE)) as running:
        yield running


def address(folder: Path) -> str:
    return f"unix:{folder}/medusad.sock"


class Crowd:
    """Publishes and watches, and remembers what was seen."""

    def __init__(self, client: AsyncMedusaClient) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.completed = 0

    async def task(self, number: int) -> None:
        """One task with three watchers: each must see its end."""
        async with self._turns:
            asked = {"fake": {"message": f"It is out, number {number}"}}
            task_id = await self._client.publish_async(None, ["fake"], asked)
            ends = await asyncio.gather(*(self._watch(task_id, leaves) for leaves in (0, 1, 3)))
        assert ends == ["Completed"] * 3, ends
        self.completed += 1

    async def _watch(self, task_id: str, leaves: int) -> str:
        """Leaves so often after one snapshot and comes back with its revision; the last message."""
        revision, message = 0, ""
        for left in range(leaves, -1, -1):
            async for task in self._client.watch(task_id, revision):
                assert task.revision > revision, "a snapshot is repeated"
                revision, message = task.revision, task.message
                if left and not task.ended:
                    break
        return message


def resident(medusad: Medusad) -> int:
    """Bytes."""
    fields = Path(f"/proc/{medusad.process.pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def test_no_watcher_misses_an_end_and_memory_stays_flat(medusad: Medusad, tmp_path: Path) -> None:
    async def program() -> None:
        begun, numbers, warm = time.monotonic(), count(), 0
        async with AsyncMedusaClient(address(tmp_path)) as client:
            crowd = Crowd(client)
            while crowd.completed < TASKS or time.monotonic() - begun < SECONDS:
                await asyncio.gather(*(crowd.task(next(numbers)) for _ in range(AT_ONCE * 2)))
                if not warm and crowd.completed >= TASKS / 5 and time.monotonic() - begun >= SECONDS / 5:
                    warm = resident(medusad)
        assert resident(medusad) < warm * GROWTH, f"{warm} bytes became {resident(medusad)}"
        print(f"{crowd.completed} tasks, {time.monotonic() - begun:.0f} s, {warm} then {resident(medusad)} bytes")

    asyncio.run(program())
