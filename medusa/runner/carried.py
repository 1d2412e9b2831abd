"""A task as the one who carries it sees it: what is kept, and what is being saved already."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from medusa.domain.failures import StorageFailed
from medusa.domain.ports import Pending, TaskRepositoryPort
from medusa.domain.task import Step, Task
from medusa.domain.values import Intent, Receipt
from medusa.runner.saving import kept


@dataclass(frozen=True, slots=True)
class AtHand:
    """What this process knows of steps, by their keys, and could not save: for their next run here."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    unsent: dict[str, Intent] = field(default_factory=dict)
    """Intents of which nothing went out. Whoever takes a step over saves another one before it is sent."""


class CarriedTask:
    """What one run of a task reads and saves.

    A step's end is saved while the next one gets ready, so that they share a commit. Nothing counts as kept before all
    that was begun earlier: whoever waits for a save, as everyone does before an exchange, waits for those as well.
    """

    def __init__(self, repository: TaskRepositoryPort, task_id: str, epoch: int, at_hand: AtHand | None = None) -> None:
        """`at_hand`: of all runs in this process."""
        self._repository = repository
        self.at_hand = at_hand or AtHand()
        self.id = task_id
        self._epoch = epoch
        self._begun: Mapping[str, Step] = {}
        """Key -> the step as it is being saved; another mapping whenever that changes."""
        self._view: tuple[Task, Mapping[str, Step], Task] | None = None
        self._last: Pending[None] | None = None
        self._lock = threading.Lock()
        self._broken: BaseException | None = None

    @property
    def task(self) -> Task:
        """The task as it will stand once all that was begun is kept."""
        begun = self._begun  # before the task is read: what is kept meanwhile is in both
        task = self._repository.carried(self.id)
        if not begun:
            return task
        if self._view is None or self._view[0] is not task or self._view[1] is not begun:
            steps = tuple(begun.get(step.key, step) for step in task.steps)
            self._view = task, begun, replace(task, steps=steps)
        return self._view[2]

    async def save(self, step: Step, *, announce: bool = True) -> None:
        """Once it is kept, and all before it. Raises TaskLost or StorageFailed, also of an earlier one.

        That a step may be out is not even saved before all else is kept: whoever reads it has to believe it.
        """
        may_be_out = step.may_be_out and not step.ended
        if may_be_out:
            await self._settled()
        await kept(self.save_soon(step, announce=announce))
        if not may_be_out:
            self.check()

    def save_soon(self, step: Step, *, announce: bool = True) -> Pending[None]:
        """The same without waiting: what keeps it from being saved is raised where it is next waited for."""
        with self._lock:
            self._begun = {**self._begun, step.key: step}
        saving = self._last = self.show(step, announce=announce)
        saving.add_done_callback(partial(self._saved, step))
        return saving

    async def _settled(self) -> None:
        """Once all that was begun until now is kept. Raises what kept something from it."""
        if self._last is not None:
            await kept(self._last)
        self.check()

    def show(self, step: Step, *, announce: bool = True) -> Pending[None]:
        """Save what does no harm if it is lost."""
        return self._repository.save_step_soon(self.id, step, self._epoch, announce)

    def check(self) -> None:
        """Raises what kept something from being saved."""
        if self._broken is not None:
            raise self._broken

    def _saved(self, step: Step, saving: Pending[None]) -> None:
        """Told in the order in which they were begun, in whatever thread saves."""
        self._broken = self._broken or saving.exception()
        if isinstance(saving.exception(), StorageFailed):
            if step.succeeded and step.receipt:
                self.at_hand.receipts[step.key] = step.receipt
        elif step.succeeded:
            self.at_hand.receipts.pop(step.key, None)
        with self._lock:
            if self._begun.get(step.key) is step:
                self._begun = {key: one for key, one in self._begun.items() if one is not step}
