"""Tells systemd how the daemon is (sd_notify(3)); does nothing where nobody listens."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(**state: str) -> None:
    """For example `notify(READY="1", STATUS="12 tasks under way")`. That nobody hears it is no failure."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        line.sendall("\n".join(f"{name}={value}" for name, value in state.items()).encode())


def reloading() -> None:
    """The configuration is being read; READY=1 follows."""
    notify(RELOADING="1", MONOTONIC_USEC=str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000))
