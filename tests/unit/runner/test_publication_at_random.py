"""Whatever goes wrong with a send and with the looks after it: a post is never visible twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.task import Task
from medusa.domain.values import Checkpoint, Intent, LookAgain, Receipt, StepSpec, Verdict
from tests.unit.runner.bench import Bench, step

KEY_LIVES_S = 600.0
KINDS = [kind for kind in FailureKind if kind is not FailureKind.OUTCOME_UNKNOWN]


@dataclass(frozen=True)
class Send:
    """How one send fares: whether it took effect, and what was heard of it (None: the receipt)."""

    effect: bool
    failure: Failure | None

    @property
    def honest(self) -> bool:
        """What says that it had no effect had none, and a receipt is proof of one."""
        return self.effect is (self.failure is None) or not (self.failure is None or self.failure.no_effect)


@dataclass(frozen=True)
class Found:
    """How one look fares: an answer or a failure, after that many seconds."""

    failure: Failure | None
    lag: bool
    """The platform's list is behind: it says LookAgain."""


FAILURES = st.builds(
    Failure,
    kind=st.sampled_from(KINDS),
    said=st.just("an error"),
    no_effect=st.booleans(),
    not_before=st.none() | st.floats(0.0, 3 * KEY_LIVES_S),
    scope=st.sampled_from(["", "fake:studio"]),
)
UNREACHED = st.just(Failure(FailureKind.TRANSIENT, "no route", no_effect=True, unreached=True))
SENDS = st.builds(Send, st.booleans(), st.none() | FAILURES | UNREACHED).filter(lambda send: send.honest)
FINDS = st.builds(Found, st.none() | FAILURES | UNREACHED, st.booleans())


@dataclass
class Platform:
    """A platform with one post to take. It never lies; what it can tell depends on `tells`."""

    tells: str
    sends: Iterator[Send]
    finds: Iterator[Found]
    begin: float
    posts: list[Intent] = field(default_factory=list)
    sent: int = 0
    intents: int = 0

    def open(self, call: Call, spec: StepSpec, made: Any) -> Checkpoint:
        return Checkpoint()

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        return Receipt("account")

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:
        return at

    def intend(self, spec: StepSpec, made: Any, now: float) -> Intent:
        self.intents += 1
        return Intent(spec.key, spec.fields, "f", f"key-{self.intents}", now, now + 30.0)

    def renew(self, call: Call) -> None:
        """The credentials are fresh."""

    def publish(self, call: Call, intent: Intent) -> Receipt:
        assert call.now() <= intent.send_by
        self.sent += 1
        if self.tells == "repetition" and self.posts:
            raise PlatformError(Failure(FailureKind.REJECTED, "the same post again", "506"))
        send = next(self.sends, Send(True, None))
        if send.effect and not (self.tells == "key" and self._known(intent, call.now())):
            self.posts.append(replace(intent, sent_at=call.now()))
        if send.failure:
            raise self._raised(send.failure)
        return Receipt("post")

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        found = next(self.finds, Found(None, lag=False))
        if found.failure:
            raise self._raised(found.failure)
        if self.tells == "nothing":
            return Verdict.UNKNOWN
        if self.tells == "repetition":
            return Verdict.NOT_SHOWN
        if self.tells == "key":
            return Verdict.REPEATABLE if call.now() < intent.sent_at + KEY_LIVES_S else Verdict.UNKNOWN
        if found.lag:
            return LookAgain(3.0)
        return Receipt("post") if self.posts else Verdict.ABSENT

    def _known(self, intent: Intent, now: float) -> bool:
        return any(one.handle == intent.handle and now < one.sent_at + KEY_LIVES_S for one in self.posts)

    def _raised(self, failure: Failure) -> Exception:
        if failure.kind is FailureKind.BUG and not failure.no_effect:
            return KeyError("what an adapter did not expect")
        if failure.not_before is not None:
            failure = replace(failure, not_before=self.begin + failure.not_before)
        return PlatformError(failure)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), account=FakeAccount())
    yield made
    made.close()


async def _published(bench: Bench, killed_after: float | None) -> Task:
    """The task carried to its end; if asked for, its process dies once on the way, at some wait or other."""
    task = bench.task({"message": "It is out"}, media=False)
    if killed_after is not None:
        others = asyncio.all_tasks()
        await asyncio.wait({asyncio.ensure_future(bench.carry(task))}, timeout=killed_after)
        while bench.loop.busy:  # noqa: ASYNC110 - no event tells; a call in a thread is not cut in the middle
            await asyncio.sleep(0)
        for one in asyncio.all_tasks() - others:
            one.cancel()
    return await bench.carry(task)


@settings(max_examples=150, deadline=None)
@given(
    tells=st.sampled_from(["list", "key", "nothing", "repetition"]),
    sends=st.lists(SENDS, max_size=5),
    finds=st.lists(FINDS, max_size=8),
    killed_after=st.none() | st.floats(0.0, 60.0),
)
def test_never_twice(
    bench: Bench, tells: str, sends: list[Send], finds: list[Found], killed_after: float | None
) -> None:
    platform = Platform(tells, iter(sends), iter(finds), bench.now())
    bench.targets.adapters["fake"] = platform
    bench.accounts._until.clear()
    task = bench.run(_published(bench, killed_after))
    last = step(task, "post")
    assert last.ended
    assert len(platform.posts) <= 1
    if last.succeeded:
        assert len(platform.posts) == 1
    elif last.failure and last.failure.kind is not FailureKind.OUTCOME_UNKNOWN:
        assert platform.posts == [], "it is out, and the user is told that it failed"


def test_every_kind_of_failure_is_tried(tmp_path: Path) -> None:
    assert set(KINDS) | {FailureKind.OUTCOME_UNKNOWN} == set(FailureKind)
