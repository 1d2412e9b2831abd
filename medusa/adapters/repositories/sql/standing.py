"""Where a task stands: what a change has to know of it, without its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from medusa.adapters.repositories.sql.database import Connection
from medusa.domain.task import Step, StepState, TaskStatus, status_of

_TASK: Final = "SELECT status, epoch, revision, cancel_asked, paused, holder FROM tasks WHERE id = ?"
_STATES: Final = "SELECT step_key, state, required FROM steps WHERE task_id = ?"
_MANY: Final = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands, without its content."""

    status: TaskStatus
    epoch: int
    revision: int
    cancel_asked: bool
    paused: bool
    holder: int | None
    steps: Mapping[str, tuple[StepState, bool]]
    """Key -> the step's state, and whether the step is required."""

    @property
    def ended(self) -> bool:
        return self.status in (TaskStatus.COMPLETED, TaskStatus.FAILED)

    def after(self, step: Step) -> TaskStatus:
        """The task's status once this step is saved."""
        state, required = self.steps[step.key]
        if state is step.state:
            return self.status
        return status_of({**self.steps, step.key: (step.state, required)}.values(), self.cancel_asked or self.paused)

    def folded(self) -> TaskStatus:
        """The status that the steps and the wishes make."""
        return status_of(self.steps.values(), self.cancel_asked or self.paused)


def standing(connection: Connection, task_id: str) -> Standing | None:
    """None when there is no such task."""
    found = _of_task(connection, task_id, {})
    return found and replace(found, steps=_states(connection, task_id))


class Standings:
    """Remembers the states of the steps of tasks that were taken here: nobody else writes them in that epoch."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[int, Mapping[str, tuple[StepState, bool]]]] = {}

    def standing(self, connection: Connection, task_id: str) -> Standing | None:
        """None when there is no such task."""
        epoch, states = self._states.get(task_id, (-1, {}))
        found = _of_task(connection, task_id, states)
        if found is None or found.epoch == epoch:
            return found
        return replace(found, steps=_states(connection, task_id))

    def taken(self, task_id: str, before: Standing) -> None:
        """The task has a new epoch, and is written here from now on."""
        while len(self._states) >= _MANY:
            del self._states[next(iter(self._states))]
        self._states[task_id] = (before.epoch + 1, before.steps)

    def saved(self, task_id: str, before: Standing, step: Step) -> None:
        """One of its steps was saved; who writes it may be another holder of the same epoch's number."""
        epoch, states = self._states.get(task_id, (-1, {}))
        if epoch == before.epoch and states[step.key][0] is not step.state:
            self._states[task_id] = (epoch, {**states, step.key: (step.state, states[step.key][1])})

    def forget_all(self) -> None:
        """What was remembered may be undone."""
        self._states.clear()


def _of_task(connection: Connection, task_id: str, states: Mapping[str, tuple[StepState, bool]]) -> Standing | None:
    row = connection.row(_TASK, task_id)
    if row is None:
        return None
    status, epoch, revision, cancel_asked, paused, holder = row
    return Standing(TaskStatus(status), epoch, revision, bool(cancel_asked), bool(paused), holder, states)


def _states(connection: Connection, task_id: str) -> Mapping[str, tuple[StepState, bool]]:
    rows = connection.rows(_STATES, task_id)
    return {key: (StepState(state), bool(required)) for key, state, required in rows}
