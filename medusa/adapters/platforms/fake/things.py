"""What exists on the fake platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class FakeSession:
    """An upload on its way, or complete: then `video` is what it made."""

    wanted: Mapping[str, Any]
    received: bytearray = field(default_factory=bytearray)
    video: FakeVideo | None = None


@dataclass(slots=True)
class FakeVideo:
    """A video."""

    id: str
    key: str
    """What its creator wants to find it by."""
    title: str
    privacy: str
    size: int
    sha256: str
    polls: int
    """How often it will still say that it is being processed."""
    thumbnail: str = ""
    """The picture's SHA-256, if it has one."""

    @property
    def url(self) -> str:
        return f"https://fake.invalid/watch/{self.id}"

    def __str__(self) -> str:
        return f"video {self.title} {self.privacy} {self.size} {self.sha256[:8]}"


@dataclass(slots=True)
class FakePost:
    """A post or a comment, as it was sent."""

    id: str
    fields: Mapping[str, Any]
    at: float
    """Epoch seconds."""
    key: str | None = None

    @property
    def url(self) -> str:
        return f"https://fake.invalid/posts/{self.id}"

    def __str__(self) -> str:
        return f"{self.fields['kind']} {self.fields['message']}"
