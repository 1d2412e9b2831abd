"""The sender for everything else, through proxies above all: requests, with large blocks."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from medusa.adapters.http.message import BLOCK, REPLY_LIMIT, STANDARD_HEADERS, Reply, Request, Timeouts, blocks
from medusa.adapters.http.route import proxy_to
from medusa.adapters.http.trust import certificates, tls_context
from medusa.adapters.http.watch import Watch, dial
from medusa.domain.ports import Body

_PIECE = 128 * 1024
"""Bytes that are sent at once."""


class RequestsSender:
    """Usable from any thread."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._shared = _session(timeouts)

    def send(self, watch: Watch, request: Request) -> Reply:
        """The reply to `request`, sent once. Raises OSError, ValueError, or Stopped."""
        session = _session(self._timeouts) if request.fresh else self._shared
        _current.watch = watch
        try:
            return self._send(session, watch, request)
        except urllib3.exceptions.HTTPError as error:
            raise OSError("requests let it through") from error
        finally:
            _current.watch = None
            if request.fresh:
                session.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._shared.close()

    def _send(self, session: requests.Session, watch: Watch, request: Request) -> Reply:
        proxy_to(request.url)  # if there is one, it can be used
        trusted = certificates()
        if request.url.startswith("https:"):
            tls_context(trusted)  # so that it is told, as by the other sender, if they cannot be read
        with session.request(
            request.method,
            request.url,
            headers=dict(request.headers),
            data=_content(request.body),  # type: ignore[arg-type]  # any iterable with a length; the stubs do not say so
            auth=_as_it_is,
            allow_redirects=False,
            stream=True,
            timeout=(self._timeouts.connect_s, self._timeouts.idle_s),
            verify=trusted,
        ) as response:
            refused = watch.in_hand > 0 and response.status_code >= 400  # within the request
            content = _read(response.raw, time.monotonic() + self._timeouts.reply_s, may_be_cut=refused)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status_code, headers, content)


def _as_it_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from putting a ~/.netrc entry in the place of our Authorization header."""
    return prepared


def _read(raw: urllib3.HTTPResponse, deadline: float, *, may_be_cut: bool) -> bytes:
    """A reply's content. Whoever refuses and hangs up may cut it short, and no other try gets more."""
    content = bytearray()
    try:
        while part := raw.read1(64 * 1024, decode_content=True):
            content += part
            if len(content) > REPLY_LIMIT:
                break
            if time.monotonic() > deadline:
                raise TimeoutError("the reply took too long")
    except urllib3.exceptions.ProtocolError:
        if not may_be_cut:
            raise
    return bytes(content)


def _content(body: bytes | Body | None) -> bytes | _Blocks | None:
    """What requests sends with a Content-Length. (An iterable without any byte it would send chunked.)"""
    if body is None or isinstance(body, bytes):
        return body
    return _Blocks(body) if len(body) else b""


class _Blocks:
    """A Body as an iterable with a length: nothing is copied, nothing is sent chunked."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[memoryview]:
        return blocks(self._body)


# ---------------------------------------------------------------- connections that a cancel can end


class _Current(threading.local):
    watch: Watch | None = None


_current = _Current()


class _NotOurs(logging.Filter):
    """urllib3 logs the address of each request, and an upload session's address is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return _current.watch is None


logging.getLogger("urllib3.connectionpool").addFilter(_NotOurs())


if TYPE_CHECKING:
    _Connection = HTTPConnection
else:
    _Connection = object


class _Watched(_Connection):
    """Mixed into urllib3's connections: tells the watch which socket is in use, and when a request's bytes begin."""

    timeouts = Timeouts()
    _connecting = False

    def _new_conn(self) -> socket.socket:
        try:
            return dial(self._dns_host.strip("[]"), self.port or 0, self.timeouts, _current.watch)
        except OSError as error:  # urllib3 takes a bare EPIPE for one of sending
            raise urllib3.exceptions.NewConnectionError(self, "no connection") from error

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
        self.sock.settimeout(self.timeouts.stall_s)  # urllib3 leaves the connect timeout on it meanwhile
        try:
            for piece in self._counted(memoryview(block)):
                super().send(piece)
        except ssl.SSLEOFError as error:  # so ssl calls it; after a broken pipe urllib3 reads what the server has said
            raise BrokenPipeError from error

    def _counted(self, block: memoryview) -> Iterator[memoryview]:
        """Small enough that little of what a slow line has sent is still counted as in hand."""
        for start in range(0, len(block), _PIECE):
            if _current.watch:
                _current.watch.in_hand = len(block) - start
            yield block[start : start + _PIECE]
        if _current.watch:
            _current.watch.in_hand = 0


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
        ours = {"timeouts": self._timeouts}
        plain = type("_Plain", (_Watched, HTTPConnection), ours)
        secure = type("_Secure", (_Watched, HTTPSConnection), ours)
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
    session.headers.update(STANDARD_HEADERS)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Transport(timeouts))
    return session
