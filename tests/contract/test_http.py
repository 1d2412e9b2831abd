"""The exam of adapters/http: both senders take it, against servers made of bare sockets."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import logging
import random
import socket
import ssl
import sys
import termios
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import requests
import trustme

from medusa.adapters.http import BLOCK, REPLY_LIMIT, Http, Reply, Request, Timeouts, route
from medusa.adapters.http.route import is_direct
from medusa.domain.failures import Failure, FailureKind, MediaChanged, PlatformError, Stopped
from tests.contract.raw_server import WITHIN_S, Line, RawServer, header, serving
from tests.contract.rig import FakeCall
from tests.support import require

TOKEN = "a-token-that-is-secret"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NETRC"),
)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["direct", "requests"])
def sent_by(request: pytest.FixtureRequest) -> Callable[[str], bool]:
    """Which sender a URL is given to: as always, or never the direct one."""
    return is_direct if request.param == "direct" else lambda url: False


@pytest.fixture
def http(sent_by: Callable[[str], bool]) -> Iterator[Http]:
    sender = Http(Timeouts(connect_s=WITHIN_S, stall_s=WITHIN_S, idle_s=WITHIN_S, reply_s=WITHIN_S), sent_by)
    yield sender
    sender.close()


@pytest.fixture
def hasty(sent_by: Callable[[str], bool]) -> Iterator[Http]:
    sender = Http(Timeouts(connect_s=0.3, stall_s=0.3, idle_s=0.3, reply_s=0.3), sent_by)
    yield sender
    sender.close()


class Zeros:
    """A Body of so many bytes, of which nothing is kept; `raises` stands in the place of byte `at`."""

    def __init__(self, size: int, raises: BaseException | None = None, at: int = 0) -> None:
        self.given, self._size, self._raises, self._at = 0, size, raises, at

    def __len__(self) -> int:
        return self._size

    def readinto(self, view: memoryview, /) -> int:
        if self._raises and self.given >= self._at:
            raise self._raises
        read = min(len(view), self._size - self.given)
        self.given += read
        return read


class Noise:
    """A Body of random bytes, given in pieces of random sizes."""

    def __init__(self, size: int) -> None:
        self._random = random.Random(size)
        self.content = self._random.randbytes(size)
        self._at = 0

    def __len__(self) -> int:
        return len(self.content)

    def readinto(self, view: memoryview, /) -> int:
        piece = self.content[self._at :][: self._random.randint(1, len(view))]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def call() -> FakeCall:
    return FakeCall(lambda: 0.0)


def failure(http: Http, request: Request) -> Failure:
    """What this exchange fails with; its text holds nothing secret."""
    with pytest.raises(PlatformError) as raised:
        http.exchange(call(), request)
    shown = f"{raised.value} {raised.value!r} {raised.value.failure!r}"
    assert TOKEN not in shown
    assert "session=" not in shown
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    return raised.value.failure


def refused_port() -> int:
    """A port on which nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(body: str | bytes = b"", status: str = "200 OK", *headers: str) -> Callable[[RawServer, Line], None]:
    """Replies this to every request, over connections that are kept."""

    def script(server: RawServer, line: Line) -> None:
        while head := line.request():
            server.heads.append(head)
            line.reply(body, status, *headers)

    return script


# ---------------------------------------------------------------- requests and replies


def test_a_reply_is_plain_values(http: Http) -> None:
    with serving(answers("ÄÖ", "404 Not Found", "X-Odd: Value", "Content-Type: text/plain")) as server:
        reply = http.exchange(call(), Request("GET", f"{server.url}/path?a=b%20c", AUTHORIZED))
    assert (reply.status, reply.ok, reply.body.decode()) == (404, False, "ÄÖ")
    assert reply.headers["x-odd"] == "Value"
    (head,) = server.heads
    assert head.startswith("GET /path?a=b%20c HTTP/1.1\r\n")
    assert header(head, "authorization") == f"Bearer {TOKEN}"
    assert header(head, "accept-encoding") == "identity"


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 1_000_000])
@pytest.mark.parametrize("kind", ["bytes", "body"])
def test_a_body_has_its_length_and_is_never_chunked(http: Http, kind: str, size: int) -> None:
    def script(server: RawServer, line: Line) -> None:
        head = line.head()
        server.heads.append(head)
        line.reply(str(line.swallow(size)))

    with serving(script) as server:
        body = Zeros(size) if kind == "body" else bytes(size)
        assert http.exchange(call(), Request("PUT", server.url, body=body)).body == str(size).encode()
    (head,) = server.heads
    assert header(head, "content-length") == str(size)
    assert header(head, "transfer-encoding") is None
    assert header(head, "expect") is None


def test_a_body_is_not_copied_as_a_whole(http: Http) -> None:
    size = 48 * 1024 * 1024
    with serving(answers()) as server:
        tracemalloc.start()
        try:
            http.exchange(call(), Request("PUT", server.url, body=Zeros(size)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < size / 8


@pytest.mark.parametrize(("error", "kind"), [(Stopped(), Stopped), (MediaChanged("it got shorter"), MediaChanged)])
@pytest.mark.parametrize("at", [0, 2 * BLOCK])
def test_what_a_body_raises_passes_through(http: Http, error: BaseException, kind: type, at: int) -> None:
    def script(server: RawServer, line: Line) -> None:
        head = line.head()
        server.heads.append(str(line.swallow(int(header(head, "content-length") or 0))))
        server.arrived.set()

    with serving(script) as server:
        with pytest.raises(kind) as raised:
            http.exchange(call(), Request("PUT", server.url, body=Zeros(4 * BLOCK, error, at)))
        assert raised.value is error
        assert server.arrived.wait(WITHIN_S)  # the connection was closed, so the server knows that it is cut
        assert int(server.heads[0]) < 4 * BLOCK


def test_what_has_not_arrived_is_known(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        server.arrived.set()
        server.go_on.wait(WITHIN_S)
        line.swallow(8_000_000)
        line.reply("done")

    body = Zeros(8_000_000)
    with serving(script) as server, sending(http, Request("PUT", server.url, body=body)) as (lent, sent):
        assert server.arrived.wait(WITHIN_S)
        until(lambda: 0 < lent.unsent() < body.given)
        server.go_on.set()
        assert sent.result(WITHIN_S).body == b"done"
        assert lent.unsent() == 0


def test_what_is_in_hand_has_not_arrived(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        lines.append(line.sock)
        server.arrived.set()
        server.go_on.wait(WITHIN_S)
        line.swallow(len(body))
        line.reply("done")

    def is_full() -> bool:
        given, unsent = body.given, lent.unsent()
        assert given - unsent <= waiting(lines[0])
        return unsent > 1_500_000

    lines: list[socket.socket] = []
    body = Zeros(16_000_000)
    with serving(script) as server, sending(http, Request("PUT", server.url, body=body)) as (lent, sent):
        assert server.arrived.wait(WITHIN_S)
        until(is_full)
        server.go_on.set()
        assert sent.result(WITHIN_S).body == b"done"


def waiting(sock: socket.socket) -> int:
    """Bytes that have arrived and were not read yet."""
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_what_was_lost_has_not_arrived(hasty: Http) -> None:
    body, lent = Zeros(64_000_000), call()
    with serving(stops_reading) as server:
        with pytest.raises(PlatformError):
            hasty.exchange(lent, Request("PUT", server.url, body=body))
        assert 0 < lent.unsent() <= body.given


def test_redirects_are_not_followed_and_their_bodies_are_kept(http: Http) -> None:
    with serving(answers("moved", "302 Found", "Location: /elsewhere")) as server:
        reply = http.exchange(call(), Request("GET", server.url))
        assert (reply.status, reply.headers["location"], reply.body) == (302, "/elsewhere", b"moved")
    assert len(server.heads) == 1


@pytest.mark.parametrize("location", ["http://[::", "http://x:y/", "%", "javascript:1"])
def test_a_strange_location_is_no_failure(http: Http, location: str) -> None:
    with serving(answers(b"", "301 Moved Permanently", f"Location: {location}")) as server:
        assert http.exchange(call(), Request("GET", server.url)).status == 301


def test_googles_308_is_a_reply_like_any_other(http: Http) -> None:
    with serving(answers(b"", "308 Resume Incomplete", "Range: bytes=0-41")) as server:
        reply = http.exchange(call(), Request("PUT", server.url, body=b"x"))
        assert (reply.status, reply.headers["range"]) == (308, "bytes=0-41")


def test_continue_is_passed_over(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.say("HTTP/1.1 100 Continue\r\n\r\n")
        line.swallow(300_000)
        line.say("HTTP/1.1 100 Continue\r\n\r\n")
        line.reply("done")

    with serving(script) as server:
        assert http.exchange(call(), Request("PUT", server.url, body=Zeros(300_000))).body == b"done"


def test_cookies_are_not_kept(http: Http) -> None:
    with serving(answers(b"", "200 OK", "Set-Cookie: a=b; Path=/")) as server:
        for _ in range(2):
            http.exchange(call(), Request("GET", server.url))
    assert [header(head, "cookie") for head in server.heads] == [None, None]


def test_netrc_is_never_used(http: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(answers()) as server:
        http.exchange(call(), Request("GET", server.url))
        http.exchange(call(), Request("GET", server.url, AUTHORIZED))
    assert [header(head, "authorization") for head in server.heads] == [None, f"Bearer {TOKEN}"]


def test_a_huge_reply_is_read_up_to_a_limit(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.say("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        for _ in count():
            line.say(bytes(1024 * 1024))

    with serving(script) as server:
        reply = http.exchange(call(), Request("GET", server.url))
    assert REPLY_LIMIT <= len(reply.body) <= REPLY_LIMIT + 64 * 1024


def test_chunked_replies_are_read(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")

    with serving(script) as server:
        assert http.exchange(call(), Request("GET", server.url)).body == b"abcde"


def test_a_reply_may_end_with_the_connection(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.request()
        line.say("HTTP/1.0 200 OK\r\nX-Twice: a\r\nX-Twice: b\r\n\r\nabc")
        line.sock.shutdown(socket.SHUT_WR)

    with serving(script) as server:
        for _ in range(2):
            reply = http.exchange(call(), Request("GET", server.url))
            assert (reply.body, reply.headers["x-twice"]) == (b"abc", "a, b")
        assert server.lines == 2


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_reply_that_is_compressed_unasked(http: Http, compress: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if compress is gzip.compress else "deflate"
    with serving(answers(compress(b"abc"), "200 OK", f"Content-Encoding: {encoding}")) as server:
        assert http.exchange(call(), Request("GET", server.url)).body == b"abc"


def test_an_address_is_sent_as_it_is_meant(http: Http) -> None:
    with serving(answers()) as server:
        for path in ("/a b?c=\N{SNOWMAN}d&e=%2F", "?x=y", "/p#fragment"):
            http.exchange(call(), Request("GET", server.url + path))
    lines = [head.partition("\r\n")[0] for head in server.heads]
    assert lines == ["GET /a%20b?c=%E2%98%83d&e=%2F HTTP/1.1", "GET /?x=y HTTP/1.1", "GET /p HTTP/1.1"]


# ---------------------------------------------------------------- connections


def test_connections_are_kept(http: Http) -> None:
    with serving(answers("x")) as server:
        for _ in range(3):
            http.exchange(call(), Request("POST", server.url, body=Zeros(10)))
        assert server.lines == 1


def test_a_fresh_request_has_a_connection_of_its_own(http: Http) -> None:
    with serving(answers("x")) as server:
        for fresh in (False, True, True, False):
            http.exchange(call(), Request("POST", server.url, body=b"y", fresh=fresh))
        assert server.lines == 3


def test_a_kept_connection_that_has_ended_is_replaced(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        server.heads.append(line.request())
        line.reply("once")
        line.sock.close()
        server.arrived.set()

    with serving(script) as server:
        for _ in range(2):
            assert http.exchange(call(), Request("GET", server.url)).body == b"once"
            assert server.arrived.wait(WITHIN_S)
            server.arrived.clear()
        assert server.lines == 2


def test_a_kept_connection_that_dies_on_use_is_a_loss_and_nothing_is_sent_again(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        server.heads.append(line.request())
        line.reply("once")
        server.heads.append(line.request())

    with serving(script) as server:
        http.exchange(call(), Request("GET", server.url))
        assert_lost(failure(http, Request("POST", server.url, body=b"x")))
        assert (len(server.heads), server.lines) == (2, 1)


@pytest.mark.parametrize("header_", ["Connection: close", "Connection: keep-alive, close"])
def test_a_server_that_will_close_is_believed(http: Http, header_: str) -> None:
    """It leaves the connection open meanwhile."""
    with serving(answers("x", "200 OK", header_)) as server:
        for _ in range(2):
            http.exchange(call(), Request("GET", server.url))
        assert server.lines == 2


def test_ipv6(http: Http) -> None:
    require(has_ipv6(), "needs IPv6 on the loopback interface (::1)")
    with serving(answers("six"), "::1") as server:
        assert http.exchange(call(), Request("GET", server.url)).body == b"six"
    (head,) = server.heads
    assert header(head, "host") == f"[::1]:{server.port}"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


# ---------------------------------------------------------------- no connection, and lost ones


def assert_unreached(told: Failure, *words: str) -> None:
    assert (told.kind, told.code) == (FailureKind.TRANSIENT, "unreachable")
    assert told.unreached
    assert told.no_effect
    for word in words:
        assert word in told.said


def assert_lost(told: Failure) -> None:
    assert (told.kind, told.code) == (FailureKind.TRANSIENT, "connection lost")
    assert not told.unreached
    assert not told.no_effect


def test_a_refused_connection(http: Http) -> None:
    url = f"http://127.0.0.1:{refused_port()}/?session=secret"
    assert_unreached(failure(http, Request("POST", url, AUTHORIZED)), "127.0.0.1", "connection refused")


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 64 + ".invalid"])
def test_a_name_that_cannot_be_resolved(http: Http, host: str) -> None:
    told = failure(http, Request("GET", f"http://{host}/?session=secret", AUTHORIZED))
    assert told.no_effect
    assert told.unreached or told.kind is FailureKind.REJECTED


@contextmanager
def full_house() -> Iterator[int]:
    """A port whose queue of connections is full: to connect takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        until(lambda: connecting_to(port) > 0)
        yield port
        for sock in waiting:
            sock.close()


def connecting_to(port: int) -> int:
    """How many connections to this port are in the state SYN_SENT."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "02" and row[2].endswith(f":{port:04X}") for row in rows)


def until(condition: Callable[[], object]) -> None:
    """Return as soon as `condition`, of which nothing tells, holds."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.002)


def test_a_connection_that_takes_too_long(hasty: Http) -> None:
    with full_house() as port:
        assert_unreached(failure(hasty, Request("GET", f"http://127.0.0.1:{port}")), "did not answer in time")


def resets_within_the_body(server: RawServer, line: Line) -> None:
    line.head()
    line.swallow(100_000)
    line.reset()


def resets_before_the_reply(server: RawServer, line: Line) -> None:
    line.request()
    line.reset()


def closes_before_the_reply(server: RawServer, line: Line) -> None:
    line.request()


def says(text: str) -> Callable[[RawServer, Line], None]:
    def script(server: RawServer, line: Line) -> None:
        line.request()
        line.say(text)

    return script


@pytest.mark.parametrize(
    "script",
    [
        resets_within_the_body,
        resets_before_the_reply,
        closes_before_the_reply,
        pytest.param(says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), id="cut in the body"),
        pytest.param(says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"), id="cut in a chunk"),
        pytest.param(says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"), id="no chunk"),
        pytest.param(says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), id="no gzip"),
        pytest.param(says("SSH-2.0-OpenSSH_9.6\r\n"), id="no HTTP"),
        pytest.param(says("HTTP/1.1 OK\r\n\r\n"), id="no status"),
    ],
)
def test_a_connection_that_is_lost(http: Http, script: Callable[[RawServer, Line], None]) -> None:
    with serving(script) as server:
        request = Request("PUT", f"{server.url}/?session=secret", AUTHORIZED, Zeros(8_000_000))
        assert_lost(failure(http, request))
        assert server.lines == 1


def stalls(server: RawServer, line: Line) -> None:
    line.request()
    server.arrived.set()
    line.until_the_client_goes()


def stops_reading(server: RawServer, line: Line) -> None:
    line.head()
    server.arrived.set()
    server.go_on.wait(WITHIN_S)


def stalls_within_the_reply(server: RawServer, line: Line) -> None:
    line.request()
    line.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    server.arrived.set()
    line.until_the_client_goes()


def trickles(server: RawServer, line: Line) -> None:
    line.request()
    line.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    server.arrived.set()
    while not server.go_on.wait(0.02):
        line.say("x")


STALLS = [stalls, stops_reading, stalls_within_the_reply, trickles]


@pytest.mark.parametrize("script", STALLS)
def test_nothing_is_awaited_for_ever(hasty: Http, script: Callable[[RawServer, Line], None]) -> None:
    with serving(script) as server:
        told = failure(hasty, Request("PUT", server.url, body=Zeros(64_000_000 if script is stops_reading else 1)))
    assert_lost(told)
    assert "did not answer in time" in told.said


@pytest.mark.parametrize("ending", [Line.reset, lambda line: line.sock.close()], ids=["reset", "close"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("length", [9, 10], ids=["whole", "cut"])
def test_a_final_reply_in_mid_body_is_read(
    http: Http,
    authority: trustme.CA,
    bundle: str,
    ending: Callable[[Line], None],
    secure: bool,
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that refuses an upload says so at once and closes, without reading the rest: the next send breaks."""
    monkeypatch.setenv("SSL_CERT_FILE", bundle)

    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.swallow(100_000)
        line.say(f"HTTP/1.1 413 Content Too Large\r\nContent-Length: {length}\r\nConnection: close\r\n\r\ntoo large")
        ending(line)
        server.arrived.set()

    class Paused(Zeros):
        """Goes on once the reply and the connection's end are there."""

        def readinto(self, view: memoryview, /) -> int:
            if self.given >= BLOCK:
                assert server.arrived.wait(WITHIN_S)
            return super().readinto(view)

    with serving(script, tls=certified(authority) if secure else None) as server:
        reply = http.exchange(call(), Request("PUT", server.url, body=Paused(64_000_000)))
    assert (reply.status, reply.body) == (413, b"too large")


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "http://127.0.0.1/", {"Authorization": f"Bearer {TOKEN}\n"}),
        Request("GET", "http://127.0.0.1/", {"Authorization": f"Bearer {TOKEN}\N{SNOWMAN}"}),
        Request("GET", "http://[::/?session=secret"),
        Request("GET", "/path?session=secret"),
        Request("GET", "gopher://127.0.0.1/"),
    ],
    ids=["newline", "snowman", "bad host", "no host", "bad scheme"],
)
def test_what_cannot_be_sent_is_told_and_not_tried_again(http: Http, request_: Request) -> None:
    told = failure(http, request_)
    assert (told.kind, told.no_effect, told.unreached) == (FailureKind.REJECTED, True, False)
    assert "characters that HTTP does not allow" in told.said


# ---------------------------------------------------------------- cancel


@contextmanager
def sending(http: Http, request: Request) -> Iterator[tuple[FakeCall, Future[Reply]]]:
    """The exchange in a thread of its own, and its call."""
    with ThreadPoolExecutor(1) as pool:
        lent = call()
        yield lent, pool.submit(http.exchange, lent, request)


def assert_cancelled(lent: FakeCall, sent: Future[Reply]) -> None:
    began = time.monotonic()
    lent.cancel()
    assert isinstance(sent.exception(WITHIN_S), Stopped)
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("script", STALLS)
def test_cancel_wakes_at_once(http: Http, script: Callable[[RawServer, Line], None], fresh: bool) -> None:
    body = Zeros(10**9 if script is stops_reading else 1)
    with serving(script) as server, sending(http, Request("PUT", server.url, body=body, fresh=fresh)) as (lent, sent):
        assert server.arrived.wait(WITHIN_S)
        assert_cancelled(lent, sent)


def test_cancel_wakes_a_connect(http: Http) -> None:
    with full_house() as port:
        before = connecting_to(port)
        with sending(http, Request("GET", f"http://127.0.0.1:{port}")) as (lent, sent):
            until(lambda: connecting_to(port) > before)
            assert_cancelled(lent, sent)


def test_cancel_wakes_a_tls_handshake(http: Http) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.sock.recv(1)
        server.arrived.set()
        line.until_the_client_goes()

    with serving(script) as server, sending(http, Request("GET", f"https://127.0.0.1:{server.port}")) as (lent, sent):
        assert server.arrived.wait(WITHIN_S)
        assert_cancelled(lent, sent)


def test_a_call_that_is_cancelled_already_sends_nothing(http: Http) -> None:
    with serving(answers()) as server:
        http.exchange(call(), Request("GET", server.url))
        for url in (server.url, f"http://localhost:{server.port}"):
            lent = call()
            lent.cancel()
            with pytest.raises(Stopped):
                http.exchange(lent, Request("POST", url, body=b"x"))
    assert len(server.heads) == 1


class TooLate(FakeCall):
    """It became too late while the connection was made."""

    def check_in_time(self) -> None:
        raise PlatformError(Failure(FailureKind.TRANSIENT, "too slow", "late", no_effect=True))


@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_too_late_is_not_sent(http: Http, fresh: bool) -> None:
    with serving(answers()) as server:
        http.exchange(call(), Request("GET", server.url))
        with pytest.raises(PlatformError, match="too slow"):
            http.exchange(TooLate(lambda: 0.0), Request("POST", server.url, body=b"x", fresh=fresh))
        http.exchange(call(), Request("GET", server.url))
    assert len(server.heads) == 2


def test_a_late_cancel_does_not_end_somebody_elses_exchange(http: Http) -> None:
    """The first call is over, and its connection is used by the second one."""

    def script(server: RawServer, line: Line) -> None:
        line.request()
        line.reply("first")
        line.request()
        server.arrived.set()
        server.go_on.wait(WITHIN_S)
        line.reply("second")

    with serving(script) as server:
        first = call()
        http.exchange(first, Request("GET", server.url))
        with sending(http, Request("GET", server.url)) as (_, sent):
            assert server.arrived.wait(WITHIN_S)
            first.cancel()
            server.go_on.set()
            assert sent.result(WITHIN_S).body == b"second"
        assert server.lines == 1


# ---------------------------------------------------------------- secrets


def test_nothing_secret_is_shown() -> None:
    request = Request("PUT", "https://x/?session=secret", AUTHORIZED, TOKEN.encode(), secrets=(TOKEN,))
    assert repr(request) == "Request(method='PUT', fresh=False)"
    assert repr(Reply(200, {"x": TOKEN}, TOKEN.encode())) == "Reply(status=200)"


def test_a_secret_that_is_quoted_back_is_masked(http: Http) -> None:
    link = "http://127.0.0.1/?session=another-secret"
    with serving(answers(f"Malformed access token {TOKEN}; {link}", "400 Bad Request")) as server:
        reply = http.exchange(call(), Request("GET", server.url, AUTHORIZED, secrets=(link,)))
    assert reply.body == b"Malformed access token ***; ***"
    assert reply.excerpt == "Malformed access token ***; ***"


def test_no_address_is_logged_and_others_log_as_before(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(answers()) as server:
        http.exchange(call(), Request("GET", f"{server.url}/?session=secret", AUTHORIZED))
        assert "session=" not in caplog.text
        requests.get(f"{server.url}/by-another-library", timeout=WITHIN_S)
        assert "by-another-library" in caplog.text


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names or ("127.0.0.1", "localhost")).configure_cert(context)
    return context


def test_the_server_is_told_its_name_and_asked_for_http_1(
    http: Http, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    context, names = certified(authority), []
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda sock, name, _: names.append(name)

    def script(server: RawServer, line: Line) -> None:
        assert isinstance(line.sock, ssl.SSLSocket)
        line.request()
        line.reply(f"{line.sock.selected_alpn_protocol()} {line.sock.version()}")

    with serving(script, tls=context) as server:
        reply = http.exchange(call(), Request("GET", f"https://localhost:{server.port}"))
    assert (reply.body, names) == (b"http/1.1 TLSv1.3", ["localhost"])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_body_arrives_whole_over_tls(
    http: Http, authority: trustme.CA, bundle: str, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    context = certified(authority)
    context.maximum_version = version

    def script(server: RawServer, line: Line) -> None:
        digest = hashlib.sha256()
        left = int(header(line.head(), "content-length") or 0)
        while left:
            block = line.sock.recv(min(left, 100_000))
            digest.update(block)
            left -= len(block)
        line.reply(digest.hexdigest())

    with serving(script, tls=context) as server:
        body = Noise(3_000_001)
        reply = http.exchange(call(), Request("PUT", server.url, body=body))
    assert reply.body.decode() == hashlib.sha256(body.content).hexdigest()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_is_trusted_by_the_environment(
    http: Http, authority: trustme.CA, bundle: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, bundle)
    with serving(answers("safe"), tls=certified(authority)) as server:
        for body in (Zeros(1_000_000), None):
            assert http.exchange(call(), Request("PUT", server.url, body=body)).body == b"safe"
        assert server.lines == 1


def test_requests_own_variable_comes_first(
    http: Http, authority: trustme.CA, bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    with serving(answers("safe"), tls=certified(authority)) as server:
        assert http.exchange(call(), Request("GET", server.url)).ok


@pytest.mark.parametrize(
    ("names", "trusted", "words"),
    [
        (("127.0.0.1",), False, "issuer certificate"),
        (("elsewhere.example",), True, "IP address mismatch"),
    ],
)
def test_a_certificate_that_is_refused(
    http: Http,
    authority: trustme.CA,
    bundle: str,
    names: tuple[str, ...],
    trusted: bool,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", bundle)
    with serving(answers(), tls=certified(authority, *names)) as server:
        told = failure(http, Request("PUT", server.url, AUTHORIZED, Zeros(100)))
    assert (told.kind, told.no_effect, told.unreached) == (FailureKind.REJECTED, True, False)
    assert told.said.startswith("the certificate of 127.0.0.1 was refused: ")
    assert words in told.said
    assert ("add it to what SSL_CERT_FILE names" if trusted else "name its file in SSL_CERT_FILE") in told.todo
    assert server.heads == []


def test_a_certificate_counts_although_another_name_in_it_is_odd(
    http: Http, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`*.corp`: a company's own authority may make such a thing."""
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    with serving(answers("safe"), tls=certified(authority, "*.corp", "127.0.0.1")) as server:
        assert http.exchange(call(), Request("GET", server.url)).body == b"safe"
    with serving(answers("safe"), tls=certified(authority, "*.corp", "127.0.0.2")) as server:
        assert "was refused" in failure(http, Request("GET", server.url)).said


@pytest.mark.parametrize("content", [None, "", "no certificates"], ids=["missing", "empty", "garbage"])
def test_a_bundle_that_cannot_be_read(
    http: Http, tmp_path: Path, content: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that another try could mend."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    told = failure(http, Request("GET", "https://127.0.0.1:1/"))
    assert (told.kind, told.no_effect, told.unreached) == (FailureKind.REJECTED, True, False)
    assert told.said.startswith(f"the certificates in {bundle} (SSL_CERT_FILE) cannot be read: ")


def hangs_up(server: RawServer, line: Line) -> None:
    line.sock.recv(1)
    line.reset()


def speaks_plainly(server: RawServer, line: Line) -> None:
    line.sock.recv(1)
    line.say("HTTP/1.1 400 Bad Request\r\n\r\n")
    line.until_the_client_goes()


@pytest.mark.parametrize("script", [hangs_up, speaks_plainly])
def test_a_failed_handshake_is_no_connection(http: Http, script: Callable[[RawServer, Line], None]) -> None:
    with serving(script) as server:
        url = f"https://127.0.0.1:{server.port}/?session=secret"
        assert_unreached(failure(http, Request("PUT", url, AUTHORIZED, Zeros(100))))


# ---------------------------------------------------------------- proxies


def tunnels(server: RawServer, line: Line) -> None:
    """A proxy that knows CONNECT only."""
    server.heads.append(line.head())
    host, _, port = server.heads[-1].split(" ")[1].rpartition(":")
    with socket.create_connection((host, int(port))) as far:
        line.say("HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=pump, args=(far, line.sock))
        back.start()
        pump(line.sock, far)
        back.join(WITHIN_S)


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while block := source.recv(64 * 1024):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


def test_https_goes_through_a_tunnel(
    http: Http, authority: trustme.CA, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    with serving(answers("far"), tls=certified(authority)) as server, serving(tunnels) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:pass@"))
        assert http.exchange(call(), Request("PUT", server.url, AUTHORIZED, Zeros(1_000_000))).body == b"far"
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.")
        assert header(head, "proxy-authorization") == "Basic dXNlcjpwYXNz"
        assert TOKEN not in head
        assert header(server.heads[0], "proxy-authorization") is None


def test_http_goes_to_a_proxy(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answers("by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        url = "http://somewhere.invalid/path"
        assert http.exchange(call(), Request("PUT", url, body=Zeros(10))).body == b"by proxy"
    assert proxy.heads[0].startswith(f"PUT {url} HTTP/1.1\r\n")


@pytest.mark.parametrize("excepted", ["127.0.0.1", "*", "localhost,127.0.0.1"])
def test_no_proxy(http: Http, monkeypatch: pytest.MonkeyPatch, excepted: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refused_port()}")
    monkeypatch.setenv("NO_PROXY", excepted)
    with serving(answers("direct")) as server:
        assert http.exchange(call(), Request("GET", server.url)).body == b"direct"


def test_a_proxy_that_refuses_is_no_connection(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answers(b"", "403 Forbidden")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        told = failure(http, Request("PUT", "https://somewhere.invalid/?session=secret", AUTHORIZED, Zeros(10)))
    assert_unreached(told, f"somewhere.invalid through the proxy 127.0.0.1:{proxy.port}: the proxy refused")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(http: Http, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    port = refused_port()
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://user:{TOKEN}@127.0.0.1:{port}")
    told = failure(http, Request("PUT", f"{scheme}://somewhere.invalid/", AUTHORIZED, Zeros(10)))
    assert_unreached(told, f"somewhere.invalid through the proxy 127.0.0.1:{port}: connection refused")


def test_a_proxy_that_goes_away_has_not_refused(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        line.reset()

    with serving(script) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        told = failure(http, Request("PUT", "http://somewhere.invalid/", AUTHORIZED, Zeros(10)))
    assert_lost(told)
    assert "refused" not in told.said


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("htp://127.0.0.1:3128", "write it like http://HOST:PORT"),
        ("http://", "write it like http://HOST:PORT"),
        ("http://127.0.0.1:99999", "it is no address"),
        ("socks5://127.0.0.1:1080", "one for SOCKS needs the package PySocks"),
    ],
)
def test_a_proxy_whose_address_is_wrong(http: Http, monkeypatch: pytest.MonkeyPatch, address: str, why: str) -> None:
    """Nothing that another try could mend."""
    monkeypatch.setattr(route, "find_spec", lambda _: None)
    monkeypatch.setenv("HTTPS_PROXY", address)
    told = failure(http, Request("PUT", "https://somewhere.invalid/", AUTHORIZED, Zeros(10)))
    assert (told.kind, told.no_effect, told.unreached) == (FailureKind.REJECTED, True, False)
    assert told.said == f"the proxy that HTTPS_PROXY names cannot be used: {why}"


def test_cancel_wakes_a_tunnel_that_stalls(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(server: RawServer, line: Line) -> None:
        line.head()
        server.arrived.set()
        line.until_the_client_goes()

    with serving(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with sending(http, Request("GET", "https://somewhere.invalid/")) as (lent, sent):
            assert proxy.arrived.wait(WITHIN_S)
            assert_cancelled(lent, sent)
