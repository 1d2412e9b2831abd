"""Counts failed attempts to get in, so that whoever goes on trying neither fills the log nor learns anything."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

FREE: Final = 10
"""Failures of one peer in a window that are answered and logged."""
WINDOW_S: Final = 60.0
PEERS: Final = 10_000
"""How many peers are remembered; beyond it the one that began first is forgotten."""


class FailedAttempts:
    """By whoever makes them: a peer's network, or a caller's name."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, key: str) -> tuple[int, float]:
        """One failure more: how many it makes in this window, and in how many seconds the window ends."""
        now = self._now()
        began, count = self._windows.get(key, (now, 0))
        if now - began >= WINDOW_S:
            self._windows.pop(key)
            began, count = now, 0
        self._windows[key] = (began, count + 1)
        if len(self._windows) > PEERS:
            self._windows.popitem(last=False)
        return count + 1, began + WINDOW_S - now


def network(peer: str) -> str:
    """What gRPC calls a peer, "ipv6:[2001:db8::1]:40112", without what changes with each connection.

    Of IPv6 that is a network of 64 bits, since one host has all of it.
    """
    kind, _, address = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return kind
    host = address.rpartition(":")[0].strip("[]").partition("%")[0]
    return str(ipaddress.ip_network(f"{host}/{32 if kind == 'ipv4' else 64}", strict=False))
