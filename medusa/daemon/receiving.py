"""Takes in the bytes of one upload stream."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from typing import Any, Final

from medusa.daemon.media_store import Header, MediaStore, Standing, conflict, storing
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.requests import media_header
from medusa.domain.failures import InvalidRequest
from medusa.domain.values import Problem

CHUNK_MOST: Final = 2 * 1024**2
_BLOCK: Final = 16 * 1024**2
Run = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Awaits what blocks, in a thread."""


async def received(store: MediaStore, owner: str, messages: AsyncIterator[pb.UploadMediaRequest], run: Run) -> Standing:
    """How far the upload is when the stream has ended. Raises Refused or InvalidRequest; what had come stays."""
    writer: Writer | None = None
    try:
        async for message in messages:
            part = message.WhichOneof("part")
            if part == "header" and writer is None:
                writer = await run(partial(Writer, store, owner, media_header(message.header), message.header.offset))
                await run(writer.open)
                while await run(writer.catch_up):
                    pass
            elif part == "chunk" and writer is not None:
                await run(partial(writer.append, message.chunk))
            else:
                raise InvalidRequest([Problem(part or "header", "send one header, then chunks")])
        if writer is None:
            raise InvalidRequest([Problem("header", "is missing")])
        await run(writer.finish)
        standing: Standing = await run(partial(store.standing, owner, writer.media_id))
        return standing
    finally:
        if writer is not None:
            writer.close()


class Writer:
    """Writes one upload from an offset on, as long as no other stream takes it over."""

    def __init__(self, store: MediaStore, owner: str, header: Header, offset: int) -> None:
        """Raises Refused."""
        self._place, self._turn = store.begin(owner, header, offset)
        self.media_id = header.media_id
        self._header = header
        self._left = header.size - offset
        self._sum = hashlib.sha256()
        self._unread = offset
        """Bytes that are there already and that the checksum has not seen yet."""
        self._file: FileIO | None = None

    def open(self) -> None:
        """Unless the upload is complete. Raises Refused."""
        with storing(), self._mine():
            if not self._place.file.exists():
                self._file = FileIO(os.open(self._place.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")

    def catch_up(self) -> bool:
        """Read a part of what is there, for the checksum; whether there is more. Raises Refused."""
        if not self._file or not self._unread:
            return False
        with storing(), self._mine():
            block = self._file.read(min(self._unread, _BLOCK))
        self._sum.update(block)
        self._unread -= len(block)
        return True

    def append(self, chunk: bytes) -> None:
        """Store the next bytes. Raises Refused or InvalidRequest."""
        if len(chunk) > CHUNK_MOST:
            raise InvalidRequest([Problem("chunk", f"has more than {CHUNK_MOST} bytes")])
        if len(chunk) > self._left:
            raise InvalidRequest([Problem("chunk", f"goes beyond the {self._header.size} bytes of the header")])
        with storing(), self._mine():
            rest = memoryview(chunk)
            while rest and self._file:
                rest = rest[self._file.write(rest) :]
        self._sum.update(chunk)
        self._left -= len(chunk)

    def finish(self) -> None:
        """The stream has ended: with the last byte the upload is complete. Raises InvalidRequest if they are wrong."""
        if not self._file:
            return
        with storing():
            os.fsync(self._file.fileno())
        with storing(), self._mine():
            if self._left:
                return
            if self._header.sha256 not in ("", self._sum.hexdigest()):
                self._file.truncate(0)
                says = "is not that of the bytes, which were dropped: begin anew at offset 0"
                raise InvalidRequest([Problem("header.sha256", says)])
            self._place.complete()

    def close(self) -> None:
        """Give the file back, as soon as the thread of a call that was cancelled has written what it is at."""
        with self._place.lock:
            if self._file:
                self._file.close()

    @contextmanager
    def _mine(self) -> Iterator[None]:
        """Nobody else writes meanwhile. Raises Refused when it is another stream's turn."""
        with self._place.lock:
            if self._place.turn != self._turn:
                raise conflict("another stream has taken this upload over, or it was removed")
            yield
