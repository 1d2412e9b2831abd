"""medusad as a process: its signals, what it refuses to begin with, and what it leaves to the next one."""

from __future__ import annotations

import json
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.tokens import hashed, new_token
from medusa.sandbox import Sandbox
from tests.e2e.daemons import WITHIN_S, client, medusad, socket_of, write_config
from tests.integration.rehearsal import MIB, large
from tests.integration.test_on_disk import until_received
from tests.postgres import server

__all__ = ["server"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options={"processing_s": 0.0}) as sandbox:
        yield sandbox


def publish(stub: MedusaServiceStub, media: Path | None, **metadata: Any) -> str:
    request = pb.PublishRequest(media_path=str(media or ""), targets=list(metadata))
    request.metadata.update(metadata)
    return stub.Publish(request).task.id


def last(stub: MedusaServiceStub, task_id: str) -> pb.Task:
    *_, final = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S)
    return final.task


def test_sigterm_stops_an_upload_where_it_stands_and_the_next_one_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    config = write_config(tmp_path, sandbox, media_roots=[str(tmp_path)])
    film = large(tmp_path, 64 * MIB)
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    with medusad(config) as first, client(socket_of(tmp_path)) as stub:
        task_id = publish(stub, film, youtube={"title": "Talk"})
        sandbox.wait_for("youtube", "video.bytes")
        until_received(sandbox, MIB)
        snapshots = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S)
        shown = [next(snapshots).task.revision]
        first.signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as ended:
            shown.extend(snapshot.task.revision for snapshot in snapshots)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert first.ended() == 0
    with medusad(config), client(socket_of(tmp_path)) as stub:
        snapshots = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id, after_revision=shown[-1]), timeout=WITHIN_S)
        *_, final = (snapshot.task for snapshot in snapshots)
        assert (final.state, final.revision > shown[-1]) == (pb.TASK_STATE_COMPLETED, True)
    received = sum(record["received"] for record in sandbox.log() if record["operation"] == "video.bytes")
    assert len(sandbox.state()["youtube"]["videos"]) == 1
    assert received < film.stat().st_size + 8 * MIB


def test_a_killed_daemon_loses_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    config = write_config(tmp_path, sandbox, media_roots=[str(tmp_path)])
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    with medusad(config) as first, client(socket_of(tmp_path)) as stub:
        task_id = publish(stub, large(tmp_path, 64 * MIB), youtube={"title": "Talk"})
        sandbox.wait_for("youtube", "video.bytes")
        first.signal(signal.SIGKILL)
        first.ended()
    with medusad(config), client(socket_of(tmp_path)) as stub:
        assert last(stub, task_id).state == pb.TASK_STATE_COMPLETED
    assert len(sandbox.state()["youtube"]["videos"]) == 1


def test_it_starts_from_nothing_behind_a_socket_of_the_users_own(tmp_path: Path, sandbox: Sandbox) -> None:
    config = tmp_path / "medusa.json"
    config.write_text(json.dumps(sandbox.config(tmp_path)), encoding="utf-8")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    with medusad(config, XDG_RUNTIME_DIR=str(runtime)), client(f"unix:{runtime}/medusa/medusad.sock") as stub:
        task_id = publish(stub, None, facebook={"message": "Hello"})
        assert last(stub, task_id).state == pb.TASK_STATE_COMPLETED
    assert stat.S_IMODE((runtime / "medusa/medusad.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state/medusa/tasks.db").stat().st_mode) == 0o600


def test_a_second_daemon_on_the_same_tasks_is_refused_naming_the_first(tmp_path: Path, sandbox: Sandbox) -> None:
    config, other = write_config(tmp_path, sandbox), write_config(tmp_path, sandbox, "second.json")
    with medusad(config) as first, client(socket_of(tmp_path)), medusad(other) as second:
        assert second.ended() == 3
        assert f"process {first.pid}" in second.log
        assert "tasks.db" in second.log


def test_a_second_daemon_on_the_same_database_is_refused_from_any_machine(
    tmp_path: Path, sandbox: Sandbox, server: str
) -> None:
    """The second has a state directory of its own, as on another machine. A killed one's place is free."""
    config, other = write_config(tmp_path, sandbox), write_config(tmp_path, sandbox, "second.json")
    for file in (config, other):
        content = json.loads(file.read_text())
        content["medusa"]["engine"] = {"database_url": server, "key_file": str(tmp_path / "key")}
        file.write_text(json.dumps(content))
    elsewhere = str(tmp_path / "elsewhere")
    with medusad(config) as first, client(socket_of(tmp_path)):
        with medusad(other, XDG_STATE_HOME=elsewhere) as second:
            assert second.ended() == 3
            assert (
                f"another medusad (process {first.pid} on {socket.gethostname()}) runs on the PostgreSQL" in second.log
            )
        first.signal(signal.SIGKILL)
        first.ended()
    with medusad(other, XDG_STATE_HOME=elsewhere) as second, client(socket_of(tmp_path)) as stub:
        assert last(stub, publish(stub, None, facebook={"message": "Hello"})).state == pb.TASK_STATE_COMPLETED
        second.signal(signal.SIGTERM)
        assert second.ended() == 0


def test_an_address_that_another_has_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    with medusad(write_config(tmp_path, sandbox)), client(socket_of(tmp_path)) as stub:
        with medusad(write_config(tmp_path, sandbox, "second.json"), XDG_STATE_HOME=str(tmp_path / "other")) as second:
            assert second.ended() == 3
            assert "another program listens there" in second.log
        stub.ListTasks(pb.ListTasksRequest())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with medusad(write_config(tmp_path, sandbox, "third.json", listen=[f"127.0.0.1:{port}"])) as third:
            assert third.ended() == 4
            assert f"127.0.0.1:{port}: address already in use" in third.log


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("unix:/proc/nowhere/medusad.sock", "no such file or directory"),
        (f"unix:/tmp/{'x' * 120}.sock", "longer than 107 bytes"),
        ("unix:/etc/hostname", "something that is no socket"),
        ("nowhere.invalid:7433", "nowhere.invalid:7433"),
    ],
)
def test_an_address_that_cannot_be_used_is_told(tmp_path: Path, sandbox: Sandbox, address: str, says: str) -> None:
    config = write_config(tmp_path, sandbox, listen=[address])
    with medusad(config) as running:
        assert running.ended() in (2, 4)
        assert says in running.log
        assert "Traceback" not in running.log


def test_a_wrong_configuration_is_told_with_each_place(tmp_path: Path, sandbox: Sandbox) -> None:
    config = tmp_path / "medusa.json"
    config.write_text(json.dumps({"facebook": {"page_id": "x"}, "medusa": {"daemon": {"lisen": []}}}))
    with medusad(config) as running:
        assert running.ended() == 2
        for place in ("facebook.page_id", "facebook.access_token", "medusa.daemon.lisen"):
            assert place in running.log


def test_a_socket_left_by_a_killed_daemon_is_taken_over(tmp_path: Path, sandbox: Sandbox) -> None:
    config = write_config(tmp_path, sandbox)
    with medusad(config) as first, client(socket_of(tmp_path)):
        first.signal(signal.SIGKILL)
        first.ended()
    with medusad(config), client(socket_of(tmp_path)) as stub:
        stub.ListTasks(pb.ListTasksRequest())


def test_sighup_reads_tokens_and_targets_anew(tmp_path: Path, sandbox: Sandbox) -> None:
    token = new_token()
    listen = [socket_of(tmp_path)]
    config = write_config(tmp_path, sandbox, listen=listen)
    with medusad(config) as running, client(socket_of(tmp_path)) as stub:
        bearing = (("authorization", f"Bearer {token}"),)
        with pytest.raises(grpc.RpcError) as unknown:
            stub.ListPlatforms(pb.ListPlatformsRequest(), metadata=bearing)
        assert unknown.value.code() is grpc.StatusCode.UNAUTHENTICATED

        write_config(tmp_path, sandbox, listen=listen, tokens=[{"name": "web", "hash": hashed(token)}])
        content = json.loads(config.read_text())
        config.write_text(json.dumps({**content, "page": {**content["facebook"], "platform": "facebook"}}))
        running.signal(signal.SIGHUP)
        running.until_logged("was read anew")
        listed = stub.ListPlatforms(pb.ListPlatformsRequest(), metadata=bearing)
        assert "page" in [target.key for target in listed.targets]
        assert last(stub, publish(stub, None, page={"message": "Hello"})).state == pb.TASK_STATE_COMPLETED

        for _ in range(3):
            running.signal(signal.SIGHUP)
        stub.ListPlatforms(pb.ListPlatformsRequest(), metadata=bearing)
        config.write_text("{}}")
        running.signal(signal.SIGHUP)
        running.until_logged("the old one stays in use")
        stub.ListPlatforms(pb.ListPlatformsRequest(), metadata=bearing)


def test_sighup_names_what_needs_a_new_start(tmp_path: Path, sandbox: Sandbox) -> None:
    listen = [socket_of(tmp_path)]
    config = write_config(tmp_path, sandbox, listen=listen)
    with medusad(config) as running, client(socket_of(tmp_path)) as stub:
        stub.ListPlatforms(pb.ListPlatformsRequest())
        write_config(tmp_path, sandbox, listen=[*listen, "127.0.0.1:0"], metrics="127.0.0.1:0")
        running.signal(signal.SIGHUP)
        running.until_logged("do not count before a new start: medusa.daemon.listen, medusa.daemon.metrics\n")


def test_what_runs_goes_on_over_a_reload_and_a_term(tmp_path: Path, sandbox: Sandbox) -> None:
    config = write_config(tmp_path, sandbox, media_roots=[str(tmp_path)])
    sandbox.fault(platform="youtube", operation="video.bytes", kind="slow", bytes_per_s=4 * MIB)
    with medusad(config) as running, client(socket_of(tmp_path)) as stub:
        task_id = publish(stub, large(tmp_path, 8 * MIB), youtube={"title": "Talk"})
        sandbox.wait_for("youtube", "video.bytes")
        running.signal(signal.SIGHUP)
        running.until_logged("was read anew")
        assert last(stub, task_id).state == pb.TASK_STATE_COMPLETED
        running.signal(signal.SIGTERM)
        assert running.ended() == 0
    assert len(sandbox.state()["youtube"]["videos"]) == 1


def test_log_and_metrics_tell_of_a_task_and_of_no_secret(tmp_path: Path, sandbox: Sandbox) -> None:
    config = write_config(tmp_path, sandbox, metrics="127.0.0.1:0", log={"format": "json", "level": "debug"})
    with medusad(config) as running, client(socket_of(tmp_path)) as stub:
        task_id = publish(stub, None, facebook={"message": "Hello"})
        assert last(stub, task_id).state == pb.TASK_STATE_COMPLETED
        running.until_logged('"completed: Completed"')
        lines = [json.loads(line) for line in running.log.splitlines()]
        url = next(word for line in lines for word in line["message"].split() if word.startswith("http://127.0.0.1"))
        with urlopen(url, timeout=WITHIN_S) as answer:
            metrics = answer.read().decode()
    steps = [line for line in lines if line.get("task") == task_id]
    assert {"target": "facebook", "step": "post", "message": "succeeded"}.items() <= steps[-2].items()
    assert 'medusa_tasks{state="completed"} 1.0' in metrics
    for secret in (sandbox.config(tmp_path)["facebook"]["access_token"], "Hello"):
        assert secret not in running.log + metrics


def test_systemd_is_told_when_it_serves_and_when_it_ends(tmp_path: Path, sandbox: Sandbox) -> None:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(WITHIN_S)
    with told, medusad(write_config(tmp_path, sandbox), NOTIFY_SOCKET=str(tmp_path / "notify")) as running:
        assert told.recv(1000).startswith(b"READY=1")
        with grpc.insecure_channel(socket_of(tmp_path)) as channel:
            assert HealthStub(channel).Check(HealthCheckRequest()).status == HealthCheckResponse.SERVING
        running.signal(signal.SIGHUP)
        assert told.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert told.recv(1000).startswith(b"READY=1")
        running.signal(signal.SIGTERM)
        assert told.recv(1000).startswith(b"STOPPING=1")
        assert running.ended() == 0
