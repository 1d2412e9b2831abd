"""The steps that only look: the preflight before everything, and the permalink after a video's post."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from medusa.adapters.platforms.facebook.api import Api, Made
from medusa.adapters.platforms.facebook.errors import OBJECT_MISSING, graph_error, not_understood
from medusa.adapters.platforms.facebook.rules import Form, schedule_problem
from medusa.adapters.platforms.facebook.wire import text_of
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Receipt, StepSpec

CHECK_THE_PAGE: Final = "Check page_id, and that access_token is the token of this Page."
POLLS_S: Final = (2.0, 4.0, 8.0, 10.0)
"""Pauses between looks at a video; the last one goes on."""


class Preflight:
    """One read: the token is valid and sees the Page; and a scheduled time still lies ahead."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, _call: Call, _spec: StepSpec, _made: Made) -> Checkpoint:
        return Checkpoint()

    def advance(self, call: Call, spec: StepSpec, _at: Checkpoint) -> Receipt:
        at = spec.fields.get("scheduled_publish_time")
        if at is not None and (says := schedule_problem(at, call.now(), Form(spec.fields["form"]))):
            raise PlatformError(Failure(FailureKind.REJECTED, f"scheduled_publish_time {says}", no_effect=True))
        reply = self._api.reply(call, self._api.graph.read(self._api.graph.page, fields="id,name"))
        error = graph_error(reply)
        if error and error.numbers_are(OBJECT_MISSING):
            raise PlatformError(replace(self._api.failure(call, reply), todo=CHECK_THE_PAGE))
        document = self._api.read(call, reply)
        found = text_of(document, "id")
        if not found:
            raise PlatformError(not_understood(reply, again=True))
        self._check(found)
        return Receipt(found, extra={"name": text_of(document, "name")})

    def ask(self, _call: Call, _spec: StepSpec, at: Checkpoint) -> Checkpoint:
        return at

    def abandon(self, _call: Call, _at: Checkpoint) -> None:
        return

    def _check(self, found: str) -> None:
        """A Page's short name is answered by its id, which is what posts and lists are told apart by."""
        if found != self._api.page:
            said = f"page_id is {self._api.page!r}, but Facebook calls this Page {found!r}"
            raise PlatformError(Failure(FailureKind.REJECTED, said, no_effect=True, todo=CHECK_THE_PAGE))


class Permalink:
    """Best effort: looks until the video is published, or only until its URL is known, and never too long."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, call: Call, spec: StepSpec, made: Made) -> Checkpoint:
        cursor = {"video": made["video"].id, "until": call.now() + spec.fields["at_most_s"], "looks": 0}
        return Checkpoint(cursor, wait_s=POLLS_S[0])

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        status = self._api.video(call, at.cursor["video"])
        if status and status.failed:
            raise PlatformError(Failure(FailureKind.REJECTED, status.failed))
        waits = spec.fields["until_published"]
        if status and (status.published or (status.permalink and not waits)):
            return status.receipt(at.cursor["video"], self._api.page)
        if call.now() >= at.cursor["until"]:
            warnings = ("Facebook has not published the video yet: it was still being processed",) if waits else ()
            return Receipt(at.cursor["video"], warnings=warnings)
        looks = at.cursor["looks"] + 1
        wait_s = POLLS_S[min(looks, len(POLLS_S) - 1)]
        return replace(at, cursor={**at.cursor, "looks": looks}, wait_s=wait_s, note="Facebook processes the video")

    def ask(self, _call: Call, _spec: StepSpec, at: Checkpoint) -> Checkpoint:
        return at

    def abandon(self, _call: Call, _at: Checkpoint) -> None:
        return
