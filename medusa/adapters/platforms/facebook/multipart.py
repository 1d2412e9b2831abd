"""A multipart/form-data body around one file part, streamed: only the file's blocks are ever in memory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from io import BytesIO
from typing import Protocol

from medusa.domain.ports import Body


class Multipart:
    """Body: the text fields, then one file part whose bytes are those of another Body. Read once, front to back."""

    def __init__(self, fields: Mapping[str, str], name: str, mime: str, file: Body) -> None:
        """`name` is the file part's; it is also its file name, so that the user's own name stays at home."""
        boundary = secrets.token_hex(16)  # random, so that it does not occur in the file
        texts = "".join(f"{_opening(boundary, key)}\r\n\r\n{value}\r\n" for key, value in fields.items())
        head = f'{texts}{_opening(boundary, name)}; filename="{name}"\r\nContent-Type: {mime}\r\n\r\n'.encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        self._parts: list[_Readable] = [BytesIO(head), file, BytesIO(tail)]
        self._length = len(head) + len(file) + len(tail)
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def __len__(self) -> int:
        return self._length

    def readinto(self, view: memoryview, /) -> int:
        while self._parts:
            if count := self._parts[0].readinto(view):
                return count
            del self._parts[0]
        return 0


class _Readable(Protocol):
    def readinto(self, view: memoryview, /) -> int: ...


def _opening(boundary: str, name: str) -> str:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
