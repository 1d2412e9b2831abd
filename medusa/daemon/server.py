"""The gRPC server around a core."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from grpc import aio

from medusa.core import MedusaCore
from medusa.daemon.interceptor import StatusInterceptor
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


def server(core: MedusaCore) -> aio.Server:
    """A server that answers for `core`; it listens nowhere yet."""
    served = aio.server(interceptors=(StatusInterceptor(),), options=OPTIONS)
    aside = ThreadPoolExecutor(THREADS, thread_name_prefix="medusa-rpc")
    add_MedusaServiceServicer_to_server(Servicer(core, aside), served)  # type: ignore[abstract]
    return served
