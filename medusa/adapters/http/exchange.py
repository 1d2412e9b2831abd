"""The door for adapters: picks the way, and says what a broken exchange means."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from medusa.adapters.http.direct import DirectSender
from medusa.adapters.http.failure import transport_failure
from medusa.adapters.http.message import Reply, Request, Timeouts
from medusa.adapters.http.route import is_direct, proxy_to
from medusa.adapters.http.watch import Watch
from medusa.domain.failures import PlatformError
from medusa.domain.ports import Call

if TYPE_CHECKING:
    from medusa.adapters.http.indirect import RequestsSender


class Http:
    """Sends Requests over kept-alive connections that all adapters of a MedusaCore share. Usable from any thread."""

    def __init__(self, timeouts: Timeouts | None = None, is_direct: Callable[[str], bool] = is_direct) -> None:
        """`is_direct` says of a URL whether to send straight to its host; the others go by requests."""
        self._timeouts = timeouts or Timeouts()
        self._is_direct = is_direct
        self._direct = DirectSender(self._timeouts)
        self._by_requests: RequestsSender | None = None
        self._making = threading.Lock()

    def exchange(self, call: Call, request: Request) -> Reply:
        """Send `request` once and read its reply, whatever its status.

        Raises PlatformError when no reply came: `unreached` when no connection could be made, else TRANSIENT, after
        which anything may have happened. Raises Stopped when `call` was cancelled.
        """
        watch = Watch(call)
        try:
            sender = self._direct if self._is_direct(request.url) else self._indirect()
            reply = sender.send(watch, request)
        except (OSError, ValueError, h11.RemoteProtocolError) as error:
            watch.raise_if_cancelled()
            raise PlatformError(transport_failure(error, _way(request.url), watch.began)) from None
        finally:
            watch.end()
        return replace(reply, body=request.masked(reply.body))

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._direct.close()
        if self._by_requests:
            self._by_requests.close()

    def _indirect(self) -> RequestsSender:
        """Made when it is needed: requests is slow to import."""
        from medusa.adapters.http.indirect import RequestsSender

        with self._making:
            self._by_requests = self._by_requests or RequestsSender(self._timeouts)
        return self._by_requests


def _way(url: str) -> str:
    """What it leads to, and through what, for a person."""
    try:
        host = urlsplit(url).hostname or ""
        proxy = proxy_to(url)
    except ValueError:
        return ""
    return f"{host} through the proxy {proxy}" if proxy else host
