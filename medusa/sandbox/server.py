"""A sandbox: its life, its thread, and its face to tests and the command line."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import trustme
from aiohttp import web

from medusa.sandbox.clock import Clock
from medusa.sandbox.config import check_replaceable, configuration, secrets_folder, write_secret
from medusa.sandbox.running import Running

T = TypeVar("T")
READ_BLOCK = 512 * 1024
"""aiohttp's read buffer: fewer, larger blocks for the sinks."""


async def _end(runner: web.AppRunner) -> None:
    """Stop serving now: a TLS client that is idle would be waited for, to say goodbye, for half a minute."""
    open_now = [connection.transport for connection in runner.server.connections] if runner.server else []
    await runner.cleanup()
    for transport in open_now:
        if transport is not None:
            transport.abort()


class Sandbox:
    """YouTube, Vimeo and Facebook on loopback. Use it as a context manager, or `start` and `close` it.

    port=0 takes a free port. `tls` makes a certificate: clients trust it by `ca_file`. `keep` is a directory where
    uploads are stored; otherwise only their size and hash are kept. `faults` and `options` are set before the first
    request. May be used from any thread.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        keep: Path | None = None,
        faults: Sequence[Mapping[str, object]] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self.clock = Clock()
        self.url = ""
        self.ca_file: Path | None = None
        self._host, self._port, self._tls, self._keep = host, port, tls, keep
        self._faults, self._options = list(faults or ()), dict(options or {})
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Serve in a thread of its own. Raises OSError if the port is taken, ValueError for a bad fault or option."""
        if self._thread is not None:
            raise RuntimeError("this sandbox is already running")
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="medusa-sandbox", daemon=True)
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            if ready.exception() is None:  # it is our wait that was ended, by Ctrl-C: it serves, and would for ever
                self.close()
            else:
                self._thread.join()
                self._thread = None
            raise
        return self

    def close(self) -> None:
        """Stop serving; open connections are dropped. May be called twice."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._running.world.closing.set)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def config(self, directory: Path) -> dict[str, Any]:
        """A Medusa configuration with one target a platform, all pointing here; secrets files go to `directory`."""
        return self._call(lambda: configuration(self._running.platforms, self.url, directory))

    def write_config(self, path: Path) -> None:
        """The same as a JSON file (0600), with the secrets files in a folder beside it: see `secrets_folder`.

        Raises ValueError, and writes nothing, if `path` is there and is not a sandbox's; OSError.
        """
        check_replaceable(path)
        write_secret(path, self.config(secrets_folder(path)))

    def log(self) -> list[dict[str, Any]]:
        """Every request so far, oldest first, secrets masked: see `medusa.sandbox.log.Record`."""
        return self._call(self._running.world.log.listed)

    def wait_for(self, platform: str, operation: str, *, count: int = 1, timeout: float = 30.0) -> None:
        """Until so many requests of this operation have arrived. Raises TimeoutError after `timeout` seconds.

        "*" stands for any platform, and for any operation.
        """
        self._running.world.log.wait_for(platform, operation, count, timeout)

    def state(self) -> dict[str, Any]:
        """What exists, by platform."""
        return self._call(self._running.state)

    def fault(self, **spec: object) -> int:
        """Arm a fault (see `medusa.sandbox.faults`) and return its id. Raises ValueError."""
        return self._call(lambda: self._running.world.faults.add(spec))

    def clear_faults(self) -> None:
        """Disarm all faults."""
        self._call(self._running.world.faults.clear)

    def set(self, **options: object) -> None:
        """Change options. Raises ValueError."""
        self._call(lambda: self._running.world.options.set(**options))

    def reset(self) -> None:
        """As freshly started: nothing published, no faults, real time, first options. Tokens stay valid."""
        self._call(self._running.reset)

    def _call(self, act: Callable[[], T]) -> T:
        """Run `act` in the sandbox's thread, where everything lives."""
        if self._thread is None:
            raise RuntimeError("this sandbox is not running")

        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _run(self, ready: Future[None]) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="medusa-sandbox-") as scratch:
                asyncio.run(self._serve(Path(scratch), ready))
        except BaseException as failure:  # handed to the thread that waits in start()
            if ready.done():
                raise
            ready.set_exception(failure)

    async def _serve(self, scratch: Path, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        if self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
        self._running = Running(self.clock, scratch, self._keep, self._options)
        for spec in self._faults:
            self._running.world.faults.add(spec)
        runner = web.AppRunner(
            self._running.application(), access_log=None, shutdown_timeout=0.5, read_bufsize=READ_BLOCK
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port, ssl_context=self._certificate(scratch))
            await site.start()
            self.url = self._base(runner)
            ready.set_result(None)
            await self._running.world.closing.wait()
        finally:
            await _end(runner)

    def _base(self, runner: web.AppRunner) -> str:
        host, port = runner.addresses[0][:2]
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{name}:{port}"

    def _certificate(self, scratch: Path) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        authority = trustme.CA()
        self.ca_file = scratch / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*{self._host, "localhost", "127.0.0.1", "::1"}).configure_cert(context)
        return context


def load_faults(path: Path) -> list[Mapping[str, object]]:
    """The faults in a JSON file: a list of objects. Raises ValueError, in words."""
    try:
        specs = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or 'unknown error').lower()}") from error
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ValueError(f"{path} is not valid JSON: {said}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON text") from error
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise ValueError(f"{path}: expected a JSON list of faults")
    return specs
