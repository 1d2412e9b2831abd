"""The life of a daemon: begins with a claim on the tasks, ends when they are at rest."""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from grpc import aio

from medusa import container
from medusa.config import Settings
from medusa.core import MedusaCore
from medusa.daemon import journal, logs, places
from medusa.daemon.call_log import CallLog
from medusa.daemon.claim import claimed
from medusa.daemon.follower import Told
from medusa.daemon.gate import Gate
from medusa.daemon.listening import listen
from medusa.daemon.media_store import MediaStore
from medusa.daemon.notify import notify, reloading
from medusa.daemon.restart import awaiting_restart
from medusa.daemon.server import Server
from medusa.daemon.tls import Certificate
from medusa.domain.failures import ConfigError, MedusaError
from medusa.domain.values import Problem

_log = logging.getLogger("medusa.daemon")
LEAST_FREE: Final = 8 * 1024**2
"""Bytes beside the tasks: with less, the next task may not be kept."""
ENDS: Final = (signal.SIGTERM, signal.SIGINT)


class Daemon:
    """One run of medusad. Made in a running event loop."""

    def __init__(self, config_file: Path, addresses: Sequence[str] = ()) -> None:
        """`addresses`: where to listen, instead of where the configuration says. Raises ConfigError."""
        self._config_file = config_file
        self._started = self._read()
        self._elsewhere = bool(addresses)
        self._addresses = tuple(addresses) or self._started.daemon.listen or (f"unix:{places.socket()}",)
        self._settings = self._safe(self._started)
        self._end, self._hurry = asyncio.Event(), asyncio.Event()
        self._retired: list[MedusaCore] = []
        self._closing = ExitStack()
        self._reloads: set[asyncio.Task[None]] = set()
        self._one_reload = asyncio.Lock()

    async def run(self) -> None:
        """Until a signal ends it. Raises ConfigError, InUse or CannotListen when it cannot begin."""
        logs.configure(self._settings.daemon.log)
        with claimed(self._settings, self._place):
            self._core = await asyncio.to_thread(self._opened, self._settings)
            try:
                await self._serve()
            finally:
                await asyncio.to_thread(self._core.close, 0.0)
                await asyncio.to_thread(self._closing.close)

    async def _serve(self) -> None:
        daemon = self._settings.daemon
        self._gate = Gate(daemon)
        store = MediaStore(self._media_folder, daemon.media, daemon.bounds)
        self._server = Server(
            self._core,
            self._gate,
            store,
            daemon.bounds,
            observers=(journal.write, *self._observers()),
            outer=tuple(self._witnesses()),
            can_work=self._can_work,
        )
        credentials = Certificate(daemon.tls).credentials() if daemon.tls else None
        for address in self._addresses:
            _log.info("listens at %s", listen(self._server.grpc, address, credentials))
        await self._server.start()
        self._heed_signals()
        notify(READY="1", STATUS="serving")
        await self._end.wait()
        await self._stop()

    def _observers(self) -> Iterator[Told]:
        """Whoever wants to know of changes, because the configuration says so."""
        address = self._settings.daemon.metrics
        if address is not None:
            from medusa.daemon.metrics import Metrics

            metrics = Metrics(self._counts, lambda: self._server.feed.open)
            _log.info("metrics at %s", metrics.serve(address))
            yield metrics.observe

    def _witnesses(self) -> Iterator[aio.ServerInterceptor]:
        if self._settings.daemon.traces:
            with container.optional("otel", "daemon.traces"):
                from medusa.daemon import tracing

            self._closing.callback(tracing.configure().shutdown)
            yield tracing.TraceInterceptor()
        yield CallLog()

    def _can_work(self) -> bool:
        try:
            self._core.counts()
            return shutil.disk_usage(self._place.parent).free >= LEAST_FREE
        except (MedusaError, OSError):
            return False

    def _counts(self) -> dict[str, int]:
        return self._core.counts()

    def _opened(self, settings: Settings) -> MedusaCore:
        roots = (*settings.daemon.media_roots, self._media_folder)
        return MedusaCore(self._config_file, tasks_file=self._tasks_file, media_roots=roots)

    def _read(self) -> Settings:
        return container.settings(self._config_file, places.tasks_file())

    def _safe(self, settings: Settings) -> Settings:
        """The settings, judged by where the daemon listens, which is not always where they say. Raises ConfigError."""
        try:
            daemon = replace(settings.daemon, listen=self._addresses)
        except ValueError as error:
            raise ConfigError([Problem("medusa.daemon", str(error))]) from None
        return replace(settings, daemon=daemon)

    @property
    def _tasks_file(self) -> Path:
        return self._settings.engine.path or places.tasks_file()

    @property
    def _place(self) -> Path:
        """What it keeps on this machine: the tasks or, where those are in a database, the uploads alone."""
        return self._media_folder if self._settings.engine.database_url else self._tasks_file

    @property
    def _media_folder(self) -> Path:
        return places.media_folder(self._settings.daemon.media, self._tasks_file)

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in ENDS:
            loop.add_signal_handler(number, self._asked_to_end)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload)

    # ------------------------------------------------------------ another configuration

    def _asked_to_reload(self) -> None:
        reload = asyncio.ensure_future(self._reload_in_turn())
        self._reloads.add(reload)
        reload.add_done_callback(self._reloads.discard)

    async def _reload_in_turn(self) -> None:
        async with self._one_reload:
            await self._reload()

    async def _reload(self) -> None:
        """Tasks under way go on as they were begun; what is asked for from now on follows the new configuration."""
        reloading()
        try:
            read = await asyncio.to_thread(self._read)
            settings = self._safe(read)
            self._check_the_same(settings)
            core = await asyncio.to_thread(self._opened, settings)
        except MedusaError as error:
            _log.error("the configuration is wrong, and the old one stays in use: %s", error)
        else:
            self._settings = settings
            logs.configure(settings.daemon.log)
            self._gate.reload(settings.daemon)
            self._server.intake.reload(settings.daemon)
            await self._server.exchange(core)
            self._retire(core)
            _log.info("the configuration was read anew")
            self._tell_what_waits(read)
        notify(READY="1", STATUS="serving")

    def _tell_what_waits(self, read: Settings) -> None:
        changed = awaiting_restart(self._started.daemon, read.daemon, listens_elsewhere=self._elsewhere)
        if changed:
            _log.warning("these changes do not count before a new start: %s", ", ".join(changed))

    def _check_the_same(self, settings: Settings) -> None:
        here, there = self._settings.engine, settings.engine
        if (here.path, here.database_url) != (there.path, there.database_url):
            raise ConfigError([Problem("medusa.engine", "another place of the tasks needs a new start")])
        if settings.daemon.media.directory != self._settings.daemon.media.directory:
            raise ConfigError([Problem("medusa.daemon.media.directory", "another folder of media needs a new start")])
        if settings.daemon.tls != self._settings.daemon.tls:
            says = "other files need a new start; what is in them is read anew by itself"
            raise ConfigError([Problem("medusa.daemon.tls", says)])

    def _retire(self, core: MedusaCore) -> None:
        """`core` takes over; the one before closes as soon as its tasks have ended."""
        before, self._core = self._core, core
        self._retired.append(before)
        threading.Thread(target=before.close, name="medusa-retired", daemon=True).start()

    # ------------------------------------------------------------ the end

    def _asked_to_end(self) -> None:
        (self._hurry if self._end.is_set() else self._end).set()

    async def _stop(self) -> None:
        drain_s = self._settings.daemon.drain_s
        _log.info("ends: no new work, and what is becoming public has %g s to be settled", drain_s)
        await asyncio.gather(*self._reloads)
        notify(STOPPING="1", STATUS="bringing the tasks to rest")
        await self._server.drain()
        draining = [asyncio.to_thread(core.drain, drain_s) for core in (*self._retired, self._core)]
        resting = asyncio.gather(*draining)
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((resting, hurry), return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if resting.done() and all(resting.result()):
            _log.info("all tasks rest")
        else:
            _log.warning("some tasks did not come to rest: they are cut off, and gone on with at the next start")
        await self._server.stop()
