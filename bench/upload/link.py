"""A line with delay and a rate (link.c), between a near side, where clients run, and a far one, where the sink does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.upload.sink import compiled

FAR = "10.77.0.2"
_NEAR = "10.77.0.1"
_QUEUE_S = 0.1
"""How long a byte waits in the line's full queue."""


@dataclass(frozen=True)
class Link:
    """The commands that run another one on either side."""

    near: tuple[str, ...]
    far: tuple[str, ...]


def what_is_missing() -> str:
    """Why there can be no such line here; "" if there can."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [name for name in ("ip", "nsenter") if not shutil.which(name)]
    return f"needs {', '.join(absent)}" if absent else "" if Path("/dev/net/tun").exists() else "needs /dev/net/tun"


@contextmanager
def link(folder: Path, *, round_trip_ms: float, mbit: float) -> Iterator[Link]:
    """It lasts until the block ends."""
    queue_kb = mbit * 1e6 / 8 * _QUEUE_S / 1024
    program = compiled("link", folder)
    command = [str(program), str(round_trip_ms / 2), str(mbit), str(queue_kb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        _, near, _, far = process.stdout.readline().split()
        try:
            sides = [("nsenter", "-t", pid, "-n") for pid in (near, far)]
            for side, address in zip(sides, (_NEAR, FAR), strict=True):
                for words in (f"addr add {address}/24 dev line0", "link set line0 up", "link set lo up"):
                    subprocess.run([*side, "ip", *words.split()], check=True)
            yield Link(*sides)
        finally:
            process.kill()
