"""Where uploaded bytes go: counted, hashed, and kept on disk only when asked; never held in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

GRANULE = 256 * 1024
"""An interrupted request leaves whole multiples of this many bytes (facts: Google resumable protocol)."""


class Sink:
    """Takes the bytes of one upload, over as many requests as it needs.

    Each request is bracketed: `begin`, `write`..., then `complete` (all of it counts) or `interrupted`
    (only what is whole in units counts, but never less than before the request). The hash follows: it is
    snapshotted at unit borders, so that forgetting the tail costs no memory.
    """

    def __init__(self, path: Path | None = None, *, hashing: bool = True) -> None:
        self.path = path
        self.size = 0
        self._unit = GRANULE
        self._hash = hashlib.sha256() if hashing else None
        self._mark = (0, self._hash.copy() if self._hash else None)
        self._file: IO[bytes] | None = None
        if path is not None:
            path.touch(mode=0o600)

    @property
    def settled(self) -> int:
        """Bytes that even an interruption now would leave."""
        return self._mark[0]

    @property
    def sha256(self) -> str | None:
        """Hex digest of the bytes so far; None when the sandbox was told not to hash."""
        return self._hash.hexdigest() if self._hash else None

    def begin(self, unit: int = GRANULE) -> None:
        """A request's bytes follow. `unit`: what an interruption keeps whole multiples of, counted from byte 0."""
        self._unit = unit
        self._remember()
        if self.path is not None and self._file is None:
            self._file = self.path.open("r+b", buffering=0)
            self._file.seek(self.size)

    def write(self, block: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(block)
        while view:
            room = self._unit - self.size % self._unit
            self._take(view[:room])
            if len(view) >= room:
                self._remember()
            view = view[room:]

    def complete(self) -> None:
        """The request ended well: all that it brought counts."""
        self._remember()
        self._close()

    def interrupted(self) -> None:
        """The request broke off: what came after the last whole unit is forgotten."""
        self.size, kept = self._mark
        self._hash = kept.copy() if kept else None
        if self._file is not None:
            self._file.truncate(self.size)
        self._close()

    def store(self, content: bytes) -> None:
        """Take the whole of a small upload at once."""
        self.begin()
        self.write(content)
        self.complete()

    def discard(self) -> None:
        """Forget everything, the file too."""
        self._close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _take(self, view: memoryview) -> None:
        if self._hash is not None:
            self._hash.update(view)
        if self._file is not None:
            rest = view
            while rest:
                rest = rest[self._file.write(rest) :]
        self.size += len(view)

    def _remember(self) -> None:
        self._mark = (self.size, self._hash.copy() if self._hash else None)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
