"""A task's snapshots -> lines for people. Nothing here writes to a screen."""

from __future__ import annotations

from dataclasses import dataclass

from medusa.domain.task import Step, StepState, Task


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
    rate: int = 0
    """Bytes a second, while they move."""
    eta_s: float | None = None
    """Seconds until the last of them has arrived."""
    note: str = ""
    """Why it waits, what it gave, or why it failed."""

    @property
    def percent(self) -> int:
        """Of the bytes; all of them only once the platform has said so."""
        most = 99 if self.state is StepState.RUNNING else 100
        return min(self.done * 100 // self.total, most) if self.total else 0

    @property
    def begun(self) -> bool:
        """Whether it rests with a part of its bytes sent."""
        return self.state is StepState.WAITING and self.done > 0

    @property
    def detail(self) -> str:
        """ "12.3/45.6 MB, 3.2 MB/s, 0:10 left", or the note."""
        return self.details[0]

    @property
    def details(self) -> tuple[str, ...]:
        """The detail, then shorter ways to say it."""
        if not (self.state is StepState.RUNNING or self.begun) or not self.total or self.note:
            return (self.note,)
        far, percent = amount(self.done, self.total), f"{self.percent} %"
        if self.eta_s is None:
            return far, percent
        left = f"{clock(self.eta_s)} left"
        return f"{far}, {size(self.rate)}/s, {left}", f"{far}, {left}", f"{percent}, {left}", percent


class Stillness:
    """For how long each step has moved nothing, from the snapshots seen."""

    def __init__(self) -> None:
        self._moved: dict[str, tuple[int, float]] = {}

    def seen(self, line: Line, now: float) -> None:
        """`now`: seconds of any steady clock."""
        done, _ = self._moved.get(line.key, (-1, now))
        if line.done != done:
            self._moved[line.key] = line.done, now

    def seconds(self, key: str, now: float) -> float:
        """Seconds since a byte was last seen to move."""
        return now - self._moved.get(key, (0, now))[1]


def lines(task: Task) -> tuple[Line, ...]:
    """All steps of a snapshot, in order."""
    return tuple(_line(task, step) for step in task.steps)


def _line(task: Task, step: Step) -> Line:
    return Line(step.key, step.state, _title(task, step), step.done, step.total, step.rate, step.eta_s, _note(step))


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
    groups: dict[str, list[str]] = {"done": [], "paused": [], "interrupted": [], "failed": [], "not started": []}
    for line in lines(task):
        match line.state:
            case StepState.SUCCEEDED if line.note:
                groups["done"].append(f"{line.title} ({line.note})")
            case StepState.WAITING if line.begun:
                groups["paused"].append(f"{line.title} at {line.percent} %")
            case StepState.STOPPED | StepState.RUNNING:
                groups["interrupted"].append(line.title + (f" at {line.percent} %" if line.total else ""))
            case StepState.FAILED:
                groups["failed"].append(line.title)
            case StepState.WAITING | StepState.SKIPPED:
                groups["not started"].append(line.title)
    return "\n".join(f"  {name}: {', '.join(said)}" for name, said in groups.items() if said)


def size(count: float) -> str:
    """Bytes for people, in decimal units: 12345678 is "12.3 MB".

    Gigabytes have two places, 1234567890 is "1.23 GB": a slow line would seem to stand still with one.
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    places = 0 if unit == "B" or count >= 99.95 else 2 if unit == "GB" else 1
    return f"{count:.{places}f} {unit}"


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
