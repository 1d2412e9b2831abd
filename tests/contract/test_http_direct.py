"""What the direct sender does beyond the exam that both senders take."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from medusa.adapters.http import Http, Request, Timeouts
from medusa.adapters.http import line as lines
from medusa.adapters.http.tls import Tls
from medusa.adapters.http.trust import tls_context
from medusa.domain.failures import PlatformError
from tests.contract.raw_server import WITHIN_S, Line, RawServer, serving
from tests.contract.test_http import Zeros, _bare_environment, answers, authority, bundle, call, certified

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
    monkeypatch.setattr(lines, "KEPT_S", 0.0)
    with serving(answers()) as server:
        for _ in range(2):
            http.exchange(call(), Request("GET", server.url))
        assert server.lines == 2


def test_no_more_connections_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "KEPT_IDLE", 1)
    kept, origin = lines.Lines(), lines.Origin("127.0.0.1", 80, None)
    pairs = [socket.socketpair() for _ in range(2)]
    first, second = (lines.Line(ours, lines.Plain()) for ours, _ in pairs)
    kept.give(origin, first)
    kept.give(origin, second)
    assert first.sock.fileno() == -1
    assert kept.take(origin) is second
    assert kept.take(origin) is None
    for sock in (second.sock, *(theirs for _, theirs in pairs)):
        sock.close()


def test_all_records_of_a_block_are_sealed_at_once(authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    ours = Tls(trusting, "localhost")
    to_peer, from_peer = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = certified(authority).wrap_bio(to_peer, from_peer, server_side=True)
    arrived, done = None, False
    while not done:
        done = ours.shaken(arrived)
        to_peer.write(ours.pending())
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            assert not done
        arrived = from_peer.read()
    block = bytes(range(256)) * 4096
    sealed = ours.seal(block)
    assert sealed.count(b"\x17\x03\x03\x40\x11") == len(block) / 16384  # heads of full records
    to_peer.write(sealed)
    assert b"".join(peer.read(16384) for _ in range(64)) == block


def test_a_context_is_made_once_for_a_bundle(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert tls_context(str(tmp_path / "ca.pem")) is tls_context(str(tmp_path / "ca.pem"))
    assert tls_context(str(tmp_path)).verify_mode is ssl.CERT_REQUIRED  # a folder of them will do as well
