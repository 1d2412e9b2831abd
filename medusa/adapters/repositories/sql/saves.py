"""Saving a step: of several saves that wait for one commit, only the last is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from medusa.adapters.repositories.sql.changes import Changes, Saved
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.live import LiveTasks
from medusa.domain.task import Step


@dataclass(frozen=True, slots=True)
class StepSave:
    """A change of one step, for the writer."""

    changes: Changes
    live: LiveTasks
    task_id: str
    step: Step
    epoch: int
    announced: int
    """How many of the saves in it watchers should see."""

    @property
    def place(self) -> tuple[str, str, int]:
        """Saves of one place follow each other, and the last one holds all that the step is."""
        return self.task_id, self.step.key, self.epoch

    def __call__(self, connection: Connection) -> Saved | None:
        return self.changes.save_step(connection, self.task_id, self.step, self.epoch, self.announced)

    def after(self, earlier: StepSave) -> StepSave:
        """Both in one."""
        announced = self.announced + earlier.announced
        return StepSave(self.changes, self.live, self.task_id, self.step, self.epoch, announced)

    def committed(self, saved: Saved | None) -> None:
        """It is on disk, and nobody was told so yet."""
        if saved is not None:
            self.live.saved(self.task_id, self.epoch, saved)
