"""The rules that order steps: pure functions from a task or a step to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from medusa.domain.failures import Failure, FailureKind, InvalidRequest
from medusa.domain.policy import Trouble
from medusa.domain.ports import RulesPort
from medusa.domain.request import Asked, PublishRequest
from medusa.domain.task import MEDIA_STEP, PREFLIGHT_STEP, Step, StepState, Task, is_fatal
from medusa.domain.template import placeholders, render_all
from medusa.domain.values import Checkpoint, Intent, Problem, Receipt, StepSpec

SAMPLE_URL = "https://youtube.com/watch?v=abcdefghijk"
"""Texts are measured with URLs of about this length in the place of placeholders."""
SAMPLE_POST_ID = "123456789012345_123456789012345"


# ---------------------------------------------------------------- planning


def plan(task_id: str, request: PublishRequest, rules: Mapping[str, RulesPort]) -> tuple[Step, ...]:
    """The steps of a new task. Raises InvalidRequest with everything that is wrong with the request."""
    problems: list[Problem] = []
    specs: dict[str, tuple[StepSpec, ...]] = {}
    for asked in _asked(task_id, request):
        planned = rules[asked.target].plan(asked)
        problems += [_placed(asked.target, item) for item in planned if isinstance(item, Problem)]
        specs[asked.target] = tuple(item for item in planned if isinstance(item, StepSpec))
    problems += _placeholder_problems(request, specs, complete=not problems)
    if problems:
        raise InvalidRequest(problems)
    return (*_media_steps(task_id, specs), *(Step(spec, key) for key, planned in specs.items() for spec in planned))


def _asked(task_id: str, request: PublishRequest) -> Iterator[Asked]:
    samples = {name: SAMPLE_POST_ID if name.endswith("_post_id") else SAMPLE_URL for name in _promised(request)}
    for target in request.targets:
        others = [request.asked(other.key) for other in request.targets if other is not target]
        used = {f"{target.key}_url", f"{target.key}_post_id"} & set(placeholders(others))
        yield Asked(
            f"{task_id}:{target.key}", target.key, request.asked(target.key), request.media, samples, bool(used)
        )


def _placed(target: str, problem: Problem) -> Problem:
    return Problem(f"{target}.{problem.path}" if problem.path else target, problem.says)


def _promised(request: PublishRequest) -> dict[str, str]:
    """The placeholders that this request could fill, whichever of the two a platform then gives, and their targets."""
    return {f"{target.key}_{kind}": target.key for target in request.targets for kind in ("url", "post_id")}


def _media_steps(task_id: str, specs: Mapping[str, tuple[StepSpec, ...]]) -> tuple[Step, ...]:
    if not any(spec.media for planned in specs.values() for spec in planned):
        return ()
    return (Step(StepSpec(MEDIA_STEP, f"{task_id}::{MEDIA_STEP}", verb="Looking at"), None),)


def _placeholder_problems(
    request: PublishRequest, specs: Mapping[str, tuple[StepSpec, ...]], complete: bool
) -> list[Problem]:
    """Unknown and circular placeholders. Which names are given is known for sure only once all targets are planned."""
    given = {f"{target}_{spec.yields}": target for target, planned in specs.items() for spec in planned if spec.yields}
    known = given if complete else _promised(request)
    problems: list[Problem] = []
    needs: dict[str, set[str]] = {}
    for target in request.targets:
        for path, name in _named(target.key, request.asked(target.key)):
            if name in known:
                needs.setdefault(target.key, set()).add(known[name])
            else:
                problems.append(Problem(path, _unknown(name, sorted(given))))
    return problems + [
        Problem(loop[0], f"placeholders form a circle: {' needs '.join((*loop, loop[0]))}") for loop in _loops(needs)
    ]


def _named(path: str, value: object) -> Iterator[tuple[str, str]]:
    """(path, placeholder) pairs of a JSON value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(f"{path}.{key}", item)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _named(f"{path}[{place}]", item)
    else:
        yield from ((path, name) for name in placeholders(value))


def _unknown(name: str, given: list[str]) -> str:
    known = f"known here: {', '.join('{' + one + '}' for one in given)}" if given else "no target here gives one"
    return f"unknown placeholder {{{name}}} ({known}; write {{{{{name}}}}} for the text itself)"


def _loops(needs: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """The targets that wait for each other, each circle once."""
    found: dict[frozenset[str], tuple[str, ...]] = {}

    def walk(target: str, path: tuple[str, ...]) -> None:
        if target in path:
            loop = path[path.index(target) :]
            found.setdefault(frozenset(loop), loop)
            return
        for needed in sorted(needs.get(target, ())):
            walk(needed, (*path, target))

    for target in needs:
        walk(target, ())
    return list(found.values())


# ---------------------------------------------------------------- ordering


def next_steps(task: Task) -> tuple[Step, ...]:
    """The waiting steps that may start now; none once the task is stopping, or while it is paused."""
    if task.stopping or task.paused:
        return ()
    waiting = [step for step in task.steps if step.state is StepState.WAITING]
    results = task.results if waiting else {}
    return tuple(step for step in waiting if _may_start(task, step, results) and not _is_cut_off(task, step))


def _may_start(task: Task, step: Step, results: Mapping[str, str]) -> bool:
    if step.name == MEDIA_STEP:
        return True
    if not all(other.succeeded for other in task.of(None)):
        return False
    if step.name == PREFLIGHT_STEP:
        return True
    if not all(_is_past(task, other) for other in task.steps if other.name == PREFLIGHT_STEP):
        return False
    if not all(other.ended for other in task.of(step.target) if other.name in step.spec.after):
        return False
    if not all(name in results for name in _needs(step)):
        return False
    return not step.spec.visible or _all_uploaded(task)


def _needs(step: Step) -> set[str]:
    return set(placeholders(step.spec.fields))


def _all_uploaded(task: Task) -> bool:
    """Whether every required upload has succeeded, but for those that themselves follow something visible."""
    later = _behind_visible(task)
    return all(_is_past(task, other) for other in task.steps if other.spec.required and other.key not in later)


def _is_past(task: Task, step: Step) -> bool:
    """Others need not wait for the step: it has succeeded or, if its failure does not concern them, ended."""
    return step.ended if task.goes_on else step.succeeded


def _behind_visible(task: Task) -> set[str]:
    """Keys of the visible steps and of all that can only start after one, directly or through others."""
    later = {step.key for step in task.steps if step.spec.visible}
    grown = True
    while grown:
        grown = False
        for other in task.steps:
            if other.key not in later and any(_waits(other, task.step(key)) for key in later):
                later.add(other.key)
                grown = True
    return later


def _waits(step: Step, for_: Step) -> bool:
    if step.target == for_.target and for_.name in step.spec.after:
        return True
    return bool(for_.spec.yields) and f"{for_.target}_{for_.spec.yields}" in _needs(step)


def unreachable(task: Task) -> tuple[Step, ...]:
    """Waiting steps that can no longer start: to be given up.

    All of them once the task is stopping; else optional ones behind a step that did not succeed, and all whose
    placeholder will never be known.
    """
    waiting = [step for step in task.steps if step.state is StepState.WAITING]
    if task.stopping:
        return tuple(waiting)
    return tuple(step for step in waiting if _is_cut_off(task, step))


def given_up(task: Task, step: Step, now: float) -> Step:
    """What becomes of an unreachable step: it is skipped, or it fails the task that cannot do without it."""
    missing = ", ".join(f"{{{name}}}" for name in _never_known(task, step))
    if task.stopping or not step.spec.required or not missing:
        return skipped(step, now)
    return failed(step, Failure(FailureKind.REJECTED, f"its text needs {missing}, which was not given"), now)


def _is_cut_off(task: Task, step: Step) -> bool:
    if _never_known(task, step):
        return True
    if step.spec.required and not task.goes_on:
        return False
    behind = [other for other in task.of(step.target) if other.name in step.spec.after]
    if not step.spec.required and any(other.ended and not other.succeeded for other in behind):
        return True
    return task.goes_on and any(map(is_fatal, (*task.of(None), *_own_preflight(task, step), *behind)))


def _own_preflight(task: Task, step: Step) -> Iterator[Step]:
    return (other for other in task.of(step.target) if other.name == PREFLIGHT_STEP and other is not step)


def _never_known(task: Task, step: Step) -> list[str]:
    """Placeholders of the step whose giver has ended without giving them."""
    needs = _needs(step)
    if not needs:
        return []
    results = task.results
    givers = {f"{other.target}_{other.spec.yields}": other for other in task.steps if other.spec.yields}
    return sorted(name for name in needs if name in givers and givers[name].ended and name not in results)


def rendered(task: Task, step: Step) -> StepSpec:
    """The step's spec with the placeholders of its fields filled in."""
    return replace(step.spec, fields=render_all(step.spec.fields, task.results))


def made(task: Task, step: Step) -> dict[str, Receipt]:
    """The receipts of the same target's steps, by name."""
    return {other.name: other.receipt for other in task.of(step.target) if other.receipt}


def sources(task: Task, step: Step) -> tuple[Step, ...]:
    """The target's invisible steps that `step` is made from, directly or through others."""
    names = set(step.spec.after)
    for other in reversed(tuple(task.of(step.target))):
        if other.name in names:
            names |= set(other.spec.after)
    return tuple(
        other
        for other in task.of(step.target)
        if other.name in names and not other.spec.visible and other.name != PREFLIGHT_STEP
    )


# ---------------------------------------------------------------- one step's life


def started(step: Step, now: float) -> Step:
    """It begins, or begins again after a restart."""
    return replace(step, state=StepState.RUNNING, started_at=step.started_at or now, rate=0, note="", wait_until=None)


def trying(step: Step) -> Step:
    """One more call of the platform begins."""
    return replace(step, attempt=step.attempt + 1, note="", wait_until=None)


def waits(step: Step, until: float, note: str, trouble: Trouble | None = None) -> Step:
    """It waits until then, for this reason."""
    return replace(step, wait_until=until, note=note, trouble=trouble or step.trouble, rate=0)


def awaited(step: Step) -> Step:
    """Its wait is over."""
    return replace(step, note="", wait_until=None)


def progressed(step: Step, done: int, rate: float = 0.0) -> Step:
    """So many bytes are done, never more than there are, and move at `rate` bytes a second."""
    return replace(step, done=min(done, step.total) if step.total else done, rate=round(rate))


def advanced(step: Step, at: Checkpoint, *, asked: bool = False) -> Step:
    """The adapter returned a new checkpoint: its own doing, or what the platform said when `asked`.

    A byte of advance forgets the trouble before, and so does a done exchange; an answer alone does not.
    """
    before = step.checkpoint
    moved = before is None or at.done > before.done or (at.want is None and not asked)
    known = at if at.known or not step.checkpoint else replace(at, known=step.checkpoint.known)
    return replace(
        step,
        checkpoint=known,
        done=at.done,
        trouble=Trouble() if moved else step.trouble,
        note=at.note,
        wait_until=None,
    )


def reopened(step: Step) -> Step:
    """Its session is gone: it will be opened anew. Happens once."""
    return replace(step, checkpoint=None, done=0, committed=False, reopened=True)


def rewound(step: Step) -> Step:
    """Back to its beginning, once: it is waiting again, and nothing of its first run counts."""
    return Step(
        step.spec,
        step.target,
        attempt=step.attempt,
        first_sent_at=step.first_sent_at,
        reopened=True,
        started_at=step.started_at,
    )


def committed(step: Step) -> Step:
    """The last block of an upload that takes effect by itself is handed out: from here on it is only asked about."""
    return replace(step, committed=True)


def intended(step: Step, intent: Intent) -> Step:
    """What is about to go public. Saved before it is sent."""
    return replace(step, intent=intent)


def only_sought(step: Step) -> Step:
    """What was sent is not sent again because it is not shown: it may be there."""
    return replace(step, intent=step.intent and replace(step.intent, only_sought=True))


def unsent(step: Step) -> Step:
    """The intent surely had no effect: it may be made and sent again."""
    return replace(step, intent=None)


def succeeded(step: Step, receipt: Receipt, now: float) -> Step:
    """The platform has proved that it is done."""
    total = step.total
    return replace(
        step,
        state=StepState.SUCCEEDED,
        receipt=receipt,
        failure=None,
        done=total or step.done,
        rate=0,
        note="",
        wait_until=None,
        ended_at=now,
    )


def failed(step: Step, failure: Failure, now: float) -> Step:
    """It is over, and did not succeed. Its checkpoint and intent stay."""
    step = only_sought(step) if failure.kind is FailureKind.OUTCOME_UNKNOWN else step
    return replace(step, state=StepState.FAILED, failure=failure, rate=0, note="", wait_until=None, ended_at=now)


def stopped(step: Step, now: float) -> Step:
    """It was interrupted by the task's end. Its checkpoint and intent stay."""
    return replace(step, state=StepState.STOPPED, rate=0, note="", wait_until=None, ended_at=now)


def suspended(step: Step) -> Step:
    """It waits again, with its checkpoint: the task is paused, or its process ends."""
    return replace(step, state=StepState.WAITING, rate=0, note="", wait_until=None)


def left(task: Task) -> Task:
    """A paused task whose process has died: what ran there waits, with its checkpoint."""
    steps = (suspended(step) if step.state is StepState.RUNNING else step for step in task.steps)
    return replace(task, steps=tuple(steps))


def skipped(step: Step, now: float) -> Step:
    """It never starts."""
    return replace(step, state=StepState.SKIPPED, ended_at=now)
