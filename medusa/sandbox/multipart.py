"""multipart/* bodies read as a stream: the size of a part does not matter, as nothing of it is kept here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import Message
from email.parser import HeaderParser

HEADERS_LIMIT = 16 * 1024


class MalformedBody(Exception):
    """The body is not what its Content-Type says; the platform answers as it does to such a thing."""


class Part:
    """One part. Its content is read by iterating over `blocks()`, or at once by `read()`."""

    def __init__(self, headers: Message, blocks: AsyncIterator[bytes]) -> None:
        self.content_type = headers.get_content_type() if "content-type" in headers else ""
        self.name = str(headers.get_param("name", "", header="content-disposition"))
        filename = headers.get_param("filename", None, header="content-disposition")
        self.filename = str(filename) if filename is not None else None
        self._blocks = blocks

    def blocks(self) -> AsyncIterator[bytes]:
        """The content as it arrives. To be read, or dropped with `skip`, before the next part is asked for."""
        return self._blocks

    async def read(self, limit: int = 64 * 1024 * 1024) -> bytes:
        """The whole content. Raises MalformedBody if it is longer than `limit` bytes."""
        content = bytearray()
        async for block in self._blocks:
            content += block
            if len(content) > limit:
                raise MalformedBody(f"part {self.name!r} is longer than {limit} bytes")
        return bytes(content)

    async def skip(self) -> None:
        """Drop what is left of the content."""
        async for _ in self._blocks:
            pass


class MultipartReader:
    """Splits a body at its boundary. `read` gives the next block of the body, b"" at its end.

    Lines may end with a bare line feed: Python's email package, and so Google's client, sends that.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes]], content_type: str) -> None:
        message = Message()
        message["content-type"] = content_type
        boundary = message.get_param("boundary")
        if not isinstance(boundary, str) or not boundary:
            raise MalformedBody("multipart body without a boundary")
        self._read = read
        self._border = b"\n--" + boundary.encode()
        self._buffer = b"\n"  # the first boundary has no line end before it

    async def parts(self) -> AsyncIterator[Part]:
        """The parts in their order. Raises MalformedBody."""
        async for _ in self._until_border():
            pass  # what stands before the first boundary is no part
        while not await self._closed():
            part = Part(await self._headers(), self._until_border())
            yield part
            await part.skip()

    async def _closed(self) -> bool:
        """Just after a border: whether it was the last one."""
        while b"\n" not in self._buffer and not self._buffer.startswith(b"--"):
            await self._more()
        if self._buffer.startswith(b"--"):
            while await self._read():
                pass
            return True
        self._buffer = self._buffer.partition(b"\n")[2]
        return False

    async def _headers(self) -> Message:
        lines: list[bytes] = []
        while line := await self._line():
            lines.append(line)
            if sum(map(len, lines)) > HEADERS_LIMIT:
                raise MalformedBody("the headers of a part are too long")
        return HeaderParser().parsestr(b"\n".join(lines).decode("utf-8", "replace"))

    async def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > HEADERS_LIMIT:
                raise MalformedBody("the headers of a part are too long")
            await self._more()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    async def _until_border(self) -> AsyncIterator[bytes]:
        while True:
            at = self._buffer.find(self._border)
            if at >= 0:
                content, self._buffer = self._buffer[:at], self._buffer[at + len(self._border) :]
                if content := content.removesuffix(b"\r"):
                    yield content
                return
            safe = len(self._buffer) - len(self._border) - 1  # the border, or the \r before it, may have begun
            if safe > 0:
                content, self._buffer = self._buffer[:safe], self._buffer[safe:]
                yield content
            await self._more()

    async def _more(self) -> None:
        block = await self._read()
        if not block:
            raise MalformedBody("the body ends before its closing boundary")
        self._buffer += block
