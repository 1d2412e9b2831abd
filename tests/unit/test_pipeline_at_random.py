"""Any plan with any outcomes: no step is lost, every task ends, and nothing becomes visible too soon or twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medusa.adapters.repositories.memory import MemoryRepository
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.request import Asked, PublishRequest, Target
from medusa.domain.task import PREFLIGHT_STEP, Step, StepState, Task, TaskStatus, status_reply
from medusa.domain.template import placeholders
from medusa.domain.values import Media, Problem, Receipt, StepSpec

NOW = 1000.0
MEDIA = Media.named("/films/video.mp4")


class Planned:
    """Rules that plan what they were told to."""

    def __init__(self, specs: tuple[StepSpec, ...]) -> None:
        self.specs = specs

    def plan(self, asked: Asked) -> tuple[StepSpec, ...]:
        return tuple(replace(spec, key=f"{asked.key}:{spec.name}") for spec in self.specs)

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        return None


# ---------------------------------------------------------------- plans


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """Up to three targets of up to five steps each. A later target's texts may use what an earlier one gives.

    Of the required invisible steps at most one waits for a visible one, and a target gives its URL or id by a required
    step.
    """
    one_late = draw(st.booleans())
    given: list[tuple[str, bool]] = []  # placeholder, and whether a visible step precedes it
    rules: dict[str, Planned] = {}
    for place in range(draw(st.integers(1, 3))):
        target = f"t{place}"
        specs = [StepSpec(PREFLIGHT_STEP, "")]
        late: set[str] = set()
        gives = draw(st.sampled_from(["url", "post_id"]))
        giver = draw(st.integers(0, 4))
        for number in range(draw(st.integers(0, 5))):
            visible, required = draw(st.booleans()), draw(st.booleans()) or number == giver
            early_only = required and not visible and not one_late
            names = [spec.name for spec in specs[1:] if not (early_only and spec.name in late)]
            after = tuple(draw(st.lists(st.sampled_from(names), unique=True, max_size=2))) if names else ()
            usable = [name for name, is_late in given if not (early_only and is_late)]
            used = draw(st.lists(st.sampled_from(usable), unique=True, max_size=2)) if usable else []
            is_late = visible or bool(late & set(after)) or any(name in used and late_ for name, late_ in given)
            if is_late:
                late.add(f"s{number}")
                one_late = one_late and (visible or not required)
            yields = gives if number == giver else ""
            fields = {"text": " ".join(f"{{{name}}}" for name in used)}
            media = MEDIA if draw(st.booleans()) else None
            specs.append(StepSpec(f"s{number}", "", fields, media, after, visible, required, yields=yields))
        given += [(f"{target}_{spec.yields}", spec.name in late) for spec in specs if spec.yields]
        rules[target] = Planned(tuple(specs))
    metadata = {target: {"texts": [spec.fields.get("text", "") for spec in one.specs]} for target, one in rules.items()}
    request = PublishRequest(tuple(Target(key, "fake", key.upper()) for key in rules), metadata, MEDIA)
    return Task("t", request, pipeline.plan("t", request, rules), NOW)


# ---------------------------------------------------------------- a run


class Run:
    """Carries a task through with outcomes by chance, and looks at the rules at every turn."""

    def __init__(self, task: Task, chance: Random, fails: float, cancels: float) -> None:
        self.chance, self.fails, self.cancels = chance, fails, cancels
        self.repository = MemoryRepository()
        self.repository.create(task)
        self.born = task
        self.epoch = self.repository.take(self.born.id)
        self.starts: Counter[str] = Counter()
        self.revisions = [task.revision]

    @property
    def task(self) -> Task:
        return self.repository.get(self.born.id)

    def save(self, step: Step) -> None:
        self.repository.save_step(self.born.id, step, self.epoch)
        self.revisions.append(self.task.revision)

    def carry(self) -> Task:
        """Until nothing is left to do."""
        for _ in range(6 * len(self.born.steps) + 6):
            if all(step.ended for step in self.task.steps):
                return self.task
            self._turn()
        raise AssertionError(f"the task does not end: {self._told()}")

    def _turn(self) -> None:
        while unreachable := pipeline.unreachable(self.task):  # what was skipped may cut off others
            for step in unreachable:
                self.save(pipeline.skipped(step, NOW))
        for step in pipeline.next_steps(self.task):
            if self.chance.random() < 0.8:
                self._start(step)
        if self.chance.random() < self.cancels:
            self.repository.ask_cancel(self.born.id)
        if self.chance.random() < 0.1:
            self.epoch = self.repository.take(self.born.id)
        running = [step for step in self.task.steps if step.state is StepState.RUNNING]
        if running:
            self._end(self.chance.choice(running))

    def _start(self, step: Step) -> None:
        task = self.task
        assert not task.stopping
        assert step.state is StepState.WAITING
        missing = [name for name in placeholders(step.spec.fields) if name not in task.results]
        assert not missing, f"{step.key} starts without {missing}"
        assert "{" not in str(pipeline.rendered(task, step).fields.get("text", ""))
        others = [other for other in task.steps if other.key != step.key]
        before = [other for other in others if other.target == step.target and other.name in step.spec.after]
        assert all(other.ended for other in before)
        assert step.spec.required or all(other.succeeded for other in before)
        if step.name not in ("media", PREFLIGHT_STEP):
            assert all(other.succeeded for other in others if other.name in ("media", PREFLIGHT_STEP))
        if step.spec.visible:
            unready = [other.key for other in others if _precedes(task, other) and not other.succeeded]
            assert not unready, f"{step.key} becomes visible while {unready} can still fail"
        self.starts[step.key] += 1
        self.save(pipeline.started(step, NOW))

    def _end(self, step: Step) -> None:
        if self.task.stopping and not step.spec.visible:
            self.save(pipeline.stopped(step, NOW))
        elif self.chance.random() < (self.fails / 4 if step.spec.required else self.fails):
            kind = self.chance.choice(list(FailureKind))
            self.save(pipeline.failed(step, Failure(kind, f"{step.key} failed"), NOW))
        else:
            receipt = Receipt(f"id-{step.key}", f"https://example.org/{step.key}")
            self.save(pipeline.succeeded(step, receipt, NOW))

    def _told(self) -> str:
        return ", ".join(f"{step.key} {step.state}" for step in self.task.steps)


def _precedes(task: Task, step: Step) -> bool:
    """Whether nothing may be visible before this step: a required one that does not itself follow a visible one."""
    return step.spec.required and not step.spec.visible and not _follows_a_visible_one(task, step)


def _follows_a_visible_one(task: Task, step: Step) -> bool:
    names = set(placeholders(step.spec.fields))
    before = [other for other in task.of(step.target) if other.name in step.spec.after]
    before += [other for other in task.steps if other.spec.yields and f"{other.target}_{other.spec.yields}" in names]
    return any(other.spec.visible or _follows_a_visible_one(task, other) for other in before)


CHANCES = st.builds(Random, st.integers(0, 2**32))
RUNS = st.builds(
    Run,
    tasks(),
    CHANCES,
    fails=st.sampled_from([0.0, 0.3, 0.8]),
    cancels=st.sampled_from([0.0, 0.0, 0.1]),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RUNS)
def test_every_task_ends_and_no_step_is_lost(run: Run) -> None:
    task = run.carry()
    assert [step.key for step in task.steps] == [step.key for step in run.born.steps]
    assert [step.spec for step in task.steps] == [step.spec for step in run.born.steps]
    assert task.ended
    assert pipeline.next_steps(task) == ()
    assert pipeline.unreachable(task) == ()
    assert run.repository.unfinished() == ()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RUNS)
def test_a_step_starts_at_most_once_and_revisions_only_grow(run: Run) -> None:
    task = run.carry()
    assert set(run.starts.values()) <= {1}
    assert {step.key for step in task.steps if step.state is not StepState.SKIPPED} == set(run.starts)
    assert run.revisions == sorted(set(run.revisions))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RUNS)
def test_a_task_completes_when_all_that_is_required_succeeded(run: Run) -> None:
    task = run.carry()
    complete = all(step.succeeded for step in task.steps if step.spec.required)
    assert (task.status is TaskStatus.COMPLETED) is complete
    reply = status_reply(task)
    if not complete:
        failed = [step.target for step in task.steps if step.spec.required and step.state is StepState.FAILED]
        order = [None, *(target.key for target in task.request.targets)]
        first = min(failed, key=order.index, default=None)
        assert reply["failed_platform"] == first
        assert (reply["error"] == "Cancelled") is (not failed)
        assert failed or task.cancel_asked
        return
    given = [f"{step.target}_{step.spec.yields}" for step in task.steps if step.spec.yields and step.succeeded]
    assert sorted(reply["results"]) == sorted(given)
    gone_wrong = [step for step in task.steps if step.state is StepState.FAILED]
    assert len(reply.get("warnings", [])) == len(gone_wrong)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tasks(), CHANCES)
def test_a_task_in_which_nothing_goes_wrong_does_everything(task: Task, chance: Random) -> None:
    done = Run(task, chance, fails=0.0, cancels=0.0).carry()
    assert all(step.succeeded for step in done.steps)
