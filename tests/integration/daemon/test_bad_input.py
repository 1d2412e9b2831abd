"""Bad input over a real channel, each with a status that says what is wrong; afterwards the daemon serves as before."""

from __future__ import annotations

import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.scopes import SERVICE
from tests.integration.conftest import SAMPLE
from tests.integration.daemon.process import WITHIN_S, Medusad
from tests.integration.daemon.test_methods import violations

SECRET = "the keys of the kingdom"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("medusad")


@pytest.fixture(scope="module")
def medusad(folder: Path) -> Iterator[Medusad]:
    """Beside its media root lies a secret, and in the root lies all that may lead out of it."""
    root = folder / "films"
    root.mkdir()
    (folder / "secret.mp4").write_text(SECRET)
    shutil.copyfile(SAMPLE, root / "film.mp4")
    (root / "link.mp4").symlink_to("../secret.mp4")
    (root / "folder").symlink_to("..")
    (root / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(root / "fifo.mp4")
    endpoints = {"graph": "http://127.0.0.1:1"}
    config = {
        "facebook": {"page_id": "1", "access_token": "page-token", "endpoints": endpoints},
        "medusa": {"engine": {"path": "tasks.db"}, "daemon": {"media_roots": ["films"]}},
    }
    (folder / "medusa_config.json").write_text(json.dumps(config))
    with Medusad(folder / "medusa_config.json", f"unix:{folder}/m.sock") as running:
        yield running


@pytest.fixture
def channel(medusad: Medusad) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(medusad.addresses[0]) as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.Channel) -> MedusaServiceStub:
    return MedusaServiceStub(channel)


def asked(media_path: str = "") -> pb.PublishRequest:
    request = pb.PublishRequest(targets=["facebook"], media_path=media_path)
    request.metadata.update({"facebook": {"message": "hi"}})
    return request


def begun(stub: MedusaServiceStub) -> list[str]:
    return [task.id for task in stub.ListTasks(pb.ListTasksRequest(page_size=1000)).tasks]


def test_a_path_that_leads_out_of_the_roots_reads_nothing_and_tells_nothing(
    stub: MedusaServiceStub, folder: Path
) -> None:
    before, outside = begun(stub), "{} is outside the folders that may be read here"
    expected = {
        "../secret.mp4": outside,
        "folder/secret.mp4": outside,
        "folder/there-is-no-such.mp4": outside,
        "link.mp4": outside,
        str(folder / "secret.mp4"): outside,
        "/etc/passwd": outside,
        "/there/is/no/such.mp4": outside,
        "/proc/self/environ": outside,
        "/proc/self/fd/0": outside,
        "/dev/zero": outside,
        "fifo.mp4": "{} is not a regular file",
        ".": "{} is a directory",
        "loop.mp4": "there is no file {}",
        "nothing.mp4": "there is no file {}",
        "film.mp4/more": "there is no file {}",
        "a\0b": "a path cannot hold a NUL character",
    }
    for path, says in expected.items():
        with pytest.raises(grpc.RpcError) as refused:
            stub.Publish(asked(path))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert ("media_path", says.format(path)) in violations(refused.value)
        problems = stub.Validate(pb.ValidateRequest(request=asked(path))).problems
        assert ("media_path", says.format(path)) in [(one.field, one.description) for one in problems]
    assert begun(stub) == before


def test_a_name_of_any_length_is_refused(stub: MedusaServiceStub) -> None:
    for path in ("x" * 300, "x" * 100_000, "x/" * 50_000):
        with pytest.raises(grpc.RpcError) as refused:
            stub.Publish(asked(path))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x0a\x7fshort", b"\x08", bytes(range(256))])
def test_bytes_that_are_no_message_are_refused(channel: grpc.Channel, stub: MedusaServiceStub, raw: bytes) -> None:
    before = begun(stub)
    watch, upload = channel.unary_stream(f"{SERVICE}WatchTask"), channel.stream_unary(f"{SERVICE}UploadMedia")
    calls: tuple[Callable[[], object], ...] = (
        lambda: channel.unary_unary(f"{SERVICE}Publish")(raw, timeout=WITHIN_S),
        lambda: list(watch(raw, timeout=WITHIN_S)),
        lambda: upload(iter([raw]), timeout=WITHIN_S),
    )
    for call in calls:
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert begun(stub) == before


def test_metadata_that_are_nested_without_end_are_refused(channel: grpc.Channel) -> None:
    """Too deep for the parser: written by hand, since no client's library would send it."""
    value = b""
    for _ in range(5000):
        value = _field(5, _field(1, _field(1, b"a") + _field(2, value)))  # struct_value { fields { "a": value } }
    struct = _field(1, _field(1, b"facebook") + _field(2, value))
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(f"{SERVICE}Publish")(_field(4, struct), timeout=WITHIN_S)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("since", [Timestamp(seconds=-(2**63)), Timestamp(nanos=-1), Timestamp(seconds=2**60)])
def test_a_moment_that_is_none_is_refused(stub: MedusaServiceStub, since: Timestamp) -> None:
    chosen = pb.TaskFilter(created_since=since)
    calls: tuple[Callable[[], object], ...] = (
        lambda: stub.ListTasks(pb.ListTasksRequest(filter=chosen)),
        lambda: next(stub.WatchTasks(pb.WatchTasksRequest(filter=chosen), timeout=WITHIN_S)),
    )
    for call in calls:
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert violations(refused.value) == [("filter.created_since", "is no time of the years 1 to 9999")]


def test_the_greatest_limit_is_none(stub: MedusaServiceStub) -> None:
    limit = pb.BandwidthLimit(bytes_per_second=2**63 - 1)
    assert stub.SetLimits(pb.SetLimitsRequest(limits=[limit])).limits[0].bytes_per_second == 0
    assert stub.GetLimits(pb.GetLimitsRequest()).limits[0].bytes_per_second == 0


def test_while_the_disk_is_full_work_is_refused_and_what_is_there_is_shown(
    medusad: Medusad, stub: MedusaServiceStub, folder: Path
) -> None:
    """The kernel lets no file of the daemon grow."""
    kept = stub.Publish(asked()).task.id
    stub.PauseTask(pb.PauseTaskRequest(task_id=kept))
    size = (folder / "tasks.db-wal").stat().st_size
    unlimited = resource.prlimit(medusad.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(medusad.process.pid, resource.RLIMIT_FSIZE, (size, unlimited[1]))
    with pytest.raises(grpc.RpcError) as refused:
        stub.Publish(asked())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.value.details() == "tasks cannot be kept just now: the daemon's log says why"
    assert "tasks.db cannot be written" in medusad.log()
    assert stub.GetTask(pb.GetTaskRequest(task_id=kept)).task.id == kept
    resource.prlimit(medusad.process.pid, resource.RLIMIT_FSIZE, unlimited)
    assert stub.Publish(asked()).task.id


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes on the wire."""
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
