"""One connection to a host, and those that are kept for later."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import NamedTuple

from medusa.adapters.http.message import Timeouts
from medusa.adapters.http.tls import Plain, Tls
from medusa.adapters.http.trust import tls_context
from medusa.adapters.http.watch import Watch, dial

READABLE, WRITABLE = select.POLLIN, select.POLLOUT
KEPT_S = 110.0
"""A connection that was idle for longer is not used again: routers forget it, often without a word."""
KEPT_IDLE = 32
"""Idle connections kept for one origin."""
_ROOM = 64 * 1024


class Origin(NamedTuple):
    """Where connections lead to: those of equal origins are interchangeable."""

    host: str
    port: int
    trusted: str | bool | None
    """What `trust.certificates` has said; None without TLS."""


class Line:
    """A connected socket that never blocks: `sees` is what waits."""

    def __init__(self, sock: socket.socket, cipher: Plain | Tls) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._cipher = cipher
        self._poller = select.poll()
        self._poller.register(sock, READABLE)
        self.idle_since = 0.0

    @property
    def ended(self) -> bool:
        """The peer says no more."""
        return self._cipher.ended

    def seal(self, block: bytes | memoryview) -> memoryview:
        """`block` as it goes over the line."""
        return memoryview(self._cipher.seal(block))

    def send(self, sealed: memoryview) -> int:
        """How many of these bytes the socket has taken; 0 when it is full. Raises OSError."""
        try:
            return self.sock.send(sealed)
        except BlockingIOError:
            return 0

    def receive(self) -> bytes:
        """What has arrived, in clear; b"" if that is nothing yet, or the peer has `ended`. Raises OSError."""
        try:
            return self._cipher.opened(self.sock.recv(_ROOM))
        except BlockingIOError:
            return b""

    def sees(self, events: int, timeout_s: float) -> int:
        """Which of the events READABLE and WRITABLE has come within so many seconds; 0 for none. An error is any."""
        self._poller.modify(self.sock, events)
        ready = self._poller.poll(max(timeout_s, 0.0) * 1000)
        return ready[0][1] if ready else 0

    def shake_hands(self, tls: Tls, timeout_s: float) -> None:
        """Raises ssl.SSLError, TimeoutError when the peer is silent for so many seconds, or another OSError."""
        arrived = None
        try:
            while not tls.shaken(arrived):
                self.sock.sendall(tls.pending())
                if not self.sees(READABLE, timeout_s):
                    raise TimeoutError
                arrived = self.sock.recv(_ROOM)
        except OSError:
            with suppress(OSError):
                self.sock.sendall(tls.pending())  # the alert that tells the peer why
            raise

    def close(self) -> None:
        self.sock.close()


def connect(origin: Origin, timeouts: Timeouts, watch: Watch) -> Line:
    """A new line. Raises OSError, or Stopped when the call is cancelled."""
    context = None if origin.trusted is None else tls_context(origin.trusted)
    sock = dial(origin.host, origin.port, timeouts, watch)
    try:
        if context is None:
            return Line(sock, Plain())
        tls = Tls(context, origin.host)
        line = Line(sock, tls)
        line.shake_hands(tls, timeouts.connect_s)
        return line
    except BaseException:
        sock.close()
        raise


class Lines:
    """Idle lines, by origin. Usable from any thread."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, list[Line]] = defaultdict(list)
        self._lock = threading.Lock()
        self._closed = False

    def take(self, origin: Origin) -> Line | None:
        """The line that was used last, if it is alive; those that are not are closed."""
        while True:
            with self._lock:
                idle = self._idle[origin]
                if not idle:
                    return None
                line = idle.pop()
            quiet = not line.sees(READABLE, 0)  # what would come unasked is the end, or nothing that we can use
            if quiet and time.monotonic() - line.idle_since < KEPT_S:
                return line
            line.close()

    def give(self, origin: Origin, line: Line) -> None:
        """Keep a line on which nothing is under way."""
        line.idle_since = time.monotonic()
        with self._lock:
            idle = self._idle[origin]
            idle.append(line)
            surplus = idle.pop(0) if self._closed or len(idle) > KEPT_IDLE else None
        if surplus:
            surplus.close()

    def close(self) -> None:
        """Close them all, and those that are given from now on."""
        with self._lock:
            self._closed = True
            lines = [line for idle in self._idle.values() for line in idle]
            self._idle.clear()
        for line in lines:
            line.close()
