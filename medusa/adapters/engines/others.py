"""Minding the other processes that share the repository: what they ask for, and what they leave."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from medusa.adapters.engines.admission import ACTIVE
from medusa.adapters.engines.carrying import Carrying
from medusa.adapters.engines.ports import Runner
from medusa.domain.failures import MedusaError

_log = logging.getLogger("medusa.engine")
LISTEN_EVERY_S: Final = 0.25
"""How soon a running task sees what another process has asked for it."""
LOOK_EVERY_S: Final = 0.5
"""How often it is looked whether another process has left a task."""
TRY_AGAIN_S: Final = 30.0
"""After that a task is taken over once more that could not be carried here."""


class Others:
    """A process that asks can only leave a word in the repository, and one that dies tells nobody.

    So nothing ends the minding, be it a bug that one of the tasks meets.
    """

    def __init__(self, runner: Runner, carrying: Carrying) -> None:
        self._runner = runner
        self._carrying = carrying
        self.serving = False
        """Whether all that others leave is gone on with here, and not only what was submitted here."""
        self._left: set[str] = set()
        """Tasks that nobody carried when it was last looked."""
        self._tried: dict[str, float] = {}
        """Tasks that were taken over here and are left by all again, and when: not to be tried all the time."""

    def mind(self) -> None:
        """From now on."""
        self._carrying.keep(self._listen())
        self._carrying.keep(self._look_out())

    async def accept_all(self) -> None:
        """Go on with what others have left until now."""
        for task_id in self._runner.unfinished():
            self._carrying.accept(task_id)
            await asyncio.sleep(0)  # there may be thousands, and the first need not wait for the last

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_EVERY_S)
            try:
                asked = self._runner.called_off() if self._carrying.running else {}
            except MedusaError as error:
                _log.warning("it cannot be seen what other processes ask for: %s", error)
                continue
            except Exception:
                _log.exception("what other processes ask for cannot be read")
                continue
            for task_id, at_once in asked.items():
                self._carrying.call_off(task_id, at_once=at_once)

    async def _look_out(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.serving or self._carrying.elsewhere:
                try:
                    self._look()
                except MedusaError as error:
                    _log.warning("it cannot be seen what other processes left: %s", error)
                except Exception:
                    _log.exception("what other processes left cannot be read")

    def _look(self) -> None:
        """Take what was left by all at two looks: what is new may be about to be taken by its own process."""
        now = time.monotonic()
        left = [task_id for task_id in self._runner.unfinished() if not self._carrying.carries(task_id)]
        lying = [task_id for task_id in left if task_id in self._left and self._may_take(task_id, now)]
        for task_id in lying[:ACTIVE]:  # the next look takes more
            self._tried[task_id] = now
            self._carrying.accept(task_id)
        self._left = set(left)
        self._tried = {task_id: at for task_id, at in self._tried.items() if task_id in self._left}
        elsewhere = self._carrying.elsewhere
        elsewhere -= {task_id for task_id in elsewhere - self._left if self._runner.place(task_id) is None}

    def _may_take(self, task_id: str, now: float) -> bool:
        if now - self._tried.get(task_id, -TRY_AGAIN_S) < TRY_AGAIN_S:
            return False
        return self.serving or task_id in self._carrying.elsewhere
