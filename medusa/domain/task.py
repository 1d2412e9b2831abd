"""Where a request stands: a Task is the fold of its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from medusa.domain.failures import MEDIA_CODE, MISSING_CODE, QUOTA_CODE, Failure, FailureKind
from medusa.domain.policy import OnFailure, Trouble
from medusa.domain.request import PublishRequest, Target
from medusa.domain.values import Checkpoint, Intent, Receipt, StepSpec

MEDIA_STEP = "media"
"""Name of a task's first step, which belongs to no target: it looks at the media."""
PREFLIGHT_STEP = "preflight"
"""Name of each target's first step."""
FOUND_STEP = "found"
"""Name of a step of no task: whether there is what a person has found. Its field is the `id`."""


class TaskStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED)


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    """Was running when the task ended; its checkpoint stays."""
    SKIPPED = "skipped"
    """Never started, since the task ended before or a step that it needs did not succeed."""


FATAL = frozenset({StepState.FAILED, StepState.STOPPED, StepState.SKIPPED})
"""A required step that ended so ends its task."""
ENDED = FATAL | {StepState.SUCCEEDED}


@dataclass(frozen=True, slots=True)
class Step:
    """One action for one target, with its own state. Written by one runner at a time."""

    spec: StepSpec
    target: str | None
    state: StepState = StepState.WAITING
    attempt: int = 0
    """Calls of the platform that were begun, retries included."""
    trouble: Trouble = field(default_factory=Trouble)
    done: int = 0
    """Bytes that the server has acknowledged or, between its answers, that were written to it."""
    total: int = 0
    """Bytes to send; 0 where none are sent."""
    rate: int = 0
    """Bytes a second, smoothed; 0 while none move."""
    note: str = ""
    """Why it waits, for a person."""
    wait_until: float | None = None
    """Epoch seconds at which the wait ends."""
    checkpoint: Checkpoint | None = None
    intent: Intent | None = None
    committed: bool = False
    """The last block of a checkpoint that `commits` was handed out: from here on it is only asked about."""
    first_sent_at: float | None = None
    """Epoch seconds at which it was first sent, if a person says that nothing came of it: should that be wrong, it is
    found."""
    reopened: bool = False
    """Was opened anew after its session was lost; that happens once."""
    receipt: Receipt | None = None
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def key(self) -> str:
        return self.spec.key

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def succeeded(self) -> bool:
        return self.state is StepState.SUCCEEDED

    @property
    def may_be_out(self) -> bool:
        """Something of it may be visible already, and there is no receipt for it."""
        return (self.committed or self.intent is not None) and not self.succeeded

    @property
    def published(self) -> str | None:
        """The id of what it has made that people may see."""
        seen = self.succeeded and (self.spec.visible or self.committed)
        return self.receipt.id if seen and self.receipt else None

    @property
    def eta_s(self) -> float | None:
        """Seconds until its last byte has arrived, if it goes on like this; None while nothing moves."""
        return (self.total - self.done) / self.rate if self.rate and self.total else None

    @property
    def known(self) -> Receipt | None:
        """The receipt, or what is certain before there is one."""
        return self.receipt or (self.checkpoint.known if self.checkpoint else None)


@dataclass(frozen=True, slots=True)
class Task:
    """One request under way. `revision` grows with each change that a watcher should see."""

    id: str
    request: PublishRequest
    steps: tuple[Step, ...]
    created_at: float
    """Epoch seconds."""
    revision: int = 1
    cancel_asked: bool = False
    paused: bool = False
    """No step starts, and those that run go back to waiting with their checkpoints, until it is unpaused."""
    updated_at: float = 0.0

    def step(self, key: str) -> Step:
        """The step with this key."""
        return next(step for step in self.steps if step.key == key)

    def of(self, target: str | None) -> Iterator[Step]:
        """The steps of one target, in order."""
        return (step for step in self.steps if step.target == target)

    def target(self, key: str) -> Target:
        """The target with this key."""
        return next(target for target in self.request.targets if target.key == key)

    @property
    def status(self) -> TaskStatus:
        return status_of([(step.state, step.spec.required) for step in self.steps], self.cancel_asked or self.paused)

    @property
    def ended(self) -> bool:
        return self.status.ended

    @property
    def running(self) -> bool:
        """Some of its steps are under way."""
        return any(step.state is StepState.RUNNING for step in self.steps)

    @property
    def resting(self) -> bool:
        """It is paused, and nothing of it runs any more."""
        return self.paused and not self.running and not self.ended

    @property
    def stopping(self) -> bool:
        """No further step starts: it was cancelled, or a required step did not succeed and that ends it."""
        return self.cancel_asked or (not self.goes_on and any(map(is_fatal, self.steps)))

    @property
    def goes_on(self) -> bool:
        """What does not succeed ends its own target only."""
        return self.request.on_failure is OnFailure.GO_ON

    @property
    def results(self) -> dict[str, str]:
        """What the targets have given so far: "youtube_url", "facebook_post_id"."""
        found: dict[str, str] = {}
        for step in self.steps:
            value = _yielded(step)
            if value and step.target:
                found[f"{step.target}_{step.spec.yields}"] = value
        return found

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know although the task goes on or completed."""
        found: list[str] = []
        for step in self.steps:
            found += step.warnings
            if step.receipt:
                found += step.receipt.warnings
            if step.failure and not step.spec.required:
                found.append(f"{step.name} not done: {self.told(step)}")
        return tuple(found)

    @property
    def culprit(self) -> Step | None:
        """The step that failed the task: if several did, the first in the order of the targets."""
        fatal = [step for step in self.steps if is_fatal(step) and step.failure]
        order = {target.key: place for place, target in enumerate(self.request.targets)}
        return min(fatal, key=lambda step: order.get(step.target or "", -1), default=None)

    @property
    def message(self) -> str:
        """What happens now, for a person: "Uploading to YouTube and Vimeo..."."""
        return _message(self)

    def told(self, step: Step) -> str:
        """A failed step's reason as one sentence for people, with the platform's own words."""
        failure = step.failure
        if failure is None:
            return ""
        said = failure.said
        if step.target and failure.code != MEDIA_CODE:
            unknown = failure.kind is FailureKind.OUTCOME_UNKNOWN
            ours = unknown or failure.unreached or failure.code in (QUOTA_CODE, MISSING_CODE)
            words = "" if ours else " API error"
            said = f"{self.target(step.target).display}{words}: {said}"
        stop = "" if said.endswith((".", "!", "?")) else "."
        return f"{said}{stop} {failure.todo}" if failure.todo else said


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks one asks for: those that fit all that is said."""

    status: TaskStatus | None = None
    target: str | None = None
    since: float | None = None
    """Epoch seconds: created then or later."""

    def takes(self, task: Task) -> bool:
        """Whether the task, as it is now, is one of them."""
        if self.status is not None and task.status is not self.status:
            return False
        if self.target is not None and all(target.key != self.target for target in task.request.targets):
            return False
        return self.since is None or task.created_at >= self.since


def status_of(steps: Collection[tuple[StepState, bool]], asked: bool) -> TaskStatus:
    """A task's status by its steps' states, and whether each is required. `asked`: its end or a rest was asked for."""
    states = {state for state, _ in steps}
    if StepState.RUNNING in states:
        return TaskStatus.IN_PROGRESS
    if states <= ENDED:
        fatal = any(required and state in FATAL for state, required in steps)
        return TaskStatus.FAILED if fatal else TaskStatus.COMPLETED
    return TaskStatus.IN_PROGRESS if asked or states != {StepState.WAITING} else TaskStatus.PENDING


def is_fatal(step: Step) -> bool:
    """Whether this step has ended in a way that ends the task."""
    return step.spec.required and step.state in FATAL


def _yielded(step: Step) -> str | None:
    receipt = step.known
    if receipt is None or not step.spec.yields:
        return None
    return receipt.url if step.spec.yields == "url" else receipt.id


def status_reply(task: Task) -> dict[str, Any]:
    """The four replies of `get_task_status`, to the letter."""
    match task.status:
        case TaskStatus.PENDING:
            return {"status": "pending"}
        case TaskStatus.IN_PROGRESS:
            return {"status": "in_progress", "message": task.message}
        case TaskStatus.COMPLETED:
            warned = {"warnings": list(task.warnings)} if task.warnings else {}
            return {"status": "completed", "results": task.results, **warned}
        case TaskStatus.FAILED:
            step = task.culprit
            if step is None:
                return {"status": "failed", "error": "Cancelled", "failed_platform": None}
            return {"status": "failed", "error": task.told(step), "failed_platform": _blamed(step)}


def _blamed(step: Step) -> str | None:
    """The target at fault: none is when the file itself is bad, or changed while it was sent."""
    return None if step.failure and step.failure.code == MEDIA_CODE else step.target


def _message(task: Task) -> str:
    if task.status is TaskStatus.COMPLETED:
        return "Completed"
    if task.status is TaskStatus.FAILED:
        return task.told(task.culprit) if task.culprit else "Cancelled"
    running = [step for step in task.steps if step.state is StepState.RUNNING]
    if task.stopping:
        return "Stopping..."
    if task.paused:
        return "Pausing..." if running else "Paused"
    moving = [step for step in running if not step.note]
    waits = [step.note for step in running if step not in moving]
    if waits and not moving:
        return "; ".join(dict.fromkeys(waits))
    by_verb: dict[str, list[str]] = {}
    for step in moving:
        names = by_verb.setdefault(step.spec.verb, [])
        if (name := _object(task, step)) not in names:
            names.append(name)
    said = [f"{verb} {_listed(names)}" for verb, names in by_verb.items()] or ["Starting the next step"]
    return "; ".join([said[0], *(text[0].lower() + text[1:] for text in said[1:])]) + "..."


def _object(task: Task, step: Step) -> str:
    if step.target:
        return task.target(step.target).display
    return task.request.media.name if task.request.media else "the media"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
