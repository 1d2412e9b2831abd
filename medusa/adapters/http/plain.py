"""Bytes as they are, on a socket that never blocks."""

from __future__ import annotations

import select
import socket

READABLE, WRITABLE = select.POLLIN, select.POLLOUT
ROOM = 64 * 1024
"""Bytes that are received at once."""


class Plain:
    """A connection without TLS; `Tls` is the same with it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.ended = False
        """The peer says no more."""
        self.behind = 0
        """Bytes taken that wait for room in the socket: there are none."""

    def send(self, block: memoryview) -> int:
        """How many of these bytes the socket has taken; 0 when it is full. Raises OSError."""
        try:
            return self._sock.send(block)
        except BlockingIOError:
            return 0

    def receive(self) -> bytes:
        """What has arrived; b"" if that is nothing yet, or the peer has `ended`. Raises OSError."""
        try:
            arrived = self._sock.recv(ROOM)
        except BlockingIOError:
            return b""
        self.ended = not arrived
        return arrived
