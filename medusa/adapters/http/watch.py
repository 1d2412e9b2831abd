"""Sockets that a cancel can end, wherever a thread is blocked on them."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import threading

from medusa.adapters.http.message import Timeouts
from medusa.domain.failures import Stopped
from medusa.domain.ports import Call


class Watch:
    """Knows the socket that an exchange uses, and shuts it down when the call is cancelled."""

    def __init__(self, call: Call) -> None:
        self._line: socket.socket | None = None
        self._call = call
        self.began = False
        """Bytes of the request may have been written."""
        self.in_hand = 0
        """Bytes that were read from the body, and that the socket has not taken yet."""
        self._lost = 0
        """Bytes that were unsent when the exchange ended."""
        self._lock = threading.Lock()
        self._cancelled = False
        call.on_cancel(self._cancel)
        call.in_flight(self.unsent)

    def use(self, sock: socket.socket) -> None:
        """Watch this socket from now on. Raises Stopped if the call is cancelled already.

        It is a second descriptor of the socket that is watched: the first one may be taken over or closed meanwhile.
        """
        self.end()
        with self._lock:
            self.raise_if_cancelled()
            self._line = socket.socket(fileno=socket.dup(sock.fileno()))

    def begin(self, sock: socket.socket) -> None:
        """The request's first bytes are about to go out: from here on anything may have happened."""
        if not self.began:
            self.use(sock)
            self._call.check_in_time()
            self.began = True

    def end(self) -> None:
        """Let go of the socket: a later cancel must not end what somebody else sends on it."""
        with self._lock:
            if self._line is not None:
                self._lost = self.in_hand + _unacknowledged(self._line)
                self._line.close()
                self._line = None

    def raise_if_cancelled(self) -> None:
        if self._cancelled:
            raise Stopped

    def unsent(self) -> int:
        """Bytes that were read from the body, and that the peer has not acknowledged."""
        with self._lock:
            return self.in_hand + _unacknowledged(self._line) if self._line else self._lost

    def _cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._line is not None:
                _shut(self._line)


def _shut(sock: socket.socket) -> None:
    """Wakes a thread blocked in connect, poll, send or receive."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already


def _unacknowledged(sock: socket.socket) -> int:
    """Bytes that wait in the socket's buffer, or are on their way. (Only Linux tells.)"""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))
    except OSError:
        return 0
    return int(count)


def dial(host: str, port: int, timeouts: Timeouts, watch: Watch | None) -> socket.socket:
    """A connected socket, known to the watch before it connects, so that a cancel ends that too. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host's name") from error
    last = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            _tune(sock, timeouts.stall_s)
            sock.settimeout(timeouts.connect_s)
            if watch:
                watch.use(sock)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            last = error
        except Stopped:
            sock.close()
            raise
    raise last


def _tune(sock: socket.socket, stall_s: float) -> None:
    """What is sent goes out at once. A line on which nothing is acknowledged any more, or nobody is, ends by itself.

    TCP alone would wait for minutes, twice as long after each try, and still wait when the network is back.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: there it bounds keep-alive as well
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, round(stall_s * 1000)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(stall_s / 2)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(stall_s / 8)))
