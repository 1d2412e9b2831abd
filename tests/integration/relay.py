"""A TCP relay between Medusa and a sandbox: a network that can be held, cut and reopened."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

BLOCK = 64 * 1024


class Relay:
    """Passes connections on to `upstream` ("http://127.0.0.1:1234"). `url` is where it listens.

    Its port stays reserved while it is cut, so that nobody else gets it, and no client meets itself there.
    """

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.removeprefix("http://").partition(":")
        self._upstream = (host, int(port))
        self._reserved = _bound(0)
        self._port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.held = threading.Event()
        """Bytes wait: more of them than `hold` lets pass."""
        self._free = threading.Event()
        self._free.set()
        self._passes = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.reopen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self.release()
        self._reserved.close()

    def hold(self, after: int) -> None:
        """From now on only so many bytes of each connection reach the platform."""
        self._passes = after
        self.held.clear()
        self._free.clear()

    def release(self) -> None:
        """Let everything pass again."""
        self._free.set()

    def cut(self) -> None:
        """The network is gone: open connections are reset, new ones refused."""
        with self._lock:
            listener, self._listener = self._listener, None
            gone, self._open = self._open, []
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
        for one in gone:
            _reset(one)

    def reopen(self) -> None:
        """The network is back."""
        listener = _bound(self._port)
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="relay", daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # cut
            server = socket.create_connection(self._upstream)
            with self._lock:
                self._open += [client, server]
            for ends in ((client, server, self._wait), (server, client, _no_wait)):
                threading.Thread(target=_pump, args=ends, name="relay", daemon=True).start()

    def _wait(self, passed: int) -> None:
        if passed > self._passes and not self._free.is_set():
            self.held.set()
            self._free.wait()


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    return one


def _no_wait(_passed: int) -> None:
    """What comes back is never held."""


def _pump(source: socket.socket, sink: socket.socket, before: Callable[[int], None]) -> None:
    """Copy until one side ends; `before` is told how many bytes there are before they are passed on."""
    passed = 0
    try:
        while block := source.recv(BLOCK):
            passed += len(block)
            before(passed)
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        _reset(sink)


def _reset(one: socket.socket) -> None:
    """As a network does that forgets its connections."""
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    except OSError:
        one.close()
