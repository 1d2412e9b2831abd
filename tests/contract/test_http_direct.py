"""What the direct sender does beyond the exam that both senders take."""

from __future__ import annotations

import gc
import hashlib
import os
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from OpenSSL import crypto

from medusa.adapters.http import BLOCK, Http, Request, Timeouts, conversation
from medusa.adapters.http import line as lines
from medusa.adapters.http.cores import Cores
from medusa.adapters.http.message import CROWDED_BLOCK, blocks
from medusa.adapters.http.trust import certificates, tls_context
from medusa.adapters.http.watch import Watch
from medusa.domain.failures import PlatformError
from medusa.domain.ports import Body
from tests.contract.raw_server import WITHIN_S, Line, RawServer, serving
from tests.contract.test_http import (
    Noise,
    Zeros,
    _bare_environment,
    answers,
    authority,
    bundle,
    call,
    certified,
    resets_within_the_body,
    sending,
    until,
)

__all__ = ["_bare_environment", "authority", "bundle"]  # fixtures

WHOLE = 10**9
"""Bytes of a body that no server here reads to its end."""


@pytest.fixture
def http() -> Iterator[Http]:
    sender = Http(Timeouts(connect_s=WITHIN_S, stall_s=WITHIN_S, idle_s=WITHIN_S, reply_s=WITHIN_S))
    yield sender
    sender.close()


@pytest.fixture(params=["plain", "tls"])
def tls(
    request: pytest.FixtureRequest, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> ssl.SSLContext | None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    return certified(authority) if request.param == "tls" else None


def says_and_reads_no_more(*words: str) -> Callable[[RawServer, Line], None]:
    """A server that answers in mid-body and then just waits, with its connection open."""

    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.swallow(300_000)
        for word in words:
            line.say(word)
        server.go_on.wait(WITHIN_S)

    return script


REFUSAL = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large"
CONTINUE, HINTS = "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize("words", [(REFUSAL,), (CONTINUE, REFUSAL), (CONTINUE + HINTS + REFUSAL,)])
def test_a_refusal_ends_the_sending_at_once(http: Http, tls: ssl.SSLContext | None, words: tuple[str, ...]) -> None:
    body = Zeros(WHOLE)
    with serving(says_and_reads_no_more(*words), tls=tls) as server:
        reply = http.exchange(call(), Request("PUT", server.url, body=body))
        assert (reply.status, reply.body) == (413, b"too large")
        assert body.given < WHOLE / 2
        http.exchange(call(), Request("PUT", server.url, body=Zeros(WHOLE)))
        assert server.lines == 2  # a request that was cut short cannot be followed by another


def test_an_early_success_does_not_end_the_sending(http: Http, tls: ssl.SSLContext | None) -> None:
    size = 8_000_000

    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.reply("received", "200 OK")
        server.heads.append(str(line.swallow(size)))
        server.arrived.set()

    with serving(script, tls=tls) as server:
        reply = http.exchange(call(), Request("PUT", server.url, body=Zeros(size)))
        assert server.arrived.wait(WITHIN_S)
    assert (reply.body, server.heads) == (b"received", [str(size)])


def test_a_server_that_goes_without_a_word_is_noticed_while_sending(http: Http, tls: ssl.SSLContext | None) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.sock.shutdown(socket.SHUT_WR)
        server.go_on.wait(WITHIN_S)

    body = Zeros(WHOLE)
    with serving(script, tls=tls) as server, pytest.raises(PlatformError) as raised:
        http.exchange(call(), Request("PUT", server.url, body=body))
    assert raised.value.failure.code == "connection lost"
    assert body.given < WHOLE


def test_a_connection_that_is_lost_leaves_nothing_to_the_garbage_collector(
    http: Http, tls: ssl.SSLContext | None
) -> None:
    """It would keep the block of 1 MiB that was under way, and more, for as long as it likes."""

    def lose() -> weakref.ref[Body]:
        body = Zeros(WHOLE)
        with pytest.raises(PlatformError):
            http.exchange(call(), Request("PUT", server.url, body=body))
        return weakref.ref(body)

    gc.disable()
    try:
        with serving(resets_within_the_body, tls=tls) as server:
            assert lose()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("more", ["x", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"])
def test_a_server_that_says_too_much_is_not_believed_again(http: Http, more: str) -> None:
    """What is left over must never be taken for the reply to the next request."""

    def script(server: RawServer, line: Line) -> None:
        line.request()
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine" + more)
        line.until_the_client_goes()

    with serving(script) as server:
        for _ in range(2):
            assert http.exchange(call(), Request("GET", server.url)).body == b"mine"
        assert server.lines == 2


def test_a_connection_that_rested_for_long_is_not_used(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answers()) as server:
        http.exchange(call(), Request("GET", server.url))
        monkeypatch.setattr(lines, "KEPT_S", 0.0)
        http.exchange(call(), Request("GET", server.url))
        assert server.lines == 2


def test_a_connection_that_rested_for_long_is_closed_by_whoever_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server has gone long ago, and its origin may never be asked for again."""
    monkeypatch.setattr(lines, "KEPT_S", WITHIN_S)
    kept = lines.Lines()
    pairs = [socket.socketpair() for _ in range(3)]
    old, young, new = (lines.Line(ours, lines.Plain(ours)) for ours, _ in pairs)
    kept.give(lines.Origin("old", 80, None), old)
    kept.give(lines.Origin("young", 80, None), young)
    old.idle_since -= WITHIN_S
    kept.give(lines.Origin("new", 80, None), new)
    assert [line.sock.fileno() == -1 for line in (old, young, new)] == [True, False, False]
    kept.close()
    for _, theirs in pairs:
        theirs.close()


def test_no_more_connections_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "KEPT_IDLE", 1)
    kept, origin = lines.Lines(), lines.Origin("127.0.0.1", 80, None)
    pairs = [socket.socketpair() for _ in range(2)]
    first, second = (lines.Line(ours, lines.Plain(ours)) for ours, _ in pairs)
    kept.give(origin, first)
    kept.give(origin, second)
    assert first.sock.fileno() == -1
    assert kept.take(origin) is second
    assert kept.take(origin) is None
    for sock in (second.sock, *(theirs for _, theirs in pairs)):
        sock.close()


def test_a_whole_block_goes_out_by_one_call(http: Http, tls: ssl.SSLContext | None) -> None:
    """Python's own ssl would stop after each record of 16 KiB."""
    block = bytes(range(256)) * 256

    def script(server: RawServer, line: Line) -> None:
        server.heads.append(str(line.swallow(len(block))))
        line.say("thanks")
        line.until_the_client_goes()

    with serving(script, tls=tls) as server:
        origin = lines.Origin("127.0.0.1", server.port, certificates() if tls else None)
        watch = Watch(call())
        ours = lines.connect(origin, Timeouts(connect_s=WITHIN_S), watch)
        assert ours.send(memoryview(block)) == len(block)
        said = b""
        while not said:
            assert ours.sees(lines.READABLE, WITHIN_S)
            said = ours.receive()
        watch.end()
        ours.close()
    assert (said, server.heads) == (b"thanks", [str(len(block))])


def test_what_a_full_socket_has_not_taken_is_known_and_sent_later(http: Http, tls: ssl.SSLContext | None) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        server.go_on.wait(WITHIN_S)
        digest = hashlib.sha256()
        left = len(body)
        while left:
            piece = line.sock.recv(min(left, 100_000))
            digest.update(piece)
            left -= len(piece)
        line.reply(digest.hexdigest())

    body = Noise(24_000_000)
    with serving(script, tls=tls) as server, sending(http, Request("PUT", server.url, body=body)) as (lent, sent):
        until(lambda: lent.unsent() > 1_000_000)
        server.go_on.set()
        assert sent.result(WITHIN_S).body.decode() == hashlib.sha256(body.content).hexdigest()
        assert lent.unsent() == 0


def test_a_block_that_waits_for_its_turn_is_in_hand(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    body, lent, seen = Zeros(3 * BLOCK), call(), []

    class Turns(Cores):
        def __enter__(self) -> None:
            seen.append((body.given, lent.unsent()))
            super().__enter__()

    monkeypatch.setattr(conversation, "CORES", Turns(1))
    with serving(answers()) as server:
        http.exchange(lent, Request("PUT", server.url, body=body))
    first = dict(reversed(seen))
    assert all(first[BLOCK * count] >= BLOCK for count in (1, 2, 3))


def test_a_reply_that_comes_with_the_end_of_the_handshake(
    authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a server that is too busy to listen at all; a connection of TLS 1.2 is ready with its last word."""
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    context = certified(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def script(server: RawServer, line: Line) -> None:
        arrived, sealed = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(arrived, sealed, server_side=True)
        while not is_shaken(tls):
            line.say(sealed.read())
            arrived.write(line.sock.recv(64 * 1024))
        tls.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")
        line.say(sealed.read())
        server.go_on.wait(WITHIN_S)

    hasty = Http(Timeouts(idle_s=0.5))
    with serving(script) as server:
        reply = hasty.exchange(call(), Request("PUT", f"https://127.0.0.1:{server.port}", body=b"x"))
    hasty.close()
    assert (reply.status, reply.body) == (503, b"busy")


def is_shaken(tls: ssl.SSLObject) -> bool:
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
        return True
    return False


def test_a_turn_is_longer_while_others_have_all_cores() -> None:
    cores = Cores(1)
    given = blocks(Zeros(10 * CROWDED_BLOCK), cores.taken)
    assert len(next(given)) == BLOCK
    with cores:
        assert len(next(given)) == CROWDED_BLOCK
    assert len(next(given)) == BLOCK


def test_a_hosts_name_may_end_in_a_dot(
    http: Http, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    context, names = certified(authority), []
    context.sni_callback = lambda sock, name, _: names.append(name)
    here = [(socket.AF_INET, socket.SOCK_STREAM, 0, "")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, port, *__: [(*one, ("127.0.0.1", port)) for one in here])
    with serving(answers("safe"), tls=context) as server:
        assert http.exchange(call(), Request("GET", f"https://localhost.:{server.port}")).body == b"safe"
    assert names == ["localhost"]


def test_a_handshake_that_drips_has_an_end(authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)

    def script(server: RawServer, line: Line) -> None:
        line.sock.recv(1)
        line.sock.sendall(b"\x16\x03\x03\x40\x00")  # the head of a record that never ends
        with suppress(OSError):  # the client has gone
            while not server.go_on.wait(0.05):
                line.sock.sendall(b"\x02")

    hasty = Http(Timeouts(connect_s=0.5))
    with serving(script) as server, pytest.raises(PlatformError) as raised:
        hasty.exchange(call(), Request("GET", f"https://127.0.0.1:{server.port}"))
    hasty.close()
    assert raised.value.failure.unreached


def test_a_bundle_that_was_renewed_is_read_again(
    http: Http, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    trustme.CA().cert_pem.write_to_path(str(bundle))
    os.utime(bundle, (1, 1))
    with serving(answers("safe"), tls=certified(authority)) as server:
        with pytest.raises(PlatformError, match="was refused"):
            http.exchange(call(), Request("GET", server.url))
        authority.cert_pem.write_to_path(str(bundle))
        assert http.exchange(call(), Request("GET", server.url)).body == b"safe"


def test_a_context_is_made_once_for_a_bundle(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert tls_context(str(tmp_path / "ca.pem")) is tls_context(str(tmp_path / "ca.pem"))


def test_certificates_may_be_in_a_folder(
    http: Http, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = authority.cert_pem.bytes()
    name = crypto.load_certificate(crypto.FILETYPE_PEM, pem).subject_name_hash()
    (tmp_path / f"{name:08x}.0").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    with serving(answers("safe"), tls=certified(authority)) as server:
        assert http.exchange(call(), Request("GET", server.url)).body == b"safe"
