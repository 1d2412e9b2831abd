"""One connection to a host, and those that are kept for later."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from medusa.adapters.http.message import Timeouts
from medusa.adapters.http.plain import READABLE, Plain
from medusa.adapters.http.trust import tls_context
from medusa.adapters.http.watch import Watch, dial

if TYPE_CHECKING:
    from OpenSSL import SSL

    from medusa.adapters.http.tls import Tls

KEPT_S = 110.0
"""A connection that was idle for longer is not used again: routers forget it, often without a word."""
KEPT_IDLE = 32
"""Idle connections kept for one origin."""


class Origin(NamedTuple):
    """Where connections lead to: those of equal origins are interchangeable."""

    host: str
    port: int
    trusted: str | bool | None
    """What `trust.certificates` has said; None without TLS."""


class Line:
    """A connected socket that never blocks: `sees` is what waits."""

    def __init__(self, sock: socket.socket, channel: Plain | Tls) -> None:
        self.sock = sock
        self._channel = channel
        self._poller = select.poll()
        self._poller.register(sock, READABLE)
        self.idle_since = 0.0
        self.send, self.receive = channel.send, channel.receive

    @property
    def ended(self) -> bool:
        """The peer says no more."""
        return self._channel.ended

    @property
    def behind(self) -> int:
        """Bytes that `send` has taken, and that still wait for room in the socket."""
        return self._channel.behind

    def sees(self, events: int, timeout_s: float) -> int:
        """Which of the events READABLE and WRITABLE has come within so many seconds; 0 for none. An error is any."""
        self._poller.modify(self.sock, events)
        ready = self._poller.poll(max(timeout_s, 0.0) * 1000)
        return ready[0][1] if ready else 0

    def close(self) -> None:
        self.sock.close()


def connect(origin: Origin, timeouts: Timeouts, watch: Watch) -> Line:
    """A new line. Raises OSError, or Stopped when the call is cancelled."""
    context = None if origin.trusted is None else tls_context(origin.trusted)
    sock = dial(origin.host, origin.port, timeouts, watch)
    try:
        sock.setblocking(False)
        return Line(sock, Plain(sock)) if context is None else _secured(sock, context, origin.host, timeouts)
    except BaseException:
        sock.close()
        raise


def _secured(sock: socket.socket, context: SSL.Context, host: str, timeouts: Timeouts) -> Line:
    from medusa.adapters.http.tls import Tls

    tls = Tls(sock, context, host)
    line = Line(sock, tls)
    deadline = time.monotonic() + timeouts.connect_s
    while wanted := tls.shake():
        if not line.sees(wanted, deadline - time.monotonic()):
            raise TimeoutError
    return line


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
        """Keep a line on which nothing is under way; those that nobody should use any more are closed."""
        with self._lock:
            line.idle_since = time.monotonic()
            self._idle[origin].append(line)
            surplus = [old for idle in self._idle.values() for old in self._surplus(idle)]
        for old in surplus:
            old.close()

    def _surplus(self, idle: list[Line]) -> list[Line]:
        """Those of one origin that are too many, or have waited for too long, taken from it: the oldest come first."""
        room = 0 if self._closed else KEPT_IDLE
        since = time.monotonic() - KEPT_S
        count = max(len(idle) - room, sum(line.idle_since <= since for line in idle))
        surplus, idle[:] = idle[:count], idle[count:]
        return surplus

    def close(self) -> None:
        """Close them all, and those that are given from now on."""
        with self._lock:
            self._closed = True
            lines = [line for idle in self._idle.values() for line in idle]
            self._idle.clear()
        for line in lines:
            line.close()
