"""The bytes that an adapter reads while it sends: counted, stoppable, and sure to be of the file that was looked at."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from io import FileIO

from medusa.domain.etag import difference, etag
from medusa.domain.failures import MediaChanged, MediaError, Stopped
from medusa.domain.values import Media, Span

LAST_BLOCK = 1024
"""Bytes of a span's last block at most: it alone can make an upload take effect, so only in it is there doubt."""


class FileBody:
    """Body over a Span of a local file."""

    def __init__(
        self,
        file: FileIO,
        media: Media,
        span: Span,
        stopped: threading.Event,
        *,
        take: Callable[[int], int],
        before_last: Callable[[], None],
    ) -> None:
        """`file` is the media's, open; it is closed here. `take` says how many of so many bytes may go now, once they
        may; `before_last` is called before the span's last block is given.
        """
        self._media = media
        self._span = span
        self.start = self.offset = span.start
        """Up to here the media's bytes were handed out."""
        self._stopped = stopped
        self._take = take
        self._before_last = before_last
        self._file = file
        self._file.seek(span.start)

    def __len__(self) -> int:
        return len(self._span)

    def readinto(self, view: memoryview, /) -> int:
        """The next bytes; 0 at the end. Raises Stopped or MediaChanged."""
        left = self._span.stop - self.offset
        if left <= 0:
            self._file.close()
            return 0
        if self._stopped.is_set():
            raise Stopped
        block = min(left, len(view))
        if block == left > LAST_BLOCK:
            block -= LAST_BLOCK
        view = view[: self._take(block)]
        if left <= len(view):
            self._check_unchanged()
            self._before_last()
        try:
            count = self._file.readinto(view)
        except OSError as error:
            raise MediaError(f"{self._media.name} cannot be read: {error.strerror}") from None
        if not count:
            raise MediaChanged(f"{self._media.name} got shorter while it was sent")
        self.offset += count
        return count

    def close(self) -> None:
        """Give the file back; a body that was not read to its end needs it."""
        self._file.close()

    def _check_unchanged(self) -> None:
        """Before the last block: nobody has written to the file meanwhile. (A file put in its place is another one.)"""
        status = os.fstat(self._file.fileno())
        content = self._media.etag.rpartition(":")[2]  # what is sent now was not hashed before
        changed = difference(self._media.etag, etag(status.st_size, status.st_mtime_ns, content))
        if changed:
            raise MediaChanged(f"{self._media.name} changed while it was sent: {changed}")
