"""One HTTP exchange: sends once, masks secrets, maps transport errors, and ends at once when its call is cancelled.

Adapters build a Request and read a Reply, both plain data, so that their wire.py is pure and this sender can be changed
for another. It never retries, never follows a redirect and never reads credentials from anywhere but the Request.
Proxies (HTTPS_PROXY, NO_PROXY) and certificate stores (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE) are taken
from the environment as people expect.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from medusa.domain.failures import Failure, FailureKind, PlatformError, Stopped
from medusa.domain.ports import Body, Call

BLOCK = 256 * 1024
"""Bytes handed to the socket at once: below this, Python's own work per block shows; above, nothing is gained."""
REPLY_LIMIT = 8 * 1024 * 1024
"""Bytes of a reply that are read; no platform's JSON comes near it."""
EXCERPT = 300
"""Characters of a reply that was not understood, for the user."""


_MARKUP = re.compile(r"(?is)<(style|script)\b.*?(</\1>|\Z)|<[^>]*(>|\Z)")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. A send that moves nothing for `idle_s` ends, and so does a wait for a reply."""

    connect_s: float = 10.0
    idle_s: float = 60.0
    reply_s: float = 120.0
    """For reading a whole reply, however slowly it trickles in."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. Its repr shows neither headers, query nor body: they may hold secrets."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Body | None = field(default=None, repr=False)
    fresh: bool = False
    """On a connection of its own: a stale kept-alive one that dies looks like a lost reply."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must not come back out of a reply's text, beside the Authorization header, which never does."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, with any HTTP status. Header names are lowercase."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON, or None when it is not JSON: an empty body, HTML, a cut document."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def excerpt(self) -> str:
        """The beginning of the body on one line, without markup, for a person."""
        text = self.body[: 16 * EXCERPT].decode("utf-8", "replace")
        if "html" in self.headers.get("content-type", "") or text.lstrip().startswith("<"):
            text = _MARKUP.sub(" ", text)
        text = " ".join(text.split())
        return text[:EXCERPT] + ("..." if len(text) > EXCERPT else "")


class Http:
    """Sends Requests over kept-alive connections that all adapters of a MedusaCore share. Usable from any thread."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._shared = _session(self._timeouts)

    def exchange(self, call: Call, request: Request) -> Reply:
        """Send `request` once and read its reply, whatever its status.

        Raises PlatformError when no reply came: `unreached` when no connection could be made, else TRANSIENT, after
        which anything may have happened. Raises Stopped when `call` was cancelled.
        """
        session = _session(self._timeouts) if request.fresh else self._shared
        watch = _Watch(call)
        _current.watch = watch
        try:
            return self._send(session, request)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            watch.raise_if_cancelled()
            raise PlatformError(transport_failure(error, _host(request.url), watch.began)) from None
        finally:
            _current.watch = None
            watch.end()
            if request.fresh:
                session.close()

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._shared.close()

    def _send(self, session: requests.Session, request: Request) -> Reply:
        with session.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=_content(request.body),  # type: ignore[arg-type]  # any iterable with a length; the stubs do not say so
            auth=_as_it_is,
            allow_redirects=False,
            stream=True,
            timeout=(self._timeouts.connect_s, self._timeouts.idle_s),
            verify=certificates(),
        ) as response:
            content = _read(response.raw, time.monotonic() + self._timeouts.reply_s)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, _masked(content, request))


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from putting a ~/.netrc entry in the place of our Authorization header."""
    return prepared


def certificates() -> str | bool:
    """What to trust, for requests: it knows the first two of these variables; OpenSSL's own comes after them."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if os.environ.get(name):
            return os.environ[name]
    return True


def _read(raw: urllib3.HTTPResponse, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := raw.read1(64 * 1024, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > REPLY_LIMIT:
            break
        if time.monotonic() > deadline:
            raise TimeoutError("the reply took too long")
    return b"".join(parts)


def _masked(content: bytes, request: Request) -> bytes:
    """The reply's body without what we sent as secrets: platforms like to quote a bad token back."""
    authorization = request.headers.get("Authorization", "").rpartition(" ")[2]
    for secret in (authorization, *request.secrets):
        if len(secret) >= 8:
            content = content.replace(secret.encode(), b"***")
    return content


def _content(body: bytes | Body | None) -> bytes | _Blocks | None:
    """What requests sends with a Content-Length. (An iterable without any byte it would send chunked.)"""
    if body is None or isinstance(body, bytes):
        return body
    return _Blocks(body) if len(body) else b""


class _Blocks:
    """A Body as an iterable of views of one buffer, with a length: nothing is copied, nothing is sent chunked."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(min(BLOCK, max(len(self._body), 1))))
        while count := self._body.readinto(buffer):
            yield buffer[:count]


# ---------------------------------------------------------------- connections that a cancel can end


class _Watch:
    """Knows the socket that the current exchange of this thread uses, and shuts it down when the call is cancelled."""

    def __init__(self, call: Call) -> None:
        self._line: socket.socket | None = None
        self.began = False
        self._lock = threading.Lock()
        self._cancelled = False
        call.on_cancel(self._cancel)

    def use(self, sock: socket.socket) -> None:
        """Watch this socket from now on. Raises Stopped if the call is cancelled already.

        It is a second descriptor of the socket that is watched: TLS takes the first one over while it shakes hands.
        """
        self.end()
        with self._lock:
            self.raise_if_cancelled()
            self._line = socket.socket(fileno=socket.dup(sock.fileno()))

    def begin(self, sock: socket.socket) -> None:
        """The request's first bytes are about to go out: from here on anything may have happened."""
        if not self.began:
            self.use(sock)
            self.began = True

    def end(self) -> None:
        """Let go of the socket: a later cancel must not end what somebody else sends on it."""
        with self._lock:
            if self._line is not None:
                self._line.close()
                self._line = None

    def _cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._line is not None:
                _shut(self._line)

    def raise_if_cancelled(self) -> None:
        if self._cancelled:
            raise Stopped


class _Current(threading.local):
    watch: _Watch | None = None


_current = _Current()


class _NotOurs(logging.Filter):
    """urllib3 logs the address of each request, and an upload session's address is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return _current.watch is None


logging.getLogger("urllib3.connectionpool").addFilter(_NotOurs())


def _shut(sock: socket.socket) -> None:
    """Wakes a thread blocked in connect, send or receive."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already


if TYPE_CHECKING:
    _Connection = HTTPConnection
else:
    _Connection = object


class _Watched(_Connection):
    """Mixed into urllib3's connections: tells the watch which socket is in use, and when a request's bytes begin."""

    idle_s = 60.0
    _connecting = False

    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        self._connecting = True  # a proxy's CONNECT and the TLS handshake are no part of the request
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, block: Any) -> None:
        if self._connecting:
            super().send(block)
            return
        if self.sock is None:
            self.connect()
        if _current.watch:
            _current.watch.begin(self.sock)
        self.sock.settimeout(self.idle_s)  # until a reply is awaited, urllib3 leaves the connect timeout on it
        super().send(block)


def _connect(connection: HTTPConnection) -> socket.socket:
    """What urllib3 does, but the socket is known to the watch before it connects, so that a cancel ends that too."""
    host = connection._dns_host
    try:
        found = socket.getaddrinfo(host.strip("[]"), connection.port or 0, 0, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise urllib3.exceptions.NameResolutionError(host, connection, error) from error  # type: ignore[arg-type]
    last: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            if isinstance(connection.timeout, int | float):
                sock.settimeout(connection.timeout)
            if _current.watch:
                _current.watch.use(sock)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            last = error
        except Stopped:
            sock.close()
            raise
    if isinstance(last, TimeoutError):
        raise urllib3.exceptions.ConnectTimeoutError(connection, "connect timed out") from last
    raise urllib3.exceptions.NewConnectionError(connection, _reason(last)) from last


class _Transport(HTTPAdapter):
    """requests' adapter over the connections above."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        super().__init__(pool_connections=16, pool_maxsize=32, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, blocksize=BLOCK, **kwargs)
        self._use_ours(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, blocksize=BLOCK, **kwargs)
        self._use_ours(manager)
        return manager

    def _use_ours(self, manager: Any) -> None:
        idle = {"idle_s": self._timeouts.idle_s}
        plain = type("_Plain", (_Watched, HTTPConnection), idle)
        secure = type("_Secure", (_Watched, HTTPSConnection), idle)
        manager.pool_classes_by_scheme = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: even when it does not follow a redirect, requests reads all of its body to prepare for that."""


def _session(timeouts: Timeouts) -> requests.Session:
    session = _Session()
    session.headers.clear()
    session.headers.update({"User-Agent": "medusa-media", "Accept": "*/*", "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Transport(timeouts))
    return session


# ---------------------------------------------------------------- what a broken exchange means


def transport_failure(error: BaseException, host: str, began: bool) -> Failure:
    """A transport error as a Failure; `began`: bytes of the request may have been written.

    Its text is made from the kind of the cause alone: libraries quote URLs in their messages.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_refused(cause, host)
    if not began and isinstance(error, ValueError):  # requests and http.client do not write such an address or header
        return _UNSENDABLE
    if not began:
        said = f"could not connect to {host}: {_why(causes)}"
        return Failure(FailureKind.TRANSIENT, said, "unreachable", no_effect=True, unreached=True)
    return Failure(FailureKind.TRANSIENT, f"the connection to {host} was lost: {_why(causes)}", "connection lost")


_UNSENDABLE = Failure(
    FailureKind.REJECTED,
    "the request cannot be sent: its address, or a value such as a token, holds characters that HTTP does not allow",
    "unsendable",
    no_effect=True,
)


def _certificate_refused(cause: ssl.SSLCertVerificationError, host: str) -> Failure:
    return Failure(
        FailureKind.REJECTED,
        f"the certificate of {host} was refused: {cause.verify_message}",
        "certificate",
        no_effect=True,
        todo="If this network has a certificate authority of its own, name its file in SSL_CERT_FILE.",
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps, however its library does it."""
    seen: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one
        pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _why(causes: list[BaseException]) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name could not be resolved"
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, TimeoutError):
            return _reason(cause)
    if any(isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout) for cause in causes):
        return "it did not answer in time"
    kinds = {type(cause).__name__ for cause in causes}
    if "ProxyError" in kinds:
        return "the proxy refused"
    if kinds & {"RemoteDisconnected", "IncompleteRead", "BadStatusLine", "ProtocolError"}:
        return "it closed the connection before its reply was complete"
    return "the connection failed"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})"
    return (error.strerror or "the connection failed").lower()
