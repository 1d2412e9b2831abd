"""The exam is able to fail: each of these adapters breaks one promise, and the test that is about it says so."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Http
from medusa.adapters.platforms.fake import wire
from medusa.adapters.platforms.fake.adapter import FakePublisher, Where
from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.domain.failures import Failure, FailureKind, PlatformError, Stopped
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Intent, LookAgain, Receipt, StepSpec, Verdict
from tests.contract.exam import BAD_REPLIES, PublisherContract, Trial, UploaderContract, after, before, within
from tests.contract.rig import Accident, Rig
from tests.contract.test_fake import WINDOW, rig_of

UPLOADS, PUBLISHES = UploaderContract(), PublisherContract()


class Forgets(FakePublisher):
    """Never finds what was lost."""

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        return Verdict.ABSENT


class Imagines(FakePublisher):
    """Finds what was never sent."""

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        return Receipt("post-0")


class Dithers(FakePublisher):
    """Never makes up its mind."""

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        return LookAgain(1.0)


class Sends(FakePublisher):
    """Sends where it should look."""

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        return self.publish(call, intent)


class Denies(FakePublisher):
    """Says of every failure that it had no effect."""

    def publish(self, call: Call, intent: Intent) -> Receipt | LookAgain:
        try:
            return super().publish(call, intent)
        except PlatformError as error:
            raise PlatformError(replace(error.failure, no_effect=True)) from None


class Stale(FakePublisher):
    """Publishes on whatever connection there is."""

    def publish(self, call: Call, intent: Intent) -> Receipt | LookAgain:
        return wire.thing(self._accepted(call, self._send(call, replace(wire.post(intent), fresh=False))))


class Random(FakePublisher):
    """Makes another intent each time."""

    def intend(self, spec: StepSpec, made: Mapping[str, Receipt], now: float) -> Intent:
        return replace(super().intend(spec, made, now), fingerprint=secrets.token_hex())


class Restarts(FakePublisher):
    """Begins anew instead of asking, also when the video may be there."""

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        return Checkpoint()


class Assumes(FakePublisher):
    """Takes it that whatever was sent has arrived."""

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        return Receipt("video-1", "https://fake.invalid/watch/video-1") if at.want else at


class Hurries(FakePublisher):
    """Opens the session and sends the first bytes in one call."""

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        got = super().advance(call, spec, at)
        if spec.name == "video" and not at.cursor and isinstance(got, Checkpoint):
            call.want = got.want  # type: ignore[attr-defined]  # breaks in
            return super().advance(call, spec, got)
        return got


class Eager(FakePublisher):
    """Makes an exchange when it opens."""

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        self._send(call, wire.account())
        return super().open(call, spec, made)


class Tuples(FakePublisher):
    """Has a cursor that is no JSON."""

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        at = super().open(call, spec, made)
        return replace(at, cursor={**at.cursor, "parts": (1, 2)})


class Swallows(FakePublisher):
    """Takes a stop for a failure."""

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Where:
        try:
            return super().advance(call, spec, at)
        except Stopped:
            raise PlatformError(Failure(FailureKind.TRANSIENT, "stopped")) from None


class Crashes(FakePublisher):
    """Trusts replies."""

    def _preflight(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        found: Any = self._accepted(call, self._send(call, wire.account())).json()
        return Receipt(found["id"])


class Babbles(FakePublisher):
    """Tells its session's URL."""

    def _stands(self, call: Call, spec: StepSpec, session: str, reply: Any) -> Where:
        if reply.status >= 500:
            raise PlatformError(Failure(FailureKind.TRANSIENT, f"{session} failed"))
        return super()._stands(call, spec, session, reply)


class Vague(FakePublisher):
    """Does not say whom a limit holds back."""

    def _accepted(self, call: Call, reply: Any) -> Any:
        if reply.status == 429:
            raise PlatformError(Failure(FailureKind.RATE_LIMITED, "slow down", not_before=call.now() + 1))
        return super()._accepted(call, reply)


def _deaths(how: Callable[..., Accident]) -> Callable[[Trial], None]:
    return lambda trial: PUBLISHES.test_a_death_loses_nothing_and_doubles_nothing(trial, how)


def _stops(trial: Trial) -> None:
    UPLOADS.test_what_stops_a_call_passes_through(trial, within, Stopped)


def _bad_replies(trial: Trial) -> None:
    for bad in BAD_REPLIES:
        UPLOADS.test_a_bad_reply_ends_in_a_sound_failure_and_doubles_nothing(trial, bad)


CASES: list[tuple[type[FakePublisher], Callable[[Trial], None], str]] = [
    (Forgets, _deaths(after), "too much"),
    (Forgets, PUBLISHES.test_what_is_there_is_never_called_absent, "says ABSENT"),
    (Forgets, PUBLISHES.test_a_lost_connection_is_got_over, "too much"),
    (Imagines, _deaths(before), "missing"),
    (Imagines, PUBLISHES.test_what_was_never_sent_is_never_found, "never sent"),
    (Dithers, PUBLISHES.test_what_is_there_is_never_called_absent, "never settles"),
    (Dithers, _deaths(after), "never ends"),
    (Sends, PUBLISHES.test_what_is_there_is_never_called_absent, "changed what exists"),
    (Denies, _bad_replies, "too much"),
    (Stale, PUBLISHES.test_what_is_published_goes_out_on_a_fresh_connection, "not on a fresh connection"),
    (Random, PUBLISHES.test_an_intent_is_settled_by_what_was_asked, "another intent"),
    (Restarts, _deaths(after), "too much"),
    (Assumes, _deaths(within), "missing"),
    (Assumes, UPLOADS.test_asking_at_every_point_changes_nothing, "missing"),
    (Hurries, UPLOADS.test_no_call_changes_more_than_it_may, "changes too much"),
    (Eager, UPLOADS.test_no_call_changes_more_than_it_may, "makes an exchange"),
    (Swallows, _stops, "DID NOT RAISE"),
    (Babbles, _bad_replies, "a secret is shown"),
    (Vague, _bad_replies, "whom does the limit hold back"),
]


@pytest.mark.parametrize(("adapter", "test", "says"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_a_broken_promise_is_found(
    tmp_path: Path, adapter: type[FakePublisher], test: Callable[[Trial], None], says: str
) -> None:
    trial = Trial(_rig(tmp_path, adapter))
    with pytest.raises((AssertionError, pytest.fail.Exception), match=says):
        test(trial)


def test_a_crash_is_found(tmp_path: Path) -> None:
    trial = Trial(_rig(tmp_path, Crashes))
    with pytest.raises((KeyError, TypeError)):
        _bad_replies(trial)


def test_a_cursor_that_is_no_json_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="does not survive JSON"):
        Trial(_rig(tmp_path, Tuples))


def test_a_visible_step_that_cannot_be_asked_about_must_be_declared(tmp_path: Path) -> None:
    rig = replace(rig_of(tmp_path, {"message": "hello"}, media=False, finds="nothing"), may_be_unknown=frozenset())
    with pytest.raises(AssertionError, match="must be found again"):
        _deaths(after)(Trial(rig))


def _rig(directory: Path, adapter: type[FakePublisher]) -> Rig:
    settings = FakeAccount(window=WINDOW)

    def made(http: Http) -> FakePublisher:
        return adapter(settings, http, FileAccounts())

    return replace(rig_of(directory, {"title": "Tech Talk", "message": "It is out"}), adapter=made)
