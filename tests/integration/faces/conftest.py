"""Each face of Medusa, on the same sandbox: the same scenarios must go the same way over all of them."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.daemon.client import AsyncMedusaClient, MedusaClient
from medusa.sandbox import Sandbox
from tests.integration.daemon.process import Medusad
from tests.integration.rehearsal import QUICK, SAMPLE, WITHIN_S

Face = MedusaCore


@pytest.fixture(scope="module")
def config(rehearsal: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration on the sandbox, whose tasks are kept in a file."""
    folder = tmp_path_factory.mktemp("medusa")
    own = {
        "retry": QUICK,
        "engine": {"path": str(folder / "tasks.db")},
        "daemon": {"media_roots": [str(SAMPLE.parent), str(tmp_path_factory.getbasetemp())]},
    }
    path = folder / "medusa_config.json"
    path.write_text(json.dumps({**rehearsal.config(folder), "medusa": own}), encoding="utf-8")
    return path


@contextmanager
def core(config: Path) -> Iterator[Face]:
    with MedusaCore(config) as medusa:
        yield medusa


@contextmanager
def client(config: Path) -> Iterator[MedusaClient]:
    with daemon(config) as (socket, _), MedusaClient(socket) as medusa:
        yield medusa


@contextmanager
def client_that_uploads(config: Path) -> Iterator[MedusaClient]:
    with daemon(config) as (_, port), MedusaClient(port) as medusa:
        yield medusa


@contextmanager
def async_client(config: Path) -> Iterator[Blocking]:
    with daemon(config) as (_, port), Blocking(port) as medusa:
        yield medusa


@contextmanager
def daemon(config: Path) -> Iterator[tuple[str, str]]:
    """Its Unix socket and its port."""
    with Medusad(config, f"unix:{config.parent}/medusad.sock", "127.0.0.1:0") as medusad:
        socket, port = medusad.addresses
        yield socket, port
        assert medusad.stop() == 0, medusad.log()


class Blocking:
    """An AsyncMedusaClient in an event loop of its own, as the scenarios call it; iterators are read one by one."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Blocking:
        self._thread.start()
        self._client = self._run(self._made())
        return self

    def __exit__(self, *raised: object) -> None:
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()

    async def _made(self) -> AsyncMedusaClient:
        return AsyncMedusaClient(self._address)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        if inspect.iscoroutinefunction(method):
            return lambda *args, **options: self._run(method(*args, **options))
        return lambda *args, **options: self._read(method(*args, **options))

    def _run(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    def _read(self, asked: AsyncIterator[Any]) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(asked, None)

        while (item := self._run(following())) is not None:
            yield item


FACES = {"core": core, "client": client, "client that uploads": client_that_uploads, "async client": async_client}


@pytest.fixture(scope="module", params=FACES)
def opened(config: Path, request: pytest.FixtureRequest) -> Iterator[Face]:
    with FACES[request.param](config) as face:
        yield face


@pytest.fixture
def face(opened: Face, sandbox: Sandbox) -> Iterator[Face]:
    """A face of Medusa; what a scenario leaves running is ended."""
    yield opened
    sandbox.clear_faults()
    for task in opened.list_tasks():
        if not task.ended:
            opened.cancel(task.id)
            opened.wait(task.id, WITHIN_S)
