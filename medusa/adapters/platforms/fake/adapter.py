"""The fake platform's ports. What a real platform's adapter looks like, with nothing of HTTP's small print."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.fake import wire
from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import AccountsPort, Call
from medusa.domain.task import PREFLIGHT_STEP
from medusa.domain.values import Checkpoint, Intent, Json, LookAgain, Receipt, Span, StepSpec, Verdict

KEY_LIVES_S = 3600.0
"""Seconds for which the platform knows an idempotency key again."""
POLL_S = 2.0
SEND_WITHIN_S = 60.0

Where = Checkpoint | Receipt


class FakeUploader:
    """Preflight, video, thumbnail and the wait until a video is ready."""

    def __init__(self, account: FakeAccount, http: Http, accounts: AccountsPort) -> None:
        self._account = account
        self._http = http
        self._accounts = accounts
        self._token = account.token
        if account.credentials_file:
            self._token = json.loads(account.credentials_file.read_text())["token"]
        self._advance: Mapping[str, Callable[[Call, StepSpec, Checkpoint], Where]] = {
            PREFLIGHT_STEP: self._preflight,
            "video": self._video,
            "thumbnail": self._thumbnail,
            "ready": self._ready,
        }

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        if spec.name == "thumbnail":
            return _whole(spec, {"video": made["video"].id})
        if spec.name == "ready":
            return Checkpoint({"video": made["video"].id, "until": call.now() + spec.fields["at_most_s"]})
        return Checkpoint()

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        return self._advance[spec.name](call, spec, at)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        if spec.name != "video" or "session" not in at.cursor:
            return replace(at, done=0)
        reply = self._send(call, wire.status(at.cursor["session"]))
        if reply.status == 404:
            return self._lost(call, spec, at)
        return self._stands(call, spec, at.cursor["session"], reply)

    def abandon(self, call: Call, at: Checkpoint) -> None:
        if "session" in at.cursor:
            self._send(call, wire.drop(at.cursor["session"]))

    def renew(self, call: Call) -> None:
        if self._account.credentials_file is None:
            raise PlatformError(Failure(FailureKind.AUTH, "this token cannot be renewed", todo="Log in again."))

        def refresh(stale: Json) -> Json:
            reply = self._http.exchange(call, wire.renewal(stale["token"]))
            found = wire.document(self._accepted(call, reply))
            return {**stale, "token": wire.text(found, "token", reply)}

        file = str(self._account.credentials_file)
        self._token = self._accounts.renew(file, {"token": self._token}, refresh)["token"]

    # ------------------------------------------------------------ steps

    def _preflight(self, call: Call, _spec: StepSpec, _at: Checkpoint) -> Receipt:
        reply = self._accepted(call, self._send(call, wire.account()))
        return Receipt(wire.text(wire.document(reply), "id", reply))

    def _video(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        assert spec.media is not None
        if "session" not in at.cursor:
            reply = self._accepted(call, self._send(call, wire.create(spec.key, spec.fields, spec.media.size)))
            return self._at(spec, wire.text(wire.document(reply), "session", reply), 0)
        assert at.want is not None
        sent = wire.send(at.cursor["session"], at.want, spec.media.size, call.body(at.want))
        reply = self._send(call, sent)
        if reply.status == 404:
            raise PlatformError(_session_lost())
        return self._stands(call, spec, at.cursor["session"], reply)

    def _stands(self, call: Call, spec: StepSpec, session: str, reply: Reply) -> Where:
        stand = wire.session(reply if reply.status == 308 else self._accepted(call, reply))
        return stand.video or self._at(spec, session, stand.offset)

    def _at(self, spec: StepSpec, session: str, offset: int) -> Checkpoint:
        assert spec.media is not None
        want = Span(offset, min(offset + self._account.window, spec.media.size))
        return Checkpoint({"session": session}, want, done=offset, commits=want.stop == spec.media.size)

    def _lost(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        """The session is gone. If its last bytes were on their way, the video may be there all the same."""
        if at.commits:
            reply = self._send(call, wire.video_with(spec.key))
            if reply.status != 404:
                return wire.thing(self._accepted(call, reply))
        raise PlatformError(_session_lost())

    def _thumbnail(self, call: Call, _spec: StepSpec, at: Checkpoint) -> Receipt:
        assert at.want is not None
        reply = self._send(call, wire.thumbnail(at.cursor["video"], call.body(at.want)))
        self._accepted(call, reply)
        return Receipt(at.cursor["video"])

    def _ready(self, call: Call, _spec: StepSpec, at: Checkpoint) -> Where:
        reply = self._accepted(call, self._send(call, wire.video(at.cursor["video"])))
        found = wire.document(reply)
        match wire.text(found, "state", reply):
            case "ready":
                return Receipt(at.cursor["video"])
            case "failed":
                raise PlatformError(Failure(FailureKind.REJECTED, wire.text(found, "reason", reply)))
        if call.now() >= at.cursor["until"]:
            return Receipt(at.cursor["video"], warnings=("the video was still being processed",))
        return replace(at, wait_s=POLL_S, note=f"processing {found.get('percent', 0)} %")

    # ------------------------------------------------------------ sending

    def _send(self, call: Call, request: Request) -> Reply:
        return self._http.exchange(call, wire.signed(request, self._token))

    def _accepted(self, call: Call, reply: Reply) -> Reply:
        if not reply.ok:
            raise PlatformError(wire.refusal(reply, call.now(), f"fake:{self._account.name}"))
        return reply


class FakePublisher(FakeUploader):
    """All that the uploader does, and posts and comments."""

    def intend(self, spec: StepSpec, made: Mapping[str, Receipt], now: float) -> Intent:
        fields: dict[str, Any] = {**spec.fields, "kind": spec.name}
        for name in ("video", "post"):
            if name in made:
                fields[name] = made[name].id
        handle = spec.key if self._account.finds == "key" else None
        return Intent(spec.key, fields, wire.fingerprint(fields), handle, now, now + SEND_WITHIN_S)

    def publish(self, call: Call, intent: Intent) -> Receipt | LookAgain:
        reply = self._accepted(call, self._send(call, wire.post(intent)))
        if reply.status == 202:
            return LookAgain(POLL_S, "accepted, not shown yet")
        return wire.thing(reply)

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        if self._account.finds == "nothing":
            return Verdict.UNKNOWN
        if self._account.finds == "key":
            known = call.now() < intent.sent_at + KEY_LIVES_S
            return Verdict.REPEATABLE if known else Verdict.UNKNOWN
        reply = self._accepted(call, self._send(call, wire.posts_since(intent.sent_at)))
        if receipt := wire.among(reply, intent.fingerprint):
            return receipt
        left = intent.send_by + self._account.read_lag_s - call.now()
        return LookAgain(max(left, POLL_S)) if left > 0 or looks == 0 else Verdict.ABSENT


def _whole(spec: StepSpec, cursor: Json) -> Checkpoint:
    assert spec.media is not None
    return Checkpoint(cursor, Span(0, spec.media.size))


def _session_lost() -> Failure:
    return Failure(FailureKind.SESSION_LOST, "the upload's session is gone", "HTTP 404")
