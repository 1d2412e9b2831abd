"""A file that is handed over as bytes."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import InvalidRequest
from medusa.domain.values import Problem

CHUNK: Final = 512 * 1024
Sent = Callable[[int, int], None]
"""Is told how many bytes of a media file were handed over, and of how many: from any thread, several times a second. It
must return at once and raise nothing."""


def untold(_done: int, _total: int) -> None:
    """For whoever does not want to know."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A local file. The same bytes under the same name are the same media to the daemon."""

    path: Path
    size: int
    sha256: bytes
    media_id: str

    @classmethod
    def of(cls, path: str) -> Upload:
        """Reads the whole file once. Raises InvalidRequest when it cannot be read."""
        file = Path(path)
        try:
            if not stat.S_ISREG(file.stat().st_mode):  # to open a pipe would wait for who writes to it
                raise InvalidRequest([Problem("media_file", f"{file} is not a regular file")])
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").digest()
                size = opened.tell()
        except (OSError, ValueError) as error:
            raise InvalidRequest([_unreadable(file, error)]) from error
        named = hashlib.sha256(digest + file.name.encode())
        return cls(file, size, digest, named.hexdigest())

    def requests(self, offset: int, sent: Sent = untold) -> Iterator[pb.UploadMediaRequest]:
        """The messages of one stream, whose first byte is that at `offset`."""
        header = pb.MediaHeader(
            media_id=self.media_id,
            file_name=self.path.name,
            size_bytes=self.size,
            sha256=self.sha256,
            offset=offset,
        )
        yield pb.UploadMediaRequest(header=header)
        with self.path.open("rb") as file:
            file.seek(offset)
            sent(offset, self.size)
            while chunk := file.read(CHUNK):
                yield pb.UploadMediaRequest(chunk=chunk)
                sent(file.tell(), self.size)  # the next one is asked for: there was room for this one


def _unreadable(file: Path, error: OSError | ValueError) -> Problem:
    if isinstance(error, ValueError):
        return Problem("media_file", "a path cannot hold a NUL character")
    if isinstance(error, FileNotFoundError):
        return Problem("media_file", f"there is no file {file}")
    return Problem("media_file", f"{file} cannot be read: {(error.strerror or 'unknown error').lower()}")
