"""A file of locks, one a byte. The kernel frees them when their process ends, however it ends.

So a holder's life needs no heartbeat and no guess from a process number, which may be another's by now, or mean nothing
in another container or after a reboot.
"""

from __future__ import annotations

import fcntl
import os
import struct
import weakref
from pathlib import Path


class LockFile:
    """Locks of the open file description (fcntl(2)): apart also between two of them in one process. Linux only."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._close.atexit = False  # tasks may still run at the interpreter's exit
        _open_files.add(self)

    def lock(self, byte: int) -> None:
        """Hold the lock; waits while another has it."""
        self._control(fcntl.F_OFD_SETLKW, fcntl.F_WRLCK, byte)

    def unlock(self, byte: int) -> None:
        self._control(fcntl.F_OFD_SETLK, fcntl.F_UNLCK, byte)

    def locked(self, byte: int) -> bool:
        """Whether another holds it: one's own locks do not count."""
        kind, *_ = struct.unpack(_FLOCK, self._control(fcntl.F_OFD_GETLK, fcntl.F_WRLCK, byte))
        return bool(kind != fcntl.F_UNLCK)

    def close(self) -> None:
        """Free all locks."""
        self._close()

    def _control(self, command: int, kind: int, byte: int) -> bytes:
        return fcntl.fcntl(self._descriptor, command, struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0))


_FLOCK = "hhqqi0q"
"""struct flock of a 64-bit Linux: type, whence, start, length, process."""
_open_files: weakref.WeakSet[LockFile] = weakref.WeakSet()


def _leave_to_parent() -> None:
    """A forked child must not keep its parent's locks alive."""
    for file in tuple(_open_files):
        file.close()


os.register_at_fork(after_in_child=_leave_to_parent)
