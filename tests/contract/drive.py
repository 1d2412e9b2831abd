"""Carries one target's plan through its adapter as the runner does: in one thread, saving to a disk in memory, and
moving a clock where the runner would wait.

A `Life` is one life of the process. It ends with the plan, or by an exception that an accident on the wire lets fly;
the next Life begins with nothing but what was saved, as JSON text, and a fresh adapter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from medusa.adapters.repositories.codec import step_from_json, step_to_json
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.task import PREFLIGHT_STEP, Step
from medusa.domain.values import Checkpoint, Intent, LookAgain, Receipt, Verdict
from tests.contract.rig import Accident, FakeCall, Rig, Wire

PATIENCE = 12
"""Failures of one step after which a Life gives up."""
CALLS = 400
"""Calls for one step after which it is taken to go round in circles."""
PASSES = frozenset({FailureKind.TRANSIENT, FailureKind.RATE_LIMITED})


class Died(BaseException):
    """The process dies here."""


class Over(Exception):
    """The step has failed for good."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.kind}: {failure.said} ({failure.code})")


class Disk:
    """What survives a life: each step as JSON text."""

    def __init__(self) -> None:
        self._rows: dict[str, str] = {}

    def save(self, step: Step) -> Step:
        """The step as it comes back from its JSON text."""
        cursor = step.checkpoint.cursor if step.checkpoint else {}
        assert json.loads(json.dumps(cursor)) == cursor, f"the cursor of {step.name} does not survive JSON"
        self._rows[step.name] = step_to_json(step)
        return self.load(step.name)

    def load(self, name: str) -> Step:
        return step_from_json(self._rows[name])

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def steps(self) -> dict[str, Step]:
        """All saved steps by name."""
        return {name: self.load(name) for name in self._rows}


@dataclass(frozen=True)
class Noted:
    """A failure that an adapter raised, whether it was got over or not."""

    call: FakeCall
    failure: Failure

    def __str__(self) -> str:
        return f"{self.call.doing} of {self.call.step}: {self.failure}"


class Life:
    """One life of the process, from what is on disk to the end of the plan."""

    def __init__(
        self, rig: Rig, disk: Disk, accidents: Mapping[int, Accident] | None = None, asks_always: bool = False
    ) -> None:
        self.rig, self.disk, self.asks_always = rig, disk, asks_always
        self.plan = rig.plan()
        self.wire = Wire(rig, accidents)
        self.adapter = rig.adapter(self.wire)
        self.calls: list[FakeCall] = []
        self.noted: list[Noted] = []

    def run(self) -> dict[str, Step]:
        """Go on with every step that has not ended, until a required one fails."""
        for spec in self.plan:
            step = self.disk.load(spec.name) if spec.name in self.disk else Step(spec, "target")
            if not step.ended:
                step = self._skip(step) if self._cut_off(step) else self._carry(step)
            if spec.required and not step.succeeded:
                break
        return self.disk.steps()

    def made(self) -> dict[str, Receipt]:
        """The receipts so far, by step."""
        return {name: step.receipt for name, step in self.disk.steps().items() if step.receipt}

    def call(self, step: Step, doing: str, at: Checkpoint | None = None) -> FakeCall:
        """A call to lend for one method of a port; only an `advance` may read the media."""
        media = Path(step.spec.media.uri) if step.spec.media else None
        self.calls.append(FakeCall(self.rig.clock.now, media, at.want if at else None, step.name, doing))
        assert len([call for call in self.calls if call.step == step.name]) < CALLS, f"{step.name} never ends"
        return self.calls[-1]

    def ask(self, step: Step, at: Checkpoint) -> Checkpoint | Receipt:
        asked: Checkpoint | Receipt = self.adapter.ask(self.call(step, "ask"), step.spec, at)
        return asked

    def find(self, step: Step, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        found: Receipt | LookAgain | Verdict = self.adapter.find(self.call(step, "find"), intent, looks)
        return found

    def failed(self, error: PlatformError) -> Failure:
        """What the last call raised."""
        self.noted.append(Noted(self.calls[-1], error.failure))
        return error.failure

    def renew(self, step: Step) -> None:
        """Fresh credentials. Raises Over."""
        try:
            self.adapter.renew(self.call(step, "renew"))
        except PlatformError as error:
            raise Over(self.failed(error)) from None

    def wait_out(self, failure: Failure) -> None:
        """Until another try makes sense."""
        self.rig.clock.move(max(1.0, (failure.not_before or 0.0) - self.rig.clock.now()))

    def _cut_off(self, step: Step) -> bool:
        before = self.disk.steps()
        return any(name in before and not before[name].succeeded for name in step.spec.after)

    def _skip(self, step: Step) -> Step:
        return self.disk.save(pipeline.skipped(step, self.rig.clock.now()))

    def _carry(self, step: Step) -> Step:
        step = self.disk.save(pipeline.started(step, self.rig.clock.now()))
        try:
            if step.name == PREFLIGHT_STEP and (problem := self.rig.rules.check(self.plan)):
                raise Over(Failure(FailureKind.REJECTED, problem.says))
            receipt = (_Visible if step.spec.visible else _Invisible)(self, step).run()
            return self.disk.save(pipeline.succeeded(self.disk.load(step.name), receipt, self.rig.clock.now()))
        except Over as over:
            return self.disk.save(pipeline.failed(self.disk.load(step.name), over.failure, self.rig.clock.now()))


class _Stepping:
    """What both kinds of steps share: patience, and one renewal of the credentials."""

    def __init__(self, life: Life, step: Step) -> None:
        self.life, self.step = life, step
        self._patience = PATIENCE
        self._renewed = False

    def save(self, step: Step) -> None:
        self.step = self.life.disk.save(step)

    def bear(self, failure: Failure) -> None:
        """Get over a failure. Raises Over when there is no point in going on."""
        self._patience -= 1
        if failure.kind is FailureKind.AUTH and not self._renewed and hasattr(self.life.adapter, "renew"):
            self._renewed = True
            self.life.renew(self.step)
        elif failure.kind in PASSES and self._patience:
            self.life.wait_out(failure)
        else:
            raise Over(failure)


class _Invisible(_Stepping):
    """Open or ask, then advance until there is a receipt; ask again after each failure."""

    def run(self) -> Receipt:
        ask = True
        while True:
            at = self.step.checkpoint
            asking = ask and at is not None
            try:
                got = self._next(at, asking)
            except PlatformError as error:
                failure = self.life.failed(error)
                if asking or failure.kind is not FailureKind.SESSION_LOST or not self.step.committed:
                    self._recover(failure)  # else one question more: its last block may have taken effect
                ask = True
                continue
            if isinstance(got, Receipt):
                return got
            ask = self.life.asks_always and not asking
            committed = self.step.committed and not asking  # asked, the platform says that it did not take effect
            self.save(replace(pipeline.advanced(self.step, got, asked=asking), committed=committed))
            self.life.rig.clock.move(got.wait_s)

    def _next(self, at: Checkpoint | None, asking: bool) -> Checkpoint | Receipt:
        life, spec = self.life, self.step.spec
        got: Checkpoint | Receipt
        if at is None:
            got = life.adapter.open(life.call(self.step, "open"), spec, life.made())
        elif asking:
            got = life.ask(self.step, at if self.step.committed else replace(at, commits=False))
        else:
            if at.commits:
                self.save(pipeline.committed(self.step))
            got = life.adapter.advance(life.call(self.step, "advance", at), spec, at)
        return got

    def _recover(self, failure: Failure) -> None:
        if failure.kind is not FailureKind.SESSION_LOST:
            self.bear(failure)
        elif self.step.committed:
            raise Over(replace(failure, kind=FailureKind.OUTCOME_UNKNOWN))
        elif self.step.reopened:
            raise Over(failure)
        else:
            self.save(pipeline.reopened(self.step))


class _Visible(_Stepping):
    """Intend, send, and look for it whenever anything may have happened."""

    def __init__(self, life: Life, step: Step) -> None:
        super().__init__(life, step)
        self._reason: Failure | None = None
        self._looks = 0

    def run(self) -> Receipt:
        answer: Receipt | LookAgain | Verdict = LookAgain(0.0) if self.step.intent else Verdict.ABSENT
        while not isinstance(answer, Receipt):
            sending = isinstance(answer, Verdict)
            try:
                answer = self._send(answer) if isinstance(answer, Verdict) else self._look(answer)
            except PlatformError as error:
                failure = self.life.failed(error)
                if sending and not failure.no_effect:
                    self._reason, answer = failure, LookAgain(0.0)
                self._bear(failure, sending)
        return answer

    def _bear(self, failure: Failure, sending: bool) -> None:
        """A failure that may have had an effect ends nothing before it was looked for."""
        try:
            self.bear(failure)
        except Over:
            if not sending:
                raise Over(replace(failure, kind=FailureKind.OUTCOME_UNKNOWN)) from None
            if failure.no_effect:
                raise

    def _send(self, verdict: Verdict) -> Receipt | LookAgain:
        final = self._reason and self._reason.kind not in PASSES
        if verdict is Verdict.UNKNOWN or (verdict is Verdict.NOT_SHOWN and final):
            said = self._reason.said if self._reason else "the process died while it was sending"
            raise Over(Failure(FailureKind.OUTCOME_UNKNOWN, said))
        if self._reason and final:
            raise Over(self._reason)
        intent = self._intent(verdict)
        self.save(pipeline.intended(self.step, intent))
        self._looks = 0
        answer: Receipt | LookAgain = self.life.adapter.publish(self.life.call(self.step, "publish"), intent)
        return answer

    def _intent(self, verdict: Verdict) -> Intent:
        now = self.life.rig.clock.now()
        if verdict is not Verdict.ABSENT and self.step.intent:
            return replace(self.step.intent, send_by=now + 60.0)
        intent: Intent = self.life.adapter.intend(self.step.spec, self.life.made(), now)
        return intent

    def _look(self, again: LookAgain) -> Receipt | LookAgain | Verdict:
        """Not sooner than asked, nor while somebody might still be sending."""
        intent, clock = self.step.intent, self.life.rig.clock
        assert intent is not None
        clock.move(max(again.after_s, intent.send_by - clock.now() + 1.0, 0.0))
        looks, self._looks = self._looks, self._looks + 1
        return self.life.find(self.step, intent, looks)
