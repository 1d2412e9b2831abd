"""What has arrived of the bytes that a step sends, and how fast they go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from medusa.domain.pace import Pace
from medusa.runner.call import RunnerCall


class Progress:
    """Looks at it now and then, as long as calls follow each other. Used in the running loop."""

    def __init__(
        self, every_s: float, present: Callable[[], RunnerCall | None], show: Callable[[int, float], None]
    ) -> None:
        """`present`: the call that is under way. `show` is given up to where the media's bytes have arrived, and how
        many arrive a second, once in `every_s` seconds at most.
        """
        self._every_s = every_s
        self._present = present
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._pace: Pace | None = None
        self._next: asyncio.TimerHandle | None = None
        self._looked_at = self._loop.time()

    def watch(self) -> None:
        """A call that sends bytes is under way."""
        if self._next is None:
            self._pace = self._pace and self._pace.resumed(self._loop.time())
            self._look_later()

    def _look_later(self) -> None:
        due = self._looked_at + self._every_s
        self._next = self._loop.call_at(max(due, self._loop.time()), self._look)

    def _look(self) -> None:
        self._next, self._looked_at = None, self._loop.time()
        call = self._present()
        if call is None:
            return
        if (arrived := call.arrived) is not None:
            self._seen(arrived)
        self._look_later()

    def _seen(self, arrived: int) -> None:
        self._pace = self._pace.seen(self._looked_at, arrived) if self._pace else Pace(self._looked_at, arrived)
        self._show(arrived, self._pace.rate)
