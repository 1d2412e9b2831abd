"""Shows how a media file is handed over to a daemon, before there is a task to show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from medusa.cli.progress import Line
from medusa.cli.views import View
from medusa.domain.pace import Pace
from medusa.domain.task import StepState


class HandingOver:
    """One line, which is drawn once bytes are handed over: never, when the daemon reads the file where it is."""

    def __init__(self, media: Path | None, view: Callable[[], View]) -> None:
        """`view`: makes what to draw into."""
        self._make = view
        self._view: View | None = None
        self._pace = Pace(time.monotonic(), 0)
        self._line = Line("hand over", StepState.RUNNING, f"Handing {media.name if media else 'media'} to the daemon")

    def __call__(self, done: int, total: int) -> None:
        """So many bytes were handed over."""
        if self._view is None:
            self._view = self._make()
            self._view.__enter__()
            self._pace = Pace(time.monotonic(), done)
        self._pace = self._pace.seen(time.monotonic(), done)
        rate = self._pace.rate
        left = (total - done) / rate if rate else None
        self._draw(replace(self._line, done=done, total=total, rate=round(rate), eta_s=left))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._view:
            self._draw(replace(self._line, state=StepState.STOPPED if error else StepState.SUCCEEDED))
            self._view.__exit__(kind, error, trace)

    def _draw(self, line: Line) -> None:
        assert self._view
        self._line = line
        self._view.draw((line,))
