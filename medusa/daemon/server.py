"""The gRPC server around a core."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from grpc import aio
from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from medusa.config import BoundSettings
from medusa.core import MedusaCore
from medusa.daemon.follower import Follower, Told
from medusa.daemon.gate import Gate
from medusa.daemon.intake import Intake
from medusa.daemon.interceptor import CallInterceptor
from medusa.daemon.media_store import MediaStore
from medusa.daemon.pb.medusa_pb2_grpc import add_MedusaServiceServicer_to_server
from medusa.daemon.servicer import Servicer

MANY: Final = 100_000
OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a second daemon on the port is to be refused, not to get half of the calls
    # gRPC's core cancels streams when more than 1,000 are opened at the same moment
    ("grpc.server.max_pending_requests", MANY),
    ("grpc.server.max_pending_requests_hard_limit", MANY),
    # a connection that says nothing, or whose client is gone or frozen, is not kept
    ("grpc.server_handshake_timeout_ms", 20_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # clients look in the same way whether the daemon is there, also while they only wait
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)
THREADS: Final = 16
SWITCH_S: Final = 0.0005
"""How long a thread may hold the interpreter while another wants it: Python's own 5 ms are as long as ten calls."""
GRACE_S: Final = 1.0
"""What is being answered when the server stops gets so long."""
LOOK_EVERY_S: Final = 2.0
NO_WORK: Final = "cannot take work: its tasks cannot be read, or the disk is full"
_log = logging.getLogger("medusa.daemon")
SERVICE: Final = "medusa.v1.MedusaService"


class Server:
    """The gRPC server around a core, which can be exchanged. Belongs to the event loop in which it was made."""

    def __init__(
        self,
        core: MedusaCore,
        gate: Gate,
        store: MediaStore,
        bounds: BoundSettings,
        *,
        observers: Iterable[Told] = (),
        outer: Iterable[aio.ServerInterceptor] = (),
        can_work: Callable[[], bool] = lambda: True,
    ) -> None:
        """`gate` says who gets in, `store` keeps what they upload, `observers` are told of each change of a task, in
        a thread, `outer` interceptors see each call first, `can_work` is asked now and then for what
        health says. Listens nowhere yet.
        """
        self._gate = gate
        self._can_work = can_work
        self._aside = ThreadPoolExecutor(THREADS, thread_name_prefix="medusa-rpc")
        self.intake = Intake(core, store, bounds.tasks)
        self._servicer = Servicer(core, self._aside, self.intake)
        self.feed = self._servicer.feed
        self._follower = Follower(core, (self.feed.tell, *observers), self.feed.drop, self.feed.watched)
        self._health = health.aio.HealthServicer()
        self.grpc = aio.server(interceptors=(*outer, CallInterceptor(gate)), options=(*OPTIONS, *_bounded(bounds)))
        add_MedusaServiceServicer_to_server(self._servicer, self.grpc)
        add_HealthServicer_to_server(self._health, self.grpc)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), self.grpc)

    async def start(self) -> None:
        """Answer calls, where it was told to listen."""
        self._follower.start()
        await self._show(serving=True)
        await self.grpc.start()
        self._looking = asyncio.create_task(self._look_after())
        self._sweeping = asyncio.create_task(self.intake.sweep())

    async def _look_after(self) -> None:
        """Let health say whether work can be taken, until it is cancelled."""
        before = True
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            serving = await asyncio.to_thread(self._can_work)
            if serving is not before:
                _log.log(logging.INFO if serving else logging.ERROR, "takes work again" if serving else NO_WORK)
                await self._show(serving=serving)
            before = serving

    async def _show(self, *, serving: bool) -> None:
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        for service in ("", SERVICE):
            await self._health.set(service, status)

    async def exchange(self, core: MedusaCore) -> None:
        """From the next call on `core` is asked."""
        before, self._follower = self._follower, self._follower.moved(core)
        self._servicer.core = self.intake.core = core
        await asyncio.to_thread(before.close)
        self._follower.start()

    async def drain(self) -> None:
        """Take no new work; who watches goes on watching."""
        self._gate.drain()
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Show who watches the last changes, and end."""
        await asyncio.to_thread(self._follower.close)
        self.feed.close()
        await self.grpc.stop(grace_s)
        self._sweeping.cancel()
        self._looking.cancel()
        await asyncio.to_thread(self.intake.close)
        self._aside.shutdown(wait=False)


def _bounded(bounds: BoundSettings) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.max_receive_message_length", bounds.message_bytes),
        ("grpc.max_metadata_size", bounds.metadata_bytes),
        ("grpc.absolute_max_metadata_size", bounds.metadata_bytes),
        # of one connection; a little more than a caller may have, so that one too many is told and does not just wait
        ("grpc.max_concurrent_streams", bounds.streams + 100),
    )
