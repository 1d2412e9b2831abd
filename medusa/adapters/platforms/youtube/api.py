"""One call of the runner, as the steps use it: exchanges with the token on them, and failures read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.youtube import wire
from medusa.adapters.platforms.youtube.auth import AuthorizedUser
from medusa.adapters.platforms.youtube.errors import PROJECT_DAY, Caller, failure_of, not_understood, reason_of
from medusa.adapters.platforms.youtube.ledger import Ledger
from medusa.domain.failures import Failure, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Json, Media, Receipt, StepSpec

Made = Mapping[str, Receipt]
"""The receipts of the target's steps so far, by name."""


@dataclass(frozen=True, slots=True)
class Api:
    """YouTube's API for the time of one call."""

    call: Call
    http: Http
    user: AuthorizedUser
    caller: Caller
    root: str
    """The API's root URL."""
    ledger: Ledger

    def now(self) -> float:
        """Epoch seconds."""
        return self.call.now()

    def send(self, request: Request) -> Reply:
        """The reply, whatever its status.

        Before anything is sent, raises AUTH when the token is not good any more, and QUOTA when it cannot be paid for.
        """
        token = self.user.token(self.caller, self.now())
        self.ledger.book(request, self.now())
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        reply = self.http.exchange(self.call, replace(request, headers=headers))
        if reason_of(reply) in PROJECT_DAY:
            self.ledger.close(request, self.now())
        return reply

    def fetch(self, request: Request) -> Json:
        """The JSON object of a successful reply. Raises PlatformError for any other."""
        return self.understood(self.send(request))

    def items(self, request: Request) -> list[Json]:
        """The items of a list. Raises PlatformError for any other reply."""
        return self.listed(self.send(request))

    def listed(self, reply: Reply) -> list[Json]:
        """The items in a successful reply. Raises PlatformError for any other."""
        found = wire.items(self.understood(reply))
        if found is None:
            raise PlatformError(not_understood(reply, "list"))
        return found

    def understood(self, reply: Reply) -> Json:
        """The JSON object in a successful reply. Raises PlatformError for any other."""
        document = reply.json()
        if not reply.ok or (isinstance(document, dict) and "error" in document):
            raise self.refused(reply)
        if not isinstance(document, dict):
            raise PlatformError(not_understood(reply, "JSON object"))
        return document

    def refused(self, reply: Reply) -> PlatformError:
        """The error that a reply is."""
        return PlatformError(self.failure(reply))

    def failure(self, reply: Reply) -> Failure:
        """The failure that a reply is."""
        return failure_of(reply, self.caller, self.now())


class Stage(Protocol):
    """What one kind of steps does: UploaderPort, with an Api in the place of the call."""

    def open(self, api: Api, spec: StepSpec, made: Made, /) -> Checkpoint:
        """Where it begins."""
        ...

    def advance(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Go on by at most one exchange that changes anything."""
        ...

    def ask(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Where it stands, after an interruption."""
        ...


class Repeatable:
    """Of a stage whose `advance` may simply be done again after an interruption."""

    def ask(self, _api: Api, _spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Go on from where it stood."""
        return at


def media_of(spec: StepSpec) -> Media:
    """The step's file; the rules give one to every step that needs it."""
    assert spec.media is not None, f"the step {spec.name} has no file"
    return spec.media
