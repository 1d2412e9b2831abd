"""One exchange with the Graph API: sent, its usage headers noted, and what is no success raised as a Failure."""

from __future__ import annotations

from collections.abc import Mapping

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.facebook import usage
from medusa.adapters.platforms.facebook.account import FacebookAccount, Scopes
from medusa.adapters.platforms.facebook.errors import OBJECT_MISSING, failure, graph_error, not_understood
from medusa.adapters.platforms.facebook.wire import Graph
from medusa.adapters.platforms.facebook.wire_videos import STATUS_FIELDS, VideoStatus, video_status
from medusa.domain.failures import Failure, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Json, Receipt

Made = Mapping[str, Receipt]
"""Receipts of the target's steps by name."""


class Api:
    """One Page's access. Every method raises PlatformError."""

    def __init__(self, account: FacebookAccount, http: Http) -> None:
        self.graph = Graph(account)
        self.page = account.page_id
        self._scopes = Scopes.of(account)
        self._http = http

    def reply(self, call: Call, request: Request) -> Reply:
        """Whatever came back."""
        reply = self._http.exchange(call, request)
        for left in usage.left(reply.headers, self._scopes, call.now()):
            call.budget(left.scope, left.share, left.regained_at)
        return reply

    def document(self, call: Call, request: Request, *, again: bool = True) -> Json:
        """A success's JSON object. `again`: the request may be repeated when its reply is not understood."""
        return self.read(call, self.reply(call, request), again=again)

    def read(self, call: Call, reply: Reply, *, again: bool = True) -> Json:
        """The same of a reply that is there."""
        if not reply.ok or graph_error(reply):
            raise PlatformError(self.failure(call, reply))
        document = reply.json()
        if not isinstance(document, Mapping):
            raise PlatformError(not_understood(reply, again=again))
        return document

    def video(self, call: Call, video: str) -> VideoStatus | None:
        """Where a video stands; None while Facebook does not know it, which it may say of a new or live one."""
        reply = self.reply(call, self.graph.read(video, fields=STATUS_FIELDS))
        error = graph_error(reply)
        if error and error.numbers_are(OBJECT_MISSING):
            return None
        status = video_status(self.read(call, reply))
        if status is None:
            raise PlatformError(not_understood(reply, again=True))
        return status

    def failure(self, call: Call, reply: Reply) -> Failure:
        """What an error reply means."""
        return failure(reply, self._scopes, call.now())
