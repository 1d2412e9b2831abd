"""Who gets in: tokens, certificates, scopes, and how much one caller may have open."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from medusa import MedusaCore
from medusa.config import BoundSettings, DaemonSettings, SubjectSettings, TlsSettings, TokenSettings
from medusa.daemon.failures import FREE
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.scopes import SCOPES, SERVICE, Scope
from medusa.daemon.tls import Certificate
from medusa.daemon.tokens import hashed, new_token
from medusa.domain.failures import ConfigError
from tests.integration.daemon.conftest import WITHIN_S, Serving

METHODS_BY_NAME = pb.DESCRIPTOR.services_by_name["MedusaService"].methods_by_name
PROTO = Path(__file__).parents[3] / "proto/medusa/v1/medusa.proto"
TOKENS = {scope: new_token() for scope in (Scope.READ, Scope.PUBLISH, Scope.ADMIN)}
EXPIRED = new_token()
SETTINGS = DaemonSettings(
    tokens=(
        *(TokenSettings(scope.name, hashed(token), (scope.name.lower(),)) for scope, token in TOKENS.items()),  # type: ignore[arg-type]
        TokenSettings("late", hashed(EXPIRED), ("admin",), expires="2020-01-31"),
    )
)
Metadata = tuple[tuple[str, str], ...]


def bearing(token: str, scheme: str = "Bearer") -> Metadata:
    return (("authorization", f"{scheme} {token}"),)


@pytest.fixture
def port(core: MedusaCore) -> Iterator[str]:
    core.publish_async(platforms=["news"], metadata={"news": {"message": "There is something to tell"}})
    with Serving(core, "127.0.0.1:0", SETTINGS) as serving:
        yield serving.address


def outcome(channel: grpc.Channel, method: str, metadata: Metadata = (), request: bytes = b"") -> grpc.StatusCode:
    """How a call of the method with an empty request ends, or OK as soon as it has answered something."""
    descriptor = METHODS_BY_NAME[method.removeprefix(SERVICE)]
    sent: Any = iter([request]) if descriptor.client_streaming else request
    arity = {False: "unary", True: "stream"}
    call = getattr(channel, f"{arity[descriptor.client_streaming]}_{arity[descriptor.server_streaming]}")(method)
    try:
        answer = call(sent, metadata=metadata, timeout=WITHIN_S)
        if descriptor.server_streaming:
            next(answer, None)
            answer.cancel()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


# ---------------------------------------------------------------- scopes


def test_every_method_has_a_scope_and_the_api_says_the_same() -> None:
    said = re.findall(r"[Aa]sks for `(\w+)`(?:(?!\brpc\b)[\s\S])*?\brpc (\w+)\(", PROTO.read_text())
    assert {SERVICE + name: Scope[scope.upper()] for scope, name in said} == {
        SERVICE + name: SCOPES[SERVICE + name] for name in METHODS_BY_NAME
    }


@pytest.mark.parametrize("method", sorted(method for method in SCOPES if method.startswith(SERVICE)))
def test_no_method_is_open_to_less_than_its_scope(port: str, method: str) -> None:
    with grpc.insecure_channel(port) as channel:
        assert outcome(channel, method) is grpc.StatusCode.UNAUTHENTICATED
        for scope, token in TOKENS.items():
            refused = outcome(channel, method, bearing(token)) is grpc.StatusCode.PERMISSION_DENIED
            assert refused is (scope < SCOPES[method]), f"{method} with {scope.name}"


@pytest.mark.parametrize(
    "metadata",
    [
        bearing(new_token()),
        bearing(EXPIRED),
        bearing(""),
        bearing(TOKENS[Scope.ADMIN][:-1]),
        bearing(TOKENS[Scope.ADMIN] + "a"),
        bearing(hashed(TOKENS[Scope.ADMIN])),
        bearing(TOKENS[Scope.ADMIN], scheme="Basic"),
        (("authorization", TOKENS[Scope.ADMIN]),),
        (*bearing("wrong"), *bearing(TOKENS[Scope.ADMIN])),
        bearing("x" * 4000),
    ],
)
def test_what_is_no_valid_token(port: str, metadata: Metadata, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with grpc.insecure_channel(port) as channel, pytest.raises(grpc.RpcError) as refused:
        MedusaServiceStub(channel).GetTask(pb.GetTaskRequest(task_id="x"), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "GetTask from 127.0.0.1/32 refused" in caplog.text
    for _, value in metadata:
        presented = value.partition(" ")[2]
        assert not presented or presented not in caplog.text + str(refused.value)


def test_an_expired_token_is_told_apart_for_who_has_it(port: str) -> None:
    with grpc.insecure_channel(port) as channel, pytest.raises(grpc.RpcError) as refused:
        MedusaServiceStub(channel).GetTask(pb.GetTaskRequest(task_id="x"), metadata=bearing(EXPIRED))
    assert refused.value.details() == "the token has expired on 2020-01-31"


def test_who_goes_on_guessing_is_slowed_and_not_logged_while_others_are_served(
    port: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with grpc.insecure_channel(port) as channel:
        codes = [outcome(channel, SERVICE + "GetTask", bearing(new_token())) for _ in range(FREE + 5)]
        served = outcome(channel, SERVICE + "ListTasks", bearing(TOKENS[Scope.READ]))
    assert codes == [grpc.StatusCode.UNAUTHENTICATED] * FREE + [grpc.StatusCode.RESOURCE_EXHAUSTED] * 5
    assert caplog.text.count("refused") == FREE
    assert served is grpc.StatusCode.OK


def test_a_caller_who_asks_for_what_it_may_not_is_always_told_and_logged_for_a_while(
    port: str, caplog: pytest.LogCaptureFixture
) -> None:
    with grpc.insecure_channel(port) as channel:
        codes = [outcome(channel, SERVICE + "DeleteTask", bearing(TOKENS[Scope.READ])) for _ in range(FREE + 5)]
    assert codes == [grpc.StatusCode.PERMISSION_DENIED] * (FREE + 5)
    assert caplog.text.count("DeleteTask from caller READ refused: this needs the scope admin") == FREE


def test_new_tokens_count_from_a_reload_on(core: MedusaCore) -> None:
    other = new_token()
    with Serving(core, "127.0.0.1:0", SETTINGS) as serving, grpc.insecure_channel(serving.address) as channel:
        method = SERVICE + "ListTasks"
        assert outcome(channel, method, bearing(other)) is grpc.StatusCode.UNAUTHENTICATED
        serving.gate.reload(DaemonSettings(tokens=(TokenSettings("other", hashed(other)),)))
        assert outcome(channel, method, bearing(other)) is grpc.StatusCode.OK
        assert outcome(channel, method, bearing(TOKENS[Scope.ADMIN])) is grpc.StatusCode.UNAUTHENTICATED


def test_health_is_for_anyone_and_reflection_for_readers(port: str) -> None:
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    with grpc.insecure_channel(port) as channel:
        assert HealthStub(channel).Check(HealthCheckRequest(), timeout=WITHIN_S).status == HealthCheckResponse.SERVING
        for metadata, served in (((), False), (bearing(TOKENS[Scope.READ]), True)):
            listed = ServerReflectionStub(channel).ServerReflectionInfo(
                iter([asked]), metadata=metadata, timeout=WITHIN_S
            )
            try:
                names = {one.name for one in next(listed).list_services_response.service}
            except grpc.RpcError as error:
                names = {error.code().name}
            assert (SERVICE.strip("/") in names) is served, names


# ---------------------------------------------------------------- the Unix socket


def test_who_may_connect_to_the_socket_may_do_all_but_a_token_is_looked_at(core: MedusaCore, tmp_path: Path) -> None:
    with (
        Serving(core, f"unix:{tmp_path}/m.sock", SETTINGS) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        assert outcome(channel, SERVICE + "DeleteTask") is grpc.StatusCode.NOT_FOUND
        assert outcome(channel, SERVICE + "DeleteTask", bearing("no")) is grpc.StatusCode.UNAUTHENTICATED
        read = bearing(TOKENS[Scope.READ])
        assert outcome(channel, SERVICE + "DeleteTask", read) is grpc.StatusCode.PERMISSION_DENIED


# ---------------------------------------------------------------- TLS


class Authority:
    """A certificate authority and the files of a server that shows one of its certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(folder / "ca.pem")
        self.issue(self.ca)

    def issue(self, ca: trustme.CA) -> None:
        """A new certificate of the server, by this authority."""
        issued = ca.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(self.folder / "key.new")
        (self.folder / "cert.new").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        (self.folder / "key.new").replace(self.folder / "key.pem")
        (self.folder / "cert.new").replace(self.folder / "cert.pem")

    def tls(self, *, mutual: bool = False) -> TlsSettings:
        return TlsSettings(
            self.folder / "cert.pem", self.folder / "key.pem", self.folder / "ca.pem" if mutual else None
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def connected(address: str, ca: trustme.CA, client: trustme.LeafCert | None = None) -> Iterator[grpc.Channel]:
    shown = (client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(ca.cert_pem.bytes(), *shown)
    options = (("grpc.use_local_subchannel_pool", 1),)  # a connection of its own each time
    with grpc.secure_channel(address, credentials, options) as channel:
        yield channel


def test_over_tls_a_token_lets_in(core: MedusaCore, authority: Authority) -> None:
    with (
        Serving(core, "127.0.0.1:0", replace(SETTINGS, tls=authority.tls())) as serving,
        connected(serving.address, authority.ca) as channel,
    ):
        assert outcome(channel, SERVICE + "ListTasks", bearing(TOKENS[Scope.READ])) is grpc.StatusCode.OK
        assert outcome(channel, SERVICE + "ListTasks") is grpc.StatusCode.UNAUTHENTICATED


def test_a_certificate_lets_in_whom_the_config_names(core: MedusaCore, authority: Authority) -> None:
    settings = DaemonSettings(
        tls=authority.tls(mutual=True),
        subjects=(SubjectSettings("backend.example", ("publish",)), SubjectSettings("ops", ("admin",))),
    )
    ca, stranger = authority.ca, trustme.CA()
    expected = {
        "named": (ca.issue_cert("backend.example", "www.example"), grpc.StatusCode.PERMISSION_DENIED),
        "common name beside a SAN": (ca.issue_cert("x.example", common_name="ops"), grpc.StatusCode.UNAUTHENTICATED),
        "not named": (ca.issue_cert("other.example"), grpc.StatusCode.UNAUTHENTICATED),
        "of another authority": (stranger.issue_cert("backend.example"), grpc.StatusCode.UNAVAILABLE),
        "none": (None, grpc.StatusCode.UNAVAILABLE),
    }
    with Serving(core, "127.0.0.1:0", settings) as serving:
        for who, (client, code) in expected.items():
            with connected(serving.address, ca, client) as channel:
                assert outcome(channel, SERVICE + "DeleteTask") is code, who
        with connected(serving.address, ca, ca.issue_cert("backend.example")) as channel:
            assert outcome(channel, SERVICE + "ListTasks") is grpc.StatusCode.OK


def test_a_certificate_that_is_replaced_is_shown_without_a_restart(
    core: MedusaCore, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    other, method, token = trustme.CA(), SERVICE + "ListTasks", bearing(TOKENS[Scope.READ])
    with Serving(core, "127.0.0.1:0", replace(SETTINGS, tls=authority.tls())) as serving:
        with connected(serving.address, authority.ca) as before:
            assert outcome(before, method, token) is grpc.StatusCode.OK
            authority.issue(other)
            with connected(serving.address, other) as channel:
                assert outcome(channel, method, token) is grpc.StatusCode.OK
            assert outcome(before, method, token) is grpc.StatusCode.OK, "what is connected stays"
        with connected(serving.address, authority.ca) as channel:
            assert outcome(channel, method, token) is grpc.StatusCode.UNAVAILABLE
        (authority.folder / "key.pem").write_text("broken")
        with connected(serving.address, other) as channel:
            assert outcome(channel, method, token) is grpc.StatusCode.OK, "the old one stays in use"
    assert "the old one stays in use" in caplog.text


def _not_there(authority: Authority) -> None:
    (authority.folder / "key.pem").unlink()


def _another_key(authority: Authority) -> None:
    trustme.CA().issue_cert("x").private_key_pem.write_to_path(authority.folder / "key.pem")


def _no_pem(authority: Authority) -> None:
    (authority.folder / "cert.pem").write_text("hello")


def _no_authority(authority: Authority) -> None:
    (authority.folder / "ca.pem").write_text("hello")


@pytest.mark.parametrize(
    ("breakage", "says"),
    [
        (_not_there, r"^medusa\.daemon\.tls\.key_file: .*key\.pem cannot be read: no such file or directory$"),
        (_another_key, r"^medusa\.daemon\.tls\.certificate_file: is not a certificate with its key, .*mismatch\)$"),
        (_no_pem, r"^medusa\.daemon\.tls\.certificate_file: is not a certificate with its key, both as PEM"),
        (_no_authority, r"^medusa\.daemon\.tls\.client_ca_file: is no certificate as PEM"),
    ],
)
def test_bad_files_are_named(authority: Authority, breakage: Callable[[Authority], None], says: str) -> None:
    breakage(authority)
    with pytest.raises(ConfigError, match=says):
        Certificate(authority.tls(mutual=True))


# ---------------------------------------------------------------- how much


def test_one_stream_too_many_is_refused_and_others_are_served(core: MedusaCore, tmp_path: Path) -> None:
    settings = replace(SETTINGS, bounds=BoundSettings(streams=3))
    with Serving(core, "127.0.0.1:0", settings) as serving, grpc.insecure_channel(serving.address) as channel:
        stub, read = MedusaServiceStub(channel), bearing(TOKENS[Scope.READ])
        task_id = core.publish_async(platforms=["news"], metadata={"news": {"message": "hi"}})
        core.pause(task_id)
        with ExitStack() as streams:
            for _ in range(3):
                stream = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), metadata=read, timeout=WITHIN_S)
                streams.callback(stream.cancel)
                next(stream)
            for method in ("WatchTask", "ListTasks"):
                assert outcome(channel, SERVICE + method, read) is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert outcome(channel, SERVICE + "ListTasks", bearing(TOKENS[Scope.ADMIN])) is grpc.StatusCode.OK


def test_what_is_too_large_is_refused(core: MedusaCore, tmp_path: Path) -> None:
    settings = DaemonSettings(bounds=BoundSettings(message_bytes=10_000, metadata_bytes=4000))
    with (
        Serving(core, f"unix:{tmp_path}/m.sock", settings) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        stub = MedusaServiceStub(channel)
        large: Metadata = (("a", "b" * 9000),)
        for request, metadata in ((pb.GetTaskRequest(task_id="x" * 11_000), ()), (pb.GetTaskRequest(), large)):
            with pytest.raises(grpc.RpcError) as refused:
                stub.GetTask(request, metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert outcome(channel, SERVICE + "ListTasks") is grpc.StatusCode.OK
