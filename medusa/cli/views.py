"""Shows a task's progress on stderr: as bars on a terminal, as plain lines elsewhere, or not at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from medusa.cli.ending import clean, say
from medusa.cli.progress import Line, Stillness, change

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


EVERY_S: Final = 60.0
"""A long upload is worth a plain line at least this often."""


class View(Protocol):
    """Something that shows lines of progress, snapshot by snapshot."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def draw(self, lines: Iterable[Line]) -> None:
        """The lines as they stand now."""
        ...


def view(*, quiet: bool = False, bars_only: bool = False) -> View:
    """The view that fits where stderr goes. `bars_only`: silence where bars cannot be drawn."""
    if quiet:
        return Silence()
    return _bars() or (Silence() if bars_only else Lines())


def _bars() -> Bars | None:
    """None where they cannot be drawn."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return None if console.is_dumb_terminal or not console.is_terminal else Bars(console)


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        pass

    def draw(self, lines: Iterable[Line]) -> None:
        pass


class Lines(Silence):
    """A line for each change that is worth one: for logs and pipes."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, Line]] = {}

    def draw(self, lines: Iterable[Line]) -> None:
        now = time.monotonic()
        for line in lines:
            told_at, before = self._told.get(line.key, (now, None))
            text = change(before, line, due=now - told_at >= EVERY_S)
            if text:
                say(text)
            if text or before is None or before.state is not line.state:
                self._told[line.key] = now, line


class Bars:
    """One live line a step, with a bar where bytes are sent."""

    def __init__(self, console: Console) -> None:
        from medusa.cli.bars import progress

        self._stillness = Stillness()
        self._progress = progress(console, self._stillness)
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._rows:
            self._progress.stop()

    def draw(self, lines: Iterable[Line]) -> None:
        """It starts once there is something to draw."""
        started = bool(self._rows)
        self._update(lines)
        if self._rows and not started:
            self._progress.start()

    def _update(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._stillness.seen(line, time.monotonic())
            if line.key not in self._rows:
                self._rows[line.key] = self._progress.add_task("", line=line)
            self._progress.update(
                self._rows[line.key],
                description=clean(line.title),
                total=line.total,
                completed=line.done,
                line=line,
            )
