"""Clients that do not behave: the daemon stays up and small, and serves the others."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.scopes import SERVICE
from medusa.daemon.tokens import hashed
from tests.integration.daemon.process import WITHIN_S, Medusad

STREAMS = 50
MEMORY_MIB = 64
"""Far more than a daemon grows by what it refuses, and far less than by what it would keep."""
HEADERS, RST_STREAM, SETTINGS = 1, 3, 4
END_HEADERS = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture
def medusad(tmp_path: Path) -> Iterator[Medusad]:
    """Over TCP it knows a token that nobody has; on its socket everyone may do all."""
    config = tmp_path / "medusa_config.json"
    block = {
        "engine": {"path": "tasks.db"},
        "daemon": {
            "tokens": [{"name": "nobody", "hash": hashed("nobody's")}],
            "bounds": {"streams": STREAMS},
        },
    }
    page = {"page_id": "1", "access_token": "x", "endpoints": {"graph": "http://127.0.0.1:1"}}
    config.write_text(json.dumps({"facebook": page, "medusa": block}))
    with Medusad(config, f"unix:{tmp_path}/m.sock", "127.0.0.1:0") as running:
        yield running


@pytest.fixture
def stub(medusad: Medusad) -> Iterator[MedusaServiceStub]:
    with grpc.insecure_channel(medusad.addresses[0]) as channel:
        yield MedusaServiceStub(channel)


def memory_mib(medusad: Medusad) -> int:
    status = Path(f"/proc/{medusad.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def connected(medusad: Medusad) -> socket.socket:
    host, _, port = medusad.addresses[1].rpartition(":")
    return socket.create_connection((host, int(port)), timeout=WITHIN_S)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame of HTTP/2 (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def header(name: str, value: str) -> bytes:
    """A literal header field that is not indexed (RFC 7541, section 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


CALL = b"".join(
    header(*each)
    for each in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", f"{SERVICE}GetTask"),
        (":authority", "medusad"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    )
)


def frames(line: socket.socket, wanted: int) -> Counter[int]:
    """How many frames of each kind came until `wanted` streams were reset."""
    seen, rest = Counter[int](), b""
    while seen[RST_STREAM] < wanted:
        got = line.recv(1 << 20)
        assert got, "the daemon has closed the connection"
        rest += got
        while len(rest) >= 9 and len(rest) >= 9 + int.from_bytes(rest[:3], "big"):
            seen[rest[3]] += 1
            rest = rest[9 + int.from_bytes(rest[:3], "big") :]
    return seen


def test_calls_that_are_begun_without_end_and_never_sent_are_refused(medusad: Medusad, stub: MedusaServiceStub) -> None:
    stub.ListTasks(pb.ListTasksRequest())
    before, opened = memory_mib(medusad), 5000
    with connected(medusad) as line:
        line.sendall(PREFACE + frame(SETTINGS, 0, 0))
        for number in range(opened):
            line.sendall(frame(HEADERS, END_HEADERS, 2 * number + 1, CALL))
        frames(line, opened - STREAMS - 100)
        assert memory_mib(medusad) - before < MEMORY_MIB
        assert stub.ListTasks(pb.ListTasksRequest(), timeout=WITHIN_S).tasks == []


def test_connections_that_say_nothing_hold_nobody_up(medusad: Medusad, stub: MedusaServiceStub) -> None:
    with ExitStack() as lines:
        for _ in range(200):
            lines.enter_context(connected(medusad))
        lines.enter_context(connected(medusad)).sendall(b"GET / HTTP/1.1\r\n\r\n")
        lines.enter_context(connected(medusad)).sendall(bytes(range(256)) * 100)
        assert stub.ListTasks(pb.ListTasksRequest(), timeout=WITHIN_S).tasks == []


def test_a_client_that_never_reads_holds_nobody_up_and_misses_no_end(stub: MedusaServiceStub) -> None:
    asked = pb.PublishRequest(targets=["facebook"])
    asked.metadata.update({"facebook": {"message": "hi", "link": "https://example.com/" + "x" * 2000}})
    lazy = [stub.WatchTasks(pb.WatchTasksRequest(), timeout=2 * WITHIN_S) for _ in range(5)]
    begun = [stub.Publish(asked).task.id for _ in range(100)]
    for task_id in begun:
        stub.CancelTask(pb.CancelTaskRequest(task_id=task_id))
        *_, last = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S)
        assert last.task.state == pb.TASK_STATE_FAILED
    for stream in lazy:
        ended: set[str] = set()
        while not ended.issuperset(begun):
            task = next(stream).task
            if task.state == pb.TASK_STATE_FAILED:
                ended.add(task.id)
        stream.cancel()
