"""The two servers of `bench.streams`: prints the task's id and revision, then makes a change for each line it reads."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grpc import aio

from medusa.config import BoundSettings, DaemonSettings, MediaSettings
from medusa.container import Container
from medusa.core import MedusaCore
from medusa.daemon.convert import task_message
from medusa.daemon.gate import Gate
from medusa.daemon.media_store import MediaStore
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceServicer, add_MedusaServiceServicer_to_server
from medusa.daemon.server import OPTIONS, SWITCH_S, Server
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, Task
from medusa.domain.values import StepSpec

TARGET = Target("youtube", "youtube", "YouTube")
NAMES = ("preflight", "video", "thumbnail", "ready")
BOUNDS = BoundSettings(streams=100_000)

PROGRESS_EVERY_S = 1.0
"""An upload's watchers are told so often; the product does it twice as often."""


def a_task() -> Task:
    """One that nobody runs."""
    steps = tuple(Step(StepSpec(name, f"t:youtube:{name}", verb="Uploading to"), "youtube") for name in NAMES)
    return Task("t", PublishRequest((TARGET,)), steps, created_at=0.0, paused=True)


class Bare(MedusaServiceServicer):
    """Streams what is set, to all who wait, as plainly as grpc.aio can."""

    def __init__(self) -> None:
        self.message = task_message(a_task(), lambda _: 5)
        self._changed = asyncio.Event()

    def change(self) -> int:
        """The new revision."""
        changed, self._changed = self._changed, asyncio.Event()
        fresh = pb.Task()
        fresh.CopyFrom(self.message)
        fresh.revision += 1
        self.message = fresh
        changed.set()
        return fresh.revision

    async def GetTask(self, request: pb.GetTaskRequest, context: Any) -> pb.GetTaskResponse:
        return pb.GetTaskResponse(task=self.message)

    async def WatchTask(self, request: pb.WatchTaskRequest, context: Any) -> AsyncIterator[pb.WatchTaskResponse]:
        while True:
            changed = self._changed
            yield pb.WatchTaskResponse(task=self.message)
            await changed.wait()


async def serve_bare(address: str) -> None:
    server, servicer = aio.server(options=OPTIONS), Bare()
    add_MedusaServiceServicer_to_server(servicer, server)  # type: ignore[arg-type]
    server.add_insecure_port(address)
    await server.start()
    await _obey(servicer.change)
    await server.stop(0)


async def serve_medusa(address: str, folder: Path, targets: Mapping[str, Any]) -> None:
    sys.setswitchinterval(SWITCH_S)
    Container.ports.add_kwargs(progress_every_s=PROGRESS_EVERY_S)
    core = MedusaCore(config={**targets, "medusa": {"engine": {"path": str(folder / "tasks.db")}}})
    repository = core._repository
    repository.create(a_task())
    store = MediaStore(folder / "media", MediaSettings(), BOUNDS)
    server = Server(core, Gate(DaemonSettings(bounds=BOUNDS)), store, BOUNDS)
    server.grpc.add_insecure_port(address)
    await server.start()

    def change() -> int:
        paused = not repository.get("t").paused
        repository.set_paused("t", paused)
        return repository.revisions(["t"])["t"]

    await _obey(lambda: asyncio.to_thread(change))
    await server.stop(0)
    core.close(0.0)


async def _obey(change: Callable[[], Any]) -> None:
    print("t", 1, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        made = change()
        print(await made if asyncio.iscoroutine(made) else made, flush=True)


def main() -> None:
    """`python -m bench.stream_server bare|medusa ADDRESS [CONFIG]`: what targets there are, beside the one task."""
    kind, address, *config = sys.argv[1:]
    targets = json.loads(Path(config[0]).read_text(encoding="utf-8")) if config else {}
    with TemporaryDirectory() as folder:
        asyncio.run(serve_bare(address) if kind == "bare" else serve_medusa(address, Path(folder), targets))


if __name__ == "__main__":
    main()
