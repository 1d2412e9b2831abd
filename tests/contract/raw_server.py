"""A server made of bare sockets: each test says what it does with every connection, byte by byte."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

WITHIN_S = 20.0
"""Far more than anything here needs: a hang fails instead of blocking the suite."""


class Line:
    """One accepted connection, seen from the server."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def head(self) -> str:
        """A request's line and headers; "" when the client has closed instead."""
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            if not byte:
                return ""
            got += byte
        return got.decode()

    def swallow(self, count: int) -> int:
        """Read so many bytes of a body without keeping them; fewer when the client has closed."""
        buffer, got = memoryview(bytearray(64 * 1024)), 0
        while got < count:
            read = self.sock.recv_into(buffer[: min(len(buffer), count - got)])
            if not read:
                break
            got += read
        return got

    def request(self) -> str:
        """A whole request; its head."""
        head = self.head()
        self.swallow(int(header(head, "content-length") or 0))
        return head

    def say(self, text: str | bytes) -> None:
        """Send these bytes."""
        self.sock.sendall(text.encode() if isinstance(text, str) else text)

    def reply(self, body: str | bytes = b"", status: str = "200 OK", *headers: str) -> None:
        """Send a whole reply."""
        content = body.encode() if isinstance(body, str) else body
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
        self.say("\r\n".join([*head, "", ""]).encode() + content)

    def reset(self) -> None:
        """End the connection by a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def until_the_client_goes(self) -> None:
        """Say nothing until the peer has closed."""
        with suppress(OSError):
            while self.sock.recv(64 * 1024):
                pass


def header(head: str, name: str) -> str | None:
    """The value of a header in a head, by its lowercase name."""
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return None


@dataclass
class RawServer:
    """Listens on loopback. `heads` are the requests that arrived, `lines` counts the connections."""

    port: int
    lines: int = 0
    heads: list[str] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set by a script when it has come to where the test waits for it."""
    go_on: threading.Event = field(default_factory=threading.Event)
    """Set by the test when the script may go on."""
    host: str = "127.0.0.1"
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


Script = Callable[[RawServer, Line], None]


@contextmanager
def serving(script: Script, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run `script` for every connection, each in a thread of its own, until the block ends."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        host = f"[{address}]" if ":" in address else address
        server = RawServer(listener.getsockname()[1], host=host, scheme="https" if tls else "http")
        threads = _Threads(server, script, listener, tls)
        try:
            yield server
        finally:
            server.go_on.set()
            listener.shutdown(socket.SHUT_RDWR)
            threads.end()


class _Threads:
    def __init__(self, server: RawServer, script: Script, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._server, self._script, self._listener, self._tls = server, script, listener, tls
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def end(self) -> None:
        """Drop every connection and wait for the threads."""
        self._threads[0].join(WITHIN_S)
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(WITHIN_S)
        assert not any(thread.is_alive() for thread in self._threads)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what a reset would discard has gone out
                self._server.lines += 1
                self._open.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            if self._tls is None:
                self._script(self._server, Line(sock))
                return
            with self._tls.wrap_socket(sock, server_side=True) as secure:
                self._open.append(secure)
                self._script(self._server, Line(secure))
