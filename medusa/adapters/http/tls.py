"""TLS between two memory buffers.

An SSLSocket writes each record of 16 KiB by a system call of its own, however much it is given. Sealed in memory, many
of them go out at once.
"""

from __future__ import annotations

import ssl

_ROOM = 64 * 1024


class Tls:
    """The client's end of one TLS connection; what carries the bytes is somebody else's matter."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self.ended = False
        """The peer says no more."""

    def shaken(self, arrived: bytes | None) -> bool:
        """Whether hands are shaken, now that this has arrived (None at the beginning). Raises ssl.SSLError."""
        if arrived is not None:
            self._take(arrived)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def pending(self) -> bytes:
        """What is to be sent beside what is sealed."""
        return self._out.read()

    def seal(self, block: bytes | memoryview) -> bytes:
        """`block` as records."""
        rest = memoryview(block)
        while rest:
            rest = rest[self._tls.write(rest) :]  # OpenSSL takes one record at a time
        return self._out.read()

    def opened(self, arrived: bytes) -> bytes:
        """What the peer has said in these bytes and those before; b"" if that is nothing yet, or it has `ended`."""
        self._take(arrived)
        parts = []
        try:
            while part := self._tls.read(_ROOM):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self.ended = True
        return b"".join(parts)

    def _take(self, arrived: bytes) -> None:
        if arrived:
            self._in.write(arrived)
        else:
            self._in.write_eof()


class Plain:
    """The same without TLS."""

    ended = False

    def seal(self, block: bytes | memoryview) -> bytes | memoryview:
        """`block` itself."""
        return block

    def opened(self, arrived: bytes) -> bytes:
        """`arrived` itself."""
        self.ended = not arrived
        return arrived
