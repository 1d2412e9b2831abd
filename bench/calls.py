"""GetTask on our server, and on a bare grpc.aio server that answers with the same message: one call after the other."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

from bench.streams import SERVERS, Served
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub

CALLS = 1000
"""Of each server in each round."""


def run(rounds: int) -> None:
    """Print medians over the rounds, our share of the bare server's, and the spread of that."""
    with TemporaryDirectory() as folder, ExitStack() as opened:
        servers = {kind: opened.enter_context(closing(Served(kind, Path(folder)))) for kind in SERVERS}
        channels = {kind: opened.enter_context(grpc.insecure_channel(servers[kind].address)) for kind in SERVERS}
        stubs = {kind: MedusaServiceStub(channel) for kind, channel in channels.items()}
        for stub in stubs.values():
            _took(stub, CALLS // 10)
        took: dict[str, list[list[float]]] = {kind: [] for kind in SERVERS}
        for place in range(rounds):
            for kind in SERVERS if place % 2 else SERVERS[::-1]:
                took[kind].append(_took(stubs[kind], CALLS))
    print(f"\nGetTask, {CALLS} calls one after the other, {rounds} rounds")
    print(f"{'':14}  {'bare':>8}  {'medusa':>8}  {'ratio':>6}  {'from':>5} {'to':>5}")
    for name, place in (("p50 ms", 49), ("p99 ms", 98)):
        bare, ours = ([statistics.quantiles(one, n=100)[place] for one in took[kind]] for kind in SERVERS)
        shares = [mine / other for mine, other in zip(ours, bare, strict=True)]
        middles = f"{statistics.median(bare):8.2f}  {statistics.median(ours):8.2f}  {statistics.median(shares):6.2f}"
        print(f"{name:14}  {middles}  {min(shares):5.2f} {max(shares):5.2f}")


def _took(stub: MedusaServiceStub, calls: int) -> list[float]:
    """Milliseconds of each call."""
    request, found = pb.GetTaskRequest(task_id="t"), []
    for _ in range(calls):
        begun = time.perf_counter()
        assert stub.GetTask(request).task.id == "t"
        found.append(1000 * (time.perf_counter() - begun))
    return found
