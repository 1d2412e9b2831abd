"""MedusaClient while medusad is killed and started anew under it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from medusa import Task
from medusa.daemon.client import AsyncMedusaClient, MedusaClient
from medusa.daemon.client.uploading import Sent, Upload
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.sandbox import Sandbox
from tests.integration.conftest import rehearsal, sandbox
from tests.integration.daemon.process import Medusad
from tests.integration.rehearsal import MIB, QUICK, SAMPLE, WITHIN_S, large, made, nothing_but, start

__all__ = ["rehearsal", "sandbox"]
SIZE = 48 * MIB


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Path:
    own = {
        "retry": QUICK,
        "engine": {"path": str(tmp_path / "tasks.db")},
        "daemon": {"media_roots": [str(SAMPLE.parent), str(tmp_path)]},
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**sandbox.config(tmp_path), "medusa": own}), encoding="utf-8")
    return path


@pytest.fixture
def medusad(config: Path, tmp_path: Path) -> Iterator[Medusad]:
    with Medusad(config, f"unix:{tmp_path}/medusad.sock") as running:
        yield running


def struck(medusad: Medusad, sandbox: Sandbox) -> None:
    """Kill the daemon in mid-upload, and start it anew."""
    sandbox.wait_for("youtube", "video.bytes")
    medusad.kill()
    sandbox.clear_faults()
    medusad.start()


def test_a_watcher_outlives_the_daemon(medusad: Medusad, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    with MedusaClient(*medusad.addresses) as client:
        watching = client.watch(start(client, "youtube", "facebook", media=large(tmp_path)))
        seen = [next(watching)]
        struck(medusad, sandbox)
        seen += watching
    check(seen, sandbox)


def test_an_awaiting_watcher_outlives_the_daemon(medusad: Medusad, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    with MedusaClient(*medusad.addresses) as client:
        task_id = start(client, "youtube", "facebook", media=large(tmp_path))

    async def program() -> list[Task]:
        async with AsyncMedusaClient(*medusad.addresses) as client:
            watching: AsyncIterator[Task] = client.watch(task_id)
            seen = [await anext(watching)]
            await asyncio.to_thread(struck, medusad, sandbox)
            return seen + [task async for task in watching]

    check(asyncio.run(program()), sandbox)


def check(seen: list[Task], sandbox: Sandbox) -> None:
    assert all(one.revision < other.revision for one, other in pairwise(seen))
    assert [task.ended for task in seen] == [False] * (len(seen) - 1) + [True]
    assert seen[-1].message == "Completed"
    assert made(sandbox) == nothing_but(youtube=1, facebook=1)


def test_media_that_are_handed_over_go_on_at_the_byte(
    medusad: Medusad, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    whole = Upload.requests

    def requests(upload: Upload, offset: int, sent: Sent) -> Iterator[pb.UploadMediaRequest]:
        begun.append(offset)
        for place, message in enumerate(whole(upload, offset, sent)):
            if len(begun) == 1 and place == 60:
                medusad.kill()
                medusad.start()
            yield message

    monkeypatch.setattr(Upload, "requests", requests)
    film = large(tmp_path, SIZE)
    with MedusaClient(*medusad.addresses, upload=True) as client:
        task_id = start(client, "youtube", media=film)
        assert client.wait(task_id, WITHIN_S)["status"] == "completed"
    assert begun[0] == 0
    assert all(0 < offset < film.stat().st_size for offset in begun[1:])
    assert len(begun) > 1
    (video,) = sandbox.state()["youtube"]["videos"]
    assert video["size"] == film.stat().st_size


def test_media_outside_the_roots_are_handed_over(
    medusad: Medusad, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    film = tmp_path_factory.mktemp("elsewhere") / "talk.mp4"
    film.write_bytes(SAMPLE.read_bytes())
    with MedusaClient(*medusad.addresses) as client:
        assert client.wait(start(client, "vimeo", media=film), WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(vimeo=1)
