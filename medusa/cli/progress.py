"""A task's snapshots -> lines for people. Nothing here writes to a screen."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from medusa.domain.task import Step, StepState, Task

WINDOW_S: Final = 10.0
"""The rate is that of the last ten seconds: steady enough to read, quick enough to show a stall."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step as a person sees it."""

    key: str
    state: StepState
    title: str
    """"Uploading to YouTube"."""
    done: int = 0
    total: int = 0
    """Bytes; 0 where none are sent."""
    rate: float | None = None
    """Bytes a second, while they move."""
    note: str = ""
    """Why it waits, what it gave, or why it failed."""

    @property
    def percent(self) -> int:
        return self.done * 100 // self.total if self.total else 0

    @property
    def detail(self) -> str:
        """ "12.3/45.6 MB, 3.2 MB/s, 0:10 left", or the note."""
        return self.details[0]

    @property
    def details(self) -> tuple[str, ...]:
        """The detail, then shorter ways to say it."""
        if self.state is not StepState.RUNNING or not self.total or self.note:
            return (self.note,)
        far, percent = amount(self.done, self.total), f"{self.percent} %"
        if not self.rate:
            return far, percent
        left = f"{clock((self.total - self.done) / self.rate)} left"
        return f"{far}, {size(self.rate)}/s, {left}", f"{far}, {left}", f"{percent}, {left}", percent


class Rates:
    """How fast each step moves, from the snapshots seen."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def of(self, key: str, done: int, now: float) -> float | None:
        """Bytes a second over the last WINDOW_S, now that `done` bytes are through; None while none are moving.

        `now`: seconds of any steady clock.
        """
        seen = self._seen.setdefault(key, deque())
        if seen and done < seen[-1][1]:  # the server had less than we thought
            seen.clear()
        if not seen or done > seen[-1][1]:
            seen.append((now, done))
        while now - seen[0][0] > WINDOW_S and len(seen) > 1:
            seen.popleft()
        took, moved = now - seen[0][0], done - seen[0][1]
        return moved / took if took > 0 and moved > 0 else None

    def idle(self, key: str, now: float) -> float:
        """Seconds since a byte was last seen to move."""
        seen = self._seen.get(key)
        return now - seen[-1][0] if seen else 0.0


def lines(task: Task, rates: Rates, now: float) -> tuple[Line, ...]:
    """All steps of a snapshot, in order."""
    return tuple(_line(task, step, rates, now) for step in task.steps)


def _line(task: Task, step: Step, rates: Rates, now: float) -> Line:
    rate = rates.of(step.key, step.done, now) if step.state is StepState.RUNNING and step.total else None
    return Line(step.key, step.state, _title(task, step), step.done, step.total, rate, _note(step))


def _title(task: Task, step: Step) -> str:
    if step.target:
        return f"{step.spec.verb} {task.target(step.target).display}"
    return f"{step.spec.verb} {task.request.media.name if task.request.media else 'the media'}"


def _note(step: Step) -> str:
    if step.failure:
        return step.failure.said
    if step.state in (StepState.STOPPED, StepState.SKIPPED):
        return step.state.value
    if step.succeeded and step.spec.yields and step.receipt:
        return (step.receipt.url or step.receipt.id or "") if step.spec.yields == "url" else step.receipt.id or ""
    return step.note


def change(before: Line | None, after: Line, *, due: bool = False) -> str | None:
    """What to say, where there is no screen to redraw, when a step's line changes; None when it isn't worth a line.

    Bytes are worth one every ten percent, or when one is `due`.
    """
    state_changed = before is None or before.state is not after.state
    if after.state is StepState.WAITING:
        return None
    if after.state is StepState.RUNNING:
        moved = before is not None and after.done > before.done
        worth = moved and (due or after.percent // 10 > (before.percent if before else 0) // 10)
        noted = before is not None and after.note != before.note and after.note
        return f"{after.title}: {after.detail}".rstrip(": ") if state_changed or worth or noted else None
    if not state_changed:
        return None
    said = "done" if after.state is StepState.SUCCEEDED else after.state.value
    return f"{after.title}: {said}{f' ({after.note})' if after.note and after.note != said else ''}"


def standing(task: Task) -> str:
    """What an interrupted or failed task has left behind, for the person who has to go on from there."""
    groups: dict[str, list[str]] = {"done": [], "interrupted": [], "failed": [], "not started": []}
    for line in lines(task, Rates(), 0.0):
        match line.state:
            case StepState.SUCCEEDED if line.note:
                groups["done"].append(f"{line.title} ({line.note})")
            case StepState.STOPPED | StepState.RUNNING:
                groups["interrupted"].append(line.title + (f" at {line.percent} %" if line.total else ""))
            case StepState.FAILED:
                groups["failed"].append(line.title)
            case StepState.WAITING | StepState.SKIPPED:
                groups["not started"].append(line.title)
    return "\n".join(f"  {name}: {', '.join(said)}" for name, said in groups.items() if said)


def size(count: float) -> str:
    """Bytes for people, in decimal units: 12345678 is "12.3 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"


def amount(done: int, total: int) -> str:
    """ "12.3/45.6 MB", "900 kB/45.6 MB"."""
    first, unit = size(done).split()
    whole = size(total)
    return f"{first}/{whole}" if whole.endswith(f" {unit}") else f"{size(done)}/{whole}"


def clock(seconds: float) -> str:
    """125 seconds are "2:05", an hour is "1:00:00"."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
