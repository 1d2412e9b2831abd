"""The exam that every platform's adapter passes, the fake one included.

To put an adapter through it, subclass `UploaderContract`, `PublisherContract` or both, and give the fixture `rig`, one
`Rig` a plan (see `rig.py` for each of its fields):

    class TestVimeo(UploaderContract):
        @pytest.fixture(params=[{"title": "One"}, {"title": "Two", "thumbnail": PICTURE}], ids=["video", "thumbnail"])
        def rig(self, request, sandbox, tmp_path) -> Rig:
            account = account_of(sandbox.config(tmp_path)["vimeo"])
            return Rig(
                adapter=lambda http: VimeoUploader(account, http, FileAccounts()),
                rules=VimeoRules(account, Ready()),
                asked=request.param,
                media=small_video(tmp_path),
                existing=lambda: [f"video {one['name']} {one['sha256']}" for one in sandbox.state()["vimeo"]["videos"]],
                reset=sandbox.reset,
                clock=sandbox.clock,
                secrets=(account.access_token,),
            )

Take `UploaderContract` for a plan that uploads, `PublisherContract` for one that has a visible step; both when both.
A plan of a few steps with media of two or three windows is enough; each test carries it out many times. Differences
between platforms come from the rig (`is_read`, `may_be_unknown`), never from a skip or an override.

The heart of it: for every exchange of the plan, the process dies before it, after it and in the middle of its body;
what was saved goes through JSON text into a fresh adapter, which goes on; afterwards each thing exists exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from medusa.domain.failures import Failure, FailureKind, MediaChanged, PlatformError, Stopped
from medusa.domain.task import PREFLIGHT_STEP, Step, StepState
from medusa.domain.values import Checkpoint, LookAgain, Receipt, Verdict
from tests.contract.accidents import BAD_REPLIES, after, before, garbled, within
from tests.contract.drive import Died, Disk, Life, Noted
from tests.contract.rig import Accident, Rig, Sent

__all__ = ["BAD_REPLIES", "PublisherContract", "Trial", "UploaderContract", "after", "before", "garbled", "within"]

SAID_LIMIT = 2000
"""Characters of a failure's text: it goes into messages and rows."""
LOOKS = 60
"""Looks after which `find` is taken never to make up its mind."""


# ---------------------------------------------------------------- what the tests share


class Trial:
    """Carries a rig's plan out on a platform where nothing exists yet."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.clean = self.run()
        self.expected = Counter(rig.existing())

    def run(self, accidents: dict[int, Accident] | None = None, asks_always: bool = False) -> Life:
        """One life, on an empty disk and an empty platform."""
        self.rig.reset()
        life = Life(self.rig, Disk(), accidents, asks_always)
        life.run()
        return life

    def die(self, accident: dict[int, Accident], error: type[BaseException]) -> Life:
        """A life that ends in `error`."""
        self.rig.reset()
        life = Life(self.rig, Disk(), accident)
        with pytest.raises(error):
            life.run()
        return life

    def recoveries(self) -> Iterator[tuple[int, Sent]]:
        """For each way of asking after a death: one exchange to die after, and the first exchange of the next life."""
        seen: set[tuple[str, str]] = set()
        for number, _ in self.exchanges():
            life = Life(self.rig, self.die({number: after(Died())}, Died).disk)
            life.run()
            first = next(iter(life.wire.sent), None)
            if first and first.call.doing in ("ask", "find") and (first.call.doing, first.call.step) not in seen:
                seen.add((first.call.doing, first.call.step))
                yield number, first

    def exchanges(self) -> Iterator[tuple[int, Sent]]:
        """Those of the plan when nothing goes wrong, by number."""
        return iter(enumerate(self.clean.wire.sent))

    def distinct(self) -> Iterator[tuple[int, Sent]]:
        """Of exchanges that are alike (polls, windows of bytes) the first and the last."""
        alike: dict[tuple[str, str, str], list[tuple[int, Sent]]] = {}
        for number, sent in self.exchanges():
            alike.setdefault((sent.call.step, sent.call.doing, sent.request.method), []).append((number, sent))
        for some in alike.values():
            yield from (some[0], some[-1])[: len(some)]

    def assert_once(self, life: Life, what: str) -> None:
        """Each thing exists exactly once; or less than that, and the step that cannot be asked about says so."""
        there = Counter(self.rig.existing())
        unknown = [step.name for step in life.disk.steps().values() if _is_unknown(step)]
        if unknown:
            assert set(unknown) <= self.rig.may_be_unknown, f"{what}: {unknown} must be found again"
            assert there <= self.expected, f"{what}: exists twice: {there - self.expected}"
            return
        assert _ends(life) == _ends(self.clean), f"{what}: ended otherwise: {_told(life)}"
        assert there == self.expected, f"{what}: missing {self.expected - there}, too much {there - self.expected}"

    def assert_never_twice(self, life: Life, what: str) -> None:
        """Nothing exists twice; and everything, if the plan says that it succeeded."""
        there = Counter(self.rig.existing())
        assert there <= self.expected, f"{what}: too much {there - self.expected}"
        if all(step.succeeded for step in life.disk.steps().values()):
            assert there == self.expected, f"{what}: succeeded, but missing {self.expected - there}"


def _is_unknown(step: Step) -> bool:
    return step.failure is not None and step.failure.kind is FailureKind.OUTCOME_UNKNOWN


def _ends(life: Life) -> dict[str, StepState]:
    return {name: step.state for name, step in life.disk.steps().items()}


def _told(life: Life) -> str:
    failed = [f"{step.name}: {step.failure}" for step in life.disk.steps().values() if step.failure]
    return "; ".join([*failed, *map(str, life.noted)]) or str(_ends(life))


def _secrets(life: Life) -> set[str]:
    """Everything in this life that must not be shown: credentials, and the URLs and tokens in cursors."""
    found = {secret for sent in life.wire.sent for secret in sent.request.secrets}
    found |= {sent.request.headers.get("Authorization", "").rpartition(" ")[2] for sent in life.wire.sent}
    public: set[str | None] = set()
    for step in life.disk.steps().values():
        found |= set(_urls(step.checkpoint.cursor if step.checkpoint else {}))
        public.add(step.known.url if step.known else None)
    return {secret for secret in {*found, *life.rig.secrets} - public if len(secret) >= 8}


def _urls(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _urls(item)
    elif isinstance(value, list):
        for item in value:
            yield from _urls(item)
    elif isinstance(value, str) and "://" in value:
        yield value


def _assert_sound(noted: Noted) -> None:
    """A failure keeps the promises of its fields."""
    failure = noted.failure
    assert failure.kind is not FailureKind.OUTCOME_UNKNOWN, f"{noted}: that verdict is the runner's"
    assert failure.said.strip(), f"{noted}: says nothing"
    assert len(failure.said) <= SAID_LIMIT, f"{noted}: says too much"
    assert failure.no_effect or not failure.unreached, f"{noted}: unreached implies no_effect"
    if failure.kind is FailureKind.RATE_LIMITED:
        assert failure.scope, f"{noted}: whom does the limit hold back?"
        assert failure.not_before is not None, f"{noted}: until when?"


def _assert_silent(life: Life) -> None:
    """No secret in anything that people or logs get to see."""
    steps = life.disk.steps().values()
    shown = [text for step in steps for text in (step.note, *step.warnings, repr(step.checkpoint), repr(step.failure))]
    shown += [text for one in life.noted for text in (str(PlatformError(one.failure)), repr(one.failure))]
    shown += [repr(sent.request) for sent in life.wire.sent] + [repr(life.adapter)]
    leaks = [(secret, text) for secret in _secrets(life) for text in shown if secret in text]
    assert not leaks, f"a secret is shown in a failure, a note or a repr: {leaks[0]}"


# ---------------------------------------------------------------- the exam


class PlanContract:
    """What holds for every plan, whatever its steps."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError("a subclass gives it")

    @pytest.fixture
    def trial(self, rig: Rig) -> Trial:
        return Trial(rig)

    def test_the_plan_is_well_formed(self, rig: Rig) -> None:
        plan = rig.plan()
        names = [spec.name for spec in plan]
        first = plan[0]
        assert first.name == PREFLIGHT_STEP
        assert first.required
        assert not first.visible
        assert not first.after
        assert len(set(names)) == len(names)
        for place, spec in enumerate(plan):
            assert spec.key == f"task:target:{spec.name}"
            assert set(spec.after) <= set(names[:place]), f"{spec.name} comes after what is planned later"
            assert spec.yields in ("", "url", "post_id")
        assert rig.rules.check(plan) is None

    def test_the_plan_is_carried_out(self, trial: Trial) -> None:
        assert all(step.succeeded for step in trial.clean.disk.steps().values()), _told(trial.clean)
        assert trial.expected, "the rig's existing() shows nothing"
        for step in trial.clean.disk.steps().values():
            assert step.receipt is not None
            given = {"url": step.receipt.url, "post_id": step.receipt.id, "": "nothing"}[step.spec.yields]
            assert given, f"{step.name} promises a {step.spec.yields}"

    def test_no_call_changes_more_than_it_may(self, trial: Trial) -> None:
        for life in (trial.clean, trial.run(asks_always=True)):
            sent = Counter(id(one.call) for one in life.wire.sent)
            changes = Counter(id(one.call) for one in life.wire.sent if one.changes)
            for call in life.calls:
                what = f"{call.doing} of {call.step}"
                assert changes[id(call)] <= (call.doing in ("advance", "publish", "renew")), f"{what} changes too much"
                assert call.doing != "open" or not sent[id(call)], f"{what} makes an exchange"
                assert call.doing != "publish" or sent[id(call)] == 1, f"{what} is to be one exchange"

    def test_what_is_published_goes_out_on_a_fresh_connection(self, trial: Trial) -> None:
        for sent in trial.clean.wire.sent:
            assert sent.request.fresh or sent.call.doing != "publish", f"{sent} is not on a fresh connection"

    @pytest.mark.parametrize("how", [before, after, within], ids=["before", "after", "within"])
    def test_a_death_loses_nothing_and_doubles_nothing(
        self, trial: Trial, how: Callable[[BaseException], Accident]
    ) -> None:
        for number, sent in trial.exchanges():
            dead = trial.die({number: how(Died())}, Died)
            life = Life(trial.rig, dead.disk)
            life.run()
            trial.assert_once(life, f"death {how.__name__} exchange {number}, {sent}")

    @pytest.mark.parametrize("how", [before, after], ids=["before", "after"])
    def test_a_second_death_while_it_asks_changes_nothing(
        self, trial: Trial, how: Callable[[BaseException], Accident]
    ) -> None:
        for number, sent in trial.exchanges():
            dead = trial.die({number: after(Died())}, Died)
            again = Life(trial.rig, dead.disk, {0: how(Died())})
            try:
                again.run()
            except Died:
                again = Life(trial.rig, dead.disk)
                again.run()
            trial.assert_once(again, f"deaths after exchange {number}, {sent}, and {how.__name__} the next one")

    @pytest.mark.parametrize("how", [before, within], ids=["before", "within"])
    @pytest.mark.parametrize("error", [Stopped, MediaChanged], ids=["Stopped", "MediaChanged"])
    def test_what_stops_a_call_passes_through(
        self, trial: Trial, how: Callable[[BaseException], Accident], error: type[BaseException]
    ) -> None:
        for number, sent in trial.exchanges():
            stopped = trial.die({number: how(error("the file changed"))}, error)
            assert not stopped.noted, f"{sent} turned {error.__name__} into a failure"
            life = Life(trial.rig, stopped.disk)
            life.run()
            trial.assert_once(life, f"{error.__name__} {how.__name__} exchange {number}, {sent}")

    @pytest.mark.parametrize("bad", BAD_REPLIES)
    def test_a_bad_reply_ends_in_a_sound_failure_and_doubles_nothing(self, trial: Trial, bad: str) -> None:
        for number, sent in trial.distinct():
            life = trial.run({number: BAD_REPLIES[bad]})
            trial.assert_never_twice(life, f"{bad}, exchange {number}, {sent}; then {_told(life)}")
            for noted in life.noted:
                _assert_sound(noted)
            _assert_silent(life)

    def test_a_bad_reply_to_asking_ends_in_a_sound_failure_and_doubles_nothing(self, trial: Trial) -> None:
        for number, sent in trial.recoveries():
            for bad, accident in BAD_REPLIES.items():
                life = Life(trial.rig, trial.die({number: after(Died())}, Died).disk, {0: accident})
                life.run()
                trial.assert_never_twice(life, f"{bad}, {sent}; then {_told(life)}")
                for noted in life.noted:
                    _assert_sound(noted)
                _assert_silent(life)

    def test_a_lost_connection_is_got_over(self, trial: Trial) -> None:
        for number, sent in trial.exchanges():
            life = trial.run({number: after(PlatformError(_connection_lost()))})
            trial.assert_once(life, f"reply to exchange {number} lost, {sent}")

    def test_no_secret_is_shown(self, trial: Trial) -> None:
        assert _secrets(trial.clean), "the rig names no secrets, and the adapter sends none"
        _assert_silent(trial.clean)


def _connection_lost() -> Failure:
    return Failure(FailureKind.TRANSIENT, "the connection was lost", "connection lost")


class UploaderContract(PlanContract):
    """Invisible steps: each may be interrupted and asked about at any point."""

    def test_asking_at_every_point_changes_nothing(self, trial: Trial) -> None:
        life = _Asking(trial.rig)
        life.run()
        assert life.asked, "the plan has no invisible step that was asked about"
        trial.assert_once(life, "asked before each advance")

    def test_checkpoints_stay_within_the_media(self, trial: Trial) -> None:
        for step in trial.clean.disk.steps().values():
            if at := step.checkpoint:
                size = step.spec.media.size if step.spec.media else 0
                assert 0 <= at.done <= size, f"{step.name}: {at.done} of {size} bytes are done"
                assert at.want is None or 0 <= at.want.start <= at.want.stop <= size
                assert at.wait_s >= 0

    def test_abandoning_at_any_point_leaves_nothing_double(self, trial: Trial) -> None:
        for number, sent in trial.exchanges():
            dead = trial.die({number: after(Died())}, Died)
            life = Life(trial.rig, dead.disk)
            for step in dead.disk.steps().values():
                if step.checkpoint and not step.ended:
                    try:
                        life.adapter.abandon(life.call(step, "abandon"), step.checkpoint)
                    except PlatformError as error:
                        _assert_sound(Noted(life.calls[-1], error.failure))
            there = Counter(trial.rig.existing())
            assert there <= trial.expected, f"abandoned after exchange {number}, {sent}: {there - trial.expected}"


class _Asking(Life):
    """Asks before each advance, and looks at the platform before and after."""

    def __init__(self, rig: Rig) -> None:
        rig.reset()
        super().__init__(rig, Disk(), asks_always=True)
        self.asked = 0

    def ask(self, step: Step, at: Checkpoint) -> Checkpoint | Receipt:
        was = Counter(self.rig.existing())
        got = super().ask(step, at)
        assert Counter(self.rig.existing()) == was, f"ask of {step.name} changed what exists"
        self.asked += 1
        return got


class PublisherContract(PlanContract):
    """Visible steps: sent once, and looked for whenever the answer is missing."""

    def test_there_is_something_to_publish(self, rig: Rig) -> None:
        assert any(spec.visible for spec in rig.plan())

    def test_an_intent_is_settled_by_what_was_asked(self, trial: Trial) -> None:
        life = trial.clean
        for step in life.disk.steps().values():
            if step.spec.visible:
                now = trial.rig.clock.now()
                sent = len(life.wire.sent)
                one = life.adapter.intend(step.spec, life.made(), now)
                two = trial.rig.adapter(life.wire).intend(step.spec, life.made(), now)
                assert one == two, f"another intent of {step.name} for the same content"
                assert one.fingerprint
                assert now <= one.sent_at < one.send_by
                assert len(life.wire.sent) == sent, f"intend of {step.name} makes an exchange"

    def test_what_is_there_is_never_called_absent(self, trial: Trial) -> None:
        life = trial.run()
        for step in life.disk.steps().values():
            if step.spec.visible:
                was = Counter(trial.rig.existing())
                found = self._settled(life, step)
                assert Counter(trial.rig.existing()) == was, f"find of {step.name} changed what exists"
                absent = found in (Verdict.ABSENT, Verdict.NOT_SHOWN)
                assert not absent, f"{step.name} is there, but find says {found.name}"
                if isinstance(found, Receipt) and step.receipt:
                    assert found.id == step.receipt.id

    def test_what_was_never_sent_is_never_found(self, trial: Trial) -> None:
        for number, sent in trial.exchanges():
            if sent.call.doing == "publish":
                dead = trial.die({number: before(Died())}, Died)
                life = Life(trial.rig, dead.disk)
                found = self._settled(life, dead.disk.load(sent.call.step))
                assert isinstance(found, Verdict), f"{sent.call.step} was never sent, but find says {found}"

    def _settled(self, life: Life, step: Step) -> Receipt | Verdict:
        """What `find` says when it has made up its mind."""
        assert step.intent is not None
        clock = life.rig.clock
        clock.move(max(0.0, step.intent.send_by - clock.now() + 1.0))
        for looks in range(LOOKS):
            found = life.find(step, step.intent, looks)
            if not isinstance(found, LookAgain):
                return found
            clock.move(found.after_s)
        raise AssertionError(f"find of {step.name} never settles")
