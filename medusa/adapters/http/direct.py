"""The sender for hosts that are reached directly: whole blocks of TLS records to the socket, connections kept."""

from __future__ import annotations

from urllib.parse import urlsplit

from medusa.adapters.http.conversation import Conversation, head
from medusa.adapters.http.line import Line, Lines, Origin, connect
from medusa.adapters.http.message import Reply, Request, Timeouts
from medusa.adapters.http.trust import certificates
from medusa.adapters.http.watch import Watch


class DirectSender:
    """Usable from any thread."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._lines = Lines()

    def send(self, watch: Watch, request: Request) -> Reply:
        """The reply to `request`, sent once. Raises OSError, ValueError, h11.RemoteProtocolError, or Stopped."""
        opening = head(request)
        origin = _origin(request.url)
        line = self._line(origin, request, watch)
        keep = False
        try:
            watch.begin(line.sock)
            conversation = Conversation(line, watch, self._timeouts)
            reply = conversation.hold(request, opening)
            keep = conversation.complete and not request.fresh
        finally:
            watch.end()
            if not keep:
                line.close()
        if keep:
            self._lines.give(origin, line)
        return reply

    def close(self) -> None:
        """Close the kept connections."""
        self._lines.close()

    def _line(self, origin: Origin, request: Request, watch: Watch) -> Line:
        kept = None if request.fresh else self._lines.take(origin)
        return kept or connect(origin, self._timeouts, watch)


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return Origin(parts.hostname or "", parts.port or (443 if secure else 80), certificates() if secure else None)
