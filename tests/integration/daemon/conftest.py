"""A daemon in the test's process, over the fake platform, on a Unix socket; and a channel to it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest
from grpc import aio

from medusa import MedusaCore
from medusa.config import DaemonSettings
from medusa.daemon.gate import Gate
from medusa.daemon.listening import listen
from medusa.daemon.media_store import SETTLED_S, MediaStore
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.server import Server
from medusa.daemon.tls import Certificate
from tests.integration.conftest import core, core_of, platform

__all__ = ["core", "core_of", "platform"]
WITHIN_S = 20.0


def later() -> float:
    """When media that are over may go; epoch seconds."""
    return time.time() + SETTLED_S


class Serving:
    """A server in an event loop and a thread of its own."""

    def __init__(
        self,
        core: MedusaCore,
        address: str,
        settings: DaemonSettings | None = None,
        outer: tuple[aio.ServerInterceptor, ...] = (),
        can_work: Callable[[], bool] = lambda: True,
    ) -> None:
        """With `settings.tls` a "HOST:PORT" speaks TLS."""
        self._core, self.address, self._settings = core, address, settings or DaemonSettings()
        self._outer, self._can_work = outer, can_work
        self.gate = Gate(self._settings)
        self._folder = TemporaryDirectory()
        folder = self._settings.media.directory or Path(self._folder.name)
        self._store = MediaStore(folder, self._settings.media, self._settings.bounds, later)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Serving:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(WITHIN_S)
        return self

    def __exit__(self, *raised: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(0), self._loop).result(WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._folder.cleanup()
        self._loop.close()

    def drain(self) -> None:
        """Take no new work."""
        asyncio.run_coroutine_threadsafe(self.server.drain(), self._loop).result(WITHIN_S)

    def sweep(self) -> None:
        """Remove the media that are over, now."""
        asyncio.run_coroutine_threadsafe(self.server.intake.sweep_once(), self._loop).result(WITHIN_S)

    async def _start(self) -> None:
        self.server = Server(
            self._core, self.gate, self._store, self._settings.bounds, outer=self._outer, can_work=self._can_work
        )
        tls = self._settings.tls
        self.address = listen(self.server.grpc, self.address, Certificate(tls).credentials() if tls else None)
        await self.server.start()


@pytest.fixture
def address(core: MedusaCore, tmp_path: Path) -> Iterator[str]:
    with Serving(core, f"unix:{tmp_path}/medusa.sock"):
        yield f"unix:{tmp_path}/medusa.sock"


@pytest.fixture
def stub(address: str) -> Iterator[MedusaServiceStub]:
    with grpc.insecure_channel(address) as channel:
        yield MedusaServiceStub(channel)
