"""What of a configuration counts from the next start on, whatever SIGHUP reads anew."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from medusa.config import DaemonSettings

_AT_START: Final = ("listen", "metrics", "traces", "bounds.message_bytes", "bounds.metadata_bytes")
"""gRPC and those who look on are set up once."""


def awaiting_restart(started: DaemonSettings, read: DaemonSettings, *, listens_elsewhere: bool) -> tuple[str, ...]:
    """The keys that say something else than when the daemon started, as the configuration has them.

    `listens_elsewhere`: an option says where to listen, so that `listen` does not count at all.
    """
    return tuple(
        f"medusa.daemon.{name}"
        for name in _AT_START
        if attrgetter(name)(started) != attrgetter(name)(read) and not (name == "listen" and listens_elsewhere)
    )
