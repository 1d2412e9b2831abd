"""Calls of Vimeo's API: sends, watches the rate, and tells success from refusal. Shared by the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.vimeo import wire
from medusa.adapters.platforms.vimeo.account import VimeoAccount, scope
from medusa.adapters.platforms.vimeo.errors import LOCKOUT_S, failure, resets_at, unreadable
from medusa.domain.failures import PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Json


class Api:
    """The API as one account sees it. Every method raises PlatformError unless Vimeo said that it is done."""

    def __init__(self, account: VimeoAccount, http: Http) -> None:
        self.wire = wire.Wire(account.endpoints.api, account.access_token)
        self._scope = scope(account)
        self._http = http

    def exchange(self, call: Call, request: Request) -> Reply:
        """The reply, whatever its status. Raises only when there was none."""
        reply = self._http.exchange(call, request)
        left = wire.budget(reply)
        if left is not None:
            call.budget(self._scope, left, resets_at(reply.headers, call.now()) or call.now() + LOCKOUT_S)
        return reply

    def do(self, call: Call, request: Request) -> Reply:
        """The reply to what succeeded."""
        reply = self.exchange(call, request)
        if not reply.ok or _holds_error(reply.json()):
            raise self.refused(call, reply)
        return reply

    def read(self, call: Call, request: Request) -> Json:
        """The JSON object that answers it."""
        reply = self.do(call, request)
        document = reply.json()
        if not isinstance(document, Mapping):
            raise PlatformError(unreadable(reply, "what was asked"))
        return document

    def video(self, call: Call, request: Request) -> wire.Video:
        """The video that answers it."""
        reply = self.do(call, request)
        found = wire.video(reply.json())
        if found is None:
            raise PlatformError(unreadable(reply, "which video it is about"))
        return found

    def videos(self, call: Call, request: Request) -> list[wire.Video]:
        """The listing that answers it."""
        reply = self.do(call, request)
        found = wire.videos(reply.json())
        if found is None:
            raise PlatformError(unreadable(reply, "which videos there are"))
        return found

    def attached(self, call: Call, request: Request, *, takes_bytes: bool) -> wire.Attached:
        """The new picture or text track that answers it; with `takes_bytes` it has a link for them."""
        reply = self.do(call, request)
        found = wire.attached(reply.json())
        if found is None or (takes_bytes and not found.link):
            raise PlatformError(unreadable(reply, "what was made"))
        return found

    def refused(self, call: Call, reply: Reply) -> PlatformError:
        """The error that a reply stands for."""
        return PlatformError(failure(reply, call.now(), self._scope))


def _holds_error(document: Any) -> bool:
    """An error in a reply with a status of success."""
    return isinstance(document, Mapping) and bool(document.get("error")) and "uri" not in document
