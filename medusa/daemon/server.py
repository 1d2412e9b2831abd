"""The gRPC server around a core."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from grpc import aio

from medusa.config import BoundSettings
from medusa.core import MedusaCore
from medusa.daemon.gate import Gate
from medusa.daemon.interceptor import CallInterceptor
from medusa.daemon.pb.medusa_pb2_grpc import add_MedusaServiceServicer_to_server
from medusa.daemon.servicer import Servicer

MANY: Final = 100_000
OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a second daemon on the port is to be refused, not to get half of the calls
    # gRPC's core cancels streams when more than 1,000 are opened at the same moment
    ("grpc.server.max_pending_requests", MANY),
    ("grpc.server.max_pending_requests_hard_limit", MANY),
)
THREADS: Final = 16


def server(core: MedusaCore, gate: Gate, bounds: BoundSettings) -> aio.Server:
    """A server that answers for `core` to whom `gate` lets in; it listens nowhere yet."""
    served = aio.server(interceptors=(CallInterceptor(gate),), options=(*OPTIONS, *_bounded(bounds)))
    aside = ThreadPoolExecutor(THREADS, thread_name_prefix="medusa-rpc")
    add_MedusaServiceServicer_to_server(Servicer(core, aside), served)  # type: ignore[abstract]
    return served


def _bounded(bounds: BoundSettings) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.max_receive_message_length", bounds.message_bytes),
        ("grpc.max_metadata_size", bounds.metadata_bytes),
        ("grpc.absolute_max_metadata_size", bounds.metadata_bytes),
        # of one connection; a little more than a caller may have, so that one too many is told and does not just wait
        ("grpc.max_concurrent_streams", bounds.streams + 100),
    )
