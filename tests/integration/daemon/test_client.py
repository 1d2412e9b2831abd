"""MedusaClient where the line, the daemon or the caller is at fault."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from medusa import ConfigError, InvalidRequest, MedusaCore, MedusaError, Task, TaskStatus
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.config import BoundSettings, DaemonSettings, TlsSettings, TokenSettings
from medusa.daemon.client import AccessDenied, AsyncMedusaClient, DaemonUnreachable, LimitReached, MedusaClient
from medusa.daemon.client.endpoint import Endpoint
from medusa.daemon.client.patience import FIRST_S, LONGEST_S, Patience
from medusa.daemon.errors import unavailable
from medusa.daemon.servicer import Servicer
from medusa.daemon.tokens import hashed, new_token
from medusa.domain.values import Problem
from tests.integration.conftest import SAMPLE
from tests.integration.daemon.conftest import WITHIN_S, Serving

POST: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"message": "It is out"}}}
VIDEO: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"title": "Tech Talk"}}}


@pytest.fixture
def client(address: str) -> Iterator[MedusaClient]:
    with MedusaClient(address) as made:
        yield made


# ---------------------------------------------------------------- a daemon that goes and comes back


def watched(client: MedusaClient, task_id: str, met: Callable[[Task], None]) -> list[Task]:
    seen = []
    for task in client.watch(task_id):
        seen.append(task)
        met(task)
    return seen


def watched_async(client: MedusaClient, task_id: str, met: Callable[[Task], None]) -> list[Task]:
    async def program() -> list[Task]:
        seen = []
        async for task in client.watch_async(task_id):
            seen.append(task)
            await asyncio.to_thread(met, task)
        return seen

    return asyncio.run(program())


@pytest.mark.parametrize("watch", [watched, watched_async])
def test_a_watcher_does_not_notice_that_the_daemon_was_away(
    core: MedusaCore, platform: FakePlatform, tmp_path: Path, watch: Callable[..., list[Task]]
) -> None:
    address = f"unix:{tmp_path}/medusa.sock"
    held = platform.hold("session.bytes")
    serving = [Serving(core, address).__enter__()]

    def restart(task: Task) -> None:
        if held.arrived.is_set() and len(serving) == 1:
            serving[0].__exit__()
            serving.append(Serving(core, address).__enter__())
            held.release()

    with MedusaClient(address) as client:
        task_id = client.publish_async(SAMPLE, **VIDEO)
        assert held.arrived.wait(WITHIN_S)
        seen = watch(client, task_id, restart)
    serving[-1].__exit__()
    assert len(serving) == 2
    assert all(one.revision < other.revision for one, other in pairwise(seen)), "none is repeated"
    assert [task.ended for task in seen] == [False] * (len(seen) - 1) + [True]


class Forgetful(Servicer):
    """Does what it is asked for, and loses the first reply of each method."""

    def __init__(self, *wired: Any) -> None:
        super().__init__(*wired)
        self.asked: list[str] = []

    def _lose(self, method: str) -> None:
        self.asked.append(method)
        if self.asked.count(method) == 1:
            raise unavailable("SHUTTING_DOWN", "the line broke", retry_s=0)

    async def Publish(self, request: Any, context: Any) -> Any:
        reply = await super().Publish(request, context)
        self._lose("Publish")
        return reply

    async def GetTask(self, request: Any, context: Any) -> Any:
        self._lose("GetTask")
        return await super().GetTask(request, context)

    async def RetryTask(self, request: Any, context: Any) -> Any:
        self._lose("RetryTask")
        return await super().RetryTask(request, context)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.daemon.server.Servicer", Forgetful)


def test_a_publication_whose_reply_was_lost_does_not_become_two(
    forgetful: None, client: MedusaClient, core: MedusaCore, platform: FakePlatform
) -> None:
    task_id = client.publish_async(**POST)
    assert client.wait(task_id, WITHIN_S)["status"] == "completed"
    assert [task.id for task in core.list_tasks()] == [task_id]
    assert len(platform.posts) == 1


def test_what_may_do_harm_twice_is_asked_once(forgetful: None, client: MedusaClient) -> None:
    task_id = client.publish_async(**POST)
    with pytest.raises(DaemonUnreachable, match="the line broke"):
        client.retry(task_id)


def test_closing_ends_what_waits(client: MedusaClient, platform: FakePlatform) -> None:
    held = platform.hold("post.create")
    task_id = client.publish_async(**POST)
    assert held.arrived.wait(WITHIN_S)
    ended: list[BaseException] = []

    def follow() -> None:
        try:
            for _ in client.watch(task_id):
                client.close()
        except MedusaError as error:
            ended.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    thread.join(WITHIN_S)
    held.release()
    assert len(ended) == 1
    with pytest.raises(MedusaError, match="this MedusaClient is closed"):
        client.get_task(task_id)


def test_a_watcher_that_leaves_ends_its_stream(address: str, client: MedusaClient, platform: FakePlatform) -> None:
    held = platform.hold("post.create")
    task_id = client.publish_async(**POST)
    assert held.arrived.wait(WITHIN_S)
    watching = client.watch(task_id)
    assert next(watching).status is TaskStatus.IN_PROGRESS
    watching.close()  # type: ignore[attr-defined]  # it is a generator
    held.release()
    assert client.wait(task_id, WITHIN_S)["status"] == "completed"


# ---------------------------------------------------------------- files that cannot be handed over


def test_a_pipe_is_not_waited_for(address: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.mp4")
    with MedusaClient(address, upload=True) as client, pytest.raises(InvalidRequest) as refused:
        client.publish_async(tmp_path / "film.mp4", **VIDEO)
    assert refused.value.problems == (Problem("media_file", f"{tmp_path}/film.mp4 is not a regular file"),)


def test_a_file_that_neither_side_has_is_said_to_be_absent(platform: FakePlatform, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    address, outside, within = f"unix:{tmp_path}/m.sock", tmp_path / "typo.mp4", tmp_path / "media" / "typo.mp4"
    with (
        MedusaCore(config={"fake": {"name": "studio"}}, media_roots=[tmp_path / "media"]) as core,
        Serving(core, address),
        MedusaClient(address) as client,
    ):
        (shut,), (absent,) = (client.validate(path, **VIDEO) for path in (outside, within))
    assert shut.says == (
        f"{outside} is outside the folders that may be read here, and there is no such file to hand over"
    )
    assert absent.says == f"there is no file {within}"


# ---------------------------------------------------------------- who gets in


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, TlsSettings]:
    made = trustme.CA()
    issued = made.issue_cert("localhost", "127.0.0.1")
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return tmp_path / "ca.pem", TlsSettings(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_with_a_token_over_tls(core: MedusaCore, authority: tuple[Path, TlsSettings]) -> None:
    reading, admin = new_token(), new_token()
    tokens = (TokenSettings("a", hashed(reading)), TokenSettings("b", hashed(admin), ("admin",)))
    ca, tls = authority
    with Serving(core, "127.0.0.1:0", DaemonSettings(tls=tls, tokens=tokens)) as serving:
        port = serving.address.rpartition(":")[2]
        address = f"localhost:{port}"
        with MedusaClient(address, token=admin, tls_ca=ca) as client:
            task_id = client.publish_async(**POST)
            assert client.wait(task_id, WITHIN_S)["status"] == "completed"
            assert admin not in f"{client._endpoint!r}"
        with MedusaClient(address, token=reading, tls_ca=ca) as client:
            assert client.get_task(task_id).ended
            with pytest.raises(AccessDenied, match="needs the scope admin"):
                client.delete(task_id)
        with MedusaClient(address, token="stolen", tls_ca=ca) as client, pytest.raises(AccessDenied):
            client.list_tasks()
        with MedusaClient(address, token=admin, tls_ca=tls.key_file) as client, pytest.raises(DaemonUnreachable):
            client.list_tasks()

        async def program() -> bool:
            async with AsyncMedusaClient(address, token=admin, tls_ca=ca) as client:
                return (await client.get_task(task_id)).ended

        assert asyncio.run(program())


@pytest.mark.parametrize(
    ("served", "trusts", "says"),
    [
        (None, True, "does not speak TLS"),
        ("localhost", False, "may want TLS"),
        ("another.example", True, "its certificate is for another name"),
    ],
)
def test_a_handshake_that_fails_is_explained(
    core: MedusaCore, tmp_path: Path, served: str | None, trusts: bool, says: str
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert(served or "localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "own.pem"))
    tls = TlsSettings(tmp_path / "own.pem", tmp_path / "own.pem") if served else None
    with (
        Serving(core, "127.0.0.1:0", DaemonSettings(tls=tls)) as serving,
        MedusaClient(serving.address, tls_ca=tmp_path / "ca.pem" if trusts else None) as client,
        pytest.raises(DaemonUnreachable, match=says),
    ):
        client.list_tasks()


def test_whoever_has_too_much_open_is_told_when_there_may_be_room(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("post.create")
    bounds = BoundSettings(streams=1)
    with (
        Serving(core, "127.0.0.1:0", DaemonSettings(bounds=bounds)) as serving,
        MedusaClient(serving.address) as client,
    ):
        task_id = client.publish_async(**POST)
        assert held.arrived.wait(WITHIN_S)
        watching = client.watch(task_id)
        next(watching)
        with pytest.raises(LimitReached) as told:
            client.get_task(task_id)
        assert told.value.retry_after_s == 1.0
        held.release()
        assert list(watching)[-1].ended


@pytest.mark.parametrize(
    ("address", "encrypted", "remote"),
    [
        ("unix:/run/medusad.sock", False, False),
        ("127.0.0.1:7433", False, True),
        ("[::1]:7433", False, True),
        ("localhost:7433", False, True),
        ("media.example.com:7433", True, True),
        ("10.0.0.5:7433", True, True),
    ],
)
def test_off_this_machine_everything_is_encrypted(address: str, encrypted: bool, remote: bool) -> None:
    assert (Endpoint(address).encrypted, Endpoint(address).remote) == (encrypted, remote)


@pytest.mark.parametrize("options", [{"tls_cert": "cert.pem"}, {"tls_key": "key.pem"}, {"tls_ca": "/nowhere/ca.pem"}])
def test_what_cannot_be_shown_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        MedusaClient("127.0.0.1:7433", **options)


# ---------------------------------------------------------------- when to try again


class Broken(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "it broke"

    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()


AWAY, CANCELLED = Broken(grpc.StatusCode.UNAVAILABLE), Broken(grpc.StatusCode.CANCELLED)


def test_pauses_grow_and_differ_and_begin_anew_when_it_moved() -> None:
    pauses = [[patience.pause(AWAY) for _ in range(9)] for patience in (Patience(reached=True), Patience(reached=True))]
    assert pauses[0] != pauses[1]
    for row in pauses:
        assert FIRST_S / 2 <= row[0] <= FIRST_S
        assert LONGEST_S / 2 <= row[-1] <= LONGEST_S
    patience = Patience(reached=True)
    assert [patience.pause(AWAY) for _ in range(9)][-1] > FIRST_S
    patience.moved()
    assert patience.pause(AWAY) <= FIRST_S


def test_a_daemon_that_was_never_there_is_not_waited_for() -> None:
    assert Patience(reached=False).pause(AWAY) is None
    assert Patience(reached=False).pause(CANCELLED) is not None, "gRPC's core refuses some of very many at once"


@pytest.mark.parametrize("code", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED])
def test_what_would_fail_again_is_not_tried_again(code: grpc.StatusCode) -> None:
    assert Patience(reached=True).pause(Broken(code)) is None
