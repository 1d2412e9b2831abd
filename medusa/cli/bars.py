"""The columns of the live progress. In a module of its own, so that rich is loaded only to draw."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from medusa.cli.ending import clean
from medusa.cli.progress import Line, Stillness, amount, clock
from medusa.domain.task import StepState

MARKS = {
    StepState.WAITING: ("·", "dim"),
    StepState.SUCCEEDED: ("✓", "green"),
    StepState.FAILED: ("✗", "bold red"),
    StepState.STOPPED: ("■", "yellow"),
    StepState.SKIPPED: ("-", "dim"),
}
WIDE = 90
"""Columns of a terminal that has room for long bars."""
NARROW = 80
"""Columns of a terminal below which bars have no room."""
STALLED_S = 5.0
STYLES = {StepState.WAITING: "dim", StepState.SKIPPED: "dim", StepState.FAILED: "red"}


def progress(console: Console, stillness: Stillness) -> Progress:
    """A display whose tasks carry their Line as the field `line`.

    Where room lacks there are no bars, and less detail of what moves; a note is cut.
    """
    bar = 16 if console.width >= WIDE else 8
    columns: list[ProgressColumn] = [
        _Mark(table_column=Column(width=1)),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        _Bar(bar_width=bar, table_column=Column(width=bar)),
        _Detail(stillness, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    ]
    if console.width < NARROW:
        del columns[2]
    return _Steps(*columns, console=console, refresh_per_second=8, expand=True)


def _line(task: Task) -> Line:
    line: Line = task.fields["line"]
    return line


class _Steps(Progress):
    def get_renderables(self) -> Iterable[RenderableType]:
        return map(_Narrower, super().get_renderables())


@dataclass(frozen=True, slots=True)
class _Narrower:
    """Leaves the last columns free: the "^C" that a terminal echoes there would wrap and push the lines apart."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.inner, options.update(width=max(options.max_width - 3, 1)))


class _Mark(SpinnerColumn):
    """What state a step is in; a spinner while it runs."""

    def render(self, task: Task) -> RenderableType:
        state = _line(task).state
        return self.spinner.render(task.get_time()) if state is StepState.RUNNING else Text(*MARKS[state])


class _Bar(BarColumn):
    """A bar, where there are bytes to send."""

    def render(self, task: Task) -> RenderableType:  # type: ignore[override]  # rich's own base class allows any
        return super().render(task) if _line(task).total else Text()


class _Detail(ProgressColumn):
    """Amount, rate and time left, or the note; and for how long nothing has moved."""

    def __init__(self, stillness: Stillness, table_column: Column) -> None:
        super().__init__(table_column)
        self._stillness = stillness

    def render(self, task: Task) -> RenderableType:
        return _Fitting(self._texts(task))

    def _texts(self, task: Task) -> tuple[Text, ...]:
        line = _line(task)
        sending = line.state is StepState.RUNNING and line.total and not line.note
        idle = self._stillness.seconds(line.key, time.monotonic()) if sending else 0.0
        if idle >= STALLED_S:
            still = f"no progress for {clock(idle)}"
            return Text(f"{amount(line.done, line.total)}, {still}"), Text(still)
        return tuple(Text(clean(detail), STYLES.get(line.state, "")) for detail in line.details)


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The first of these texts that there is room for, or as much as there is of the last."""

    texts: tuple[Text, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield next((text for text in self.texts if text.cell_len <= options.max_width), self.texts[-1])

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(1, options.max_width), min(self.texts[0].cell_len, options.max_width))
