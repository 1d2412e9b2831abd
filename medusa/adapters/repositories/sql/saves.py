"""Saving steps: the saves of one task that wait for one commit are carried out in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from medusa.adapters.repositories.sql.changes import Changes, Saved
from medusa.adapters.repositories.sql.database import Connection
from medusa.domain.task import Step


@dataclass(frozen=True, slots=True)
class StepsSave:
    """A change of some steps of a task, for the writer."""

    changes: Changes
    tell: Callable[[str, int, Saved], None]
    """Is told the task, the epoch and what has come of it, once that is on disk."""
    task_id: str
    epoch: int
    steps: Mapping[str, Step]
    """By their keys."""
    announced: int
    """How many of the saves in it watchers should see."""

    @property
    def place(self) -> tuple[str, int]:
        """Saves of one place follow each other, and a step is all that the last one of them holds."""
        return self.task_id, self.epoch

    def __call__(self, connection: Connection) -> Saved | None:
        return self.changes.save_steps(connection, self.task_id, self.steps, self.epoch, self.announced)

    def after(self, earlier: StepsSave) -> StepsSave:
        """Both in one."""
        steps, announced = {**earlier.steps, **self.steps}, earlier.announced + self.announced
        return StepsSave(self.changes, self.tell, self.task_id, self.epoch, steps, announced)

    def committed(self, saved: Saved | None) -> None:
        """It is on disk, and nobody was told so yet."""
        if saved is not None:
            self.tell(self.task_id, self.epoch, saved)
