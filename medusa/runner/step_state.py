"""One step while it runs: the one place where it changes, its waits, and its end when asked."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Final

from medusa.domain import pipeline
from medusa.domain.failures import Stopped
from medusa.domain.task import Step
from medusa.runner.carried import AtHand, CarriedTask
from medusa.runner.ports import RunnerPorts

LOOK_EVERY_S: Final = 5.0
"""How soon a wait ends whose end has come while the machine slept, and its timers with it."""


class StepState(ABC):
    """Used in the running loop."""

    def __init__(self, ports: RunnerPorts, carried: CarriedTask, step: Step) -> None:
        self.ports = ports
        self.step = step
        self._carried = carried
        self.task_id = carried.id
        self._stop = asyncio.Event()
        self._untold = False
        """Its last change was not saved yet, and watchers should see it."""
        self._called_off = False

    def now(self) -> float:
        """Epoch seconds."""
        return self.ports.now()

    @property
    def at_hand(self) -> AtHand:
        return self._carried.at_hand

    @property
    def target(self) -> str:
        if self.step.target is None:
            raise AssertionError("this step belongs to no target")
        return self.step.target

    @property
    def may_be_out(self) -> bool:
        """Something of it may be visible already, so that it must be followed to a verdict."""
        return self.step.committed or self.step.intent is not None

    # ------------------------------------------------------------ changes

    async def change(self, step: Step, *, announce: bool = True) -> None:
        """The one place where the step changes: a rule was applied, now it is saved.

        Raises TaskLost when another writer has the task, and StorageFailed: whoever carries it here lets go of it then.
        """
        self.amend(step)
        announce, self._untold = announce or self._untold, False
        await self._carried.save(step, announce=announce)

    def change_soon(self, step: Step) -> None:
        """`change` without waiting: the next `change` of its task, which comes before all else, waits for it."""
        self.amend(step)
        self._untold = False
        self._carried.save_soon(step)

    def begin(self, step: Step) -> None:
        """Change the step by what is saved, and told, with its next change."""
        self._untold = True
        self.amend(step)

    def amend(self, step: Step) -> None:
        """Change the step by what is saved with its next change, which comes before anything else is done."""
        self.step = step
        if self._called_off and not self.may_be_out:
            self._stop.set()

    # ------------------------------------------------------------ waits, and being stopped

    async def pause(self, until: float, note: str = "") -> None:
        """Sleep until then (epoch seconds). A stop ends it: with Stopped, unless something may be out already."""
        delay = until - self.now()
        if delay <= 0:
            return
        if note and (note, until) != (self.step.note, self.step.wait_until):
            await self.change(pipeline.waits(self.step, until, note))
        clock = asyncio.get_running_loop()
        end = clock.time() + delay  # at the latest: the other clock may be set back
        while not self.stopping and self.now() < until and (left := end - clock.time()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, LOOK_EVERY_S))
        self.raise_if_stopped()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self, *, at_once: bool) -> None:
        """End soon, with the checkpoint kept. A post on the wire is awaited.

        What may be out already is followed to a verdict first, unless `at_once`: then the last block of an upload is
        given half a second to be answered; after that it is cut, and the platform is asked.
        """
        if self.step.ended:  # it only clears away what it left
            return
        self._called_off = True
        if self.may_be_out and not at_once:
            return
        self._stop.set()
        self.interrupt()

    @abstractmethod
    def interrupt(self) -> None:
        """It was asked to end: cut short what is under way, if that can be."""

    def go_on(self) -> None:
        """Calls are allowed again, after the step was stopped."""
        self._called_off = False
        self._stop.clear()

    def raise_if_stopped(self) -> None:
        if self.stopping and not self.may_be_out:
            raise Stopped
