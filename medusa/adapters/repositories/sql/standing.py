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
States = Mapping[str, tuple[StepState, bool]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands, without its content."""

    status: TaskStatus
    epoch: int
    revision: int
    cancel_asked: bool
    paused: bool
    holder: int | None
    steps: States
    """Key -> the step's state, and whether the step is required."""

    @property
    def ended(self) -> bool:
        return self.status in (TaskStatus.COMPLETED, TaskStatus.FAILED)

    def after(self, steps: Mapping[str, Step]) -> TaskStatus:
        """The task's status once these steps, by their keys, are saved."""
        moved = _moved(self.steps, steps)
        return self.status if moved is self.steps else status_of(moved.values(), self.cancel_asked or self.paused)

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
        self._states: dict[str, tuple[int, States]] = {}

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

    def saved(self, task_id: str, before: Standing, steps: Mapping[str, Step]) -> None:
        """Some of its steps were saved; who writes it may be another holder of the same epoch's number."""
        epoch, states = self._states.get(task_id, (-1, {}))
        if epoch == before.epoch:
            self._states[task_id] = (epoch, _moved(states, steps))

    def forget_all(self) -> None:
        """What was remembered may be undone."""
        self._states.clear()


def _of_task(connection: Connection, task_id: str, states: States) -> Standing | None:
    row = connection.row(_TASK, task_id)
    if row is None:
        return None
    status, epoch, revision, cancel_asked, paused, holder = row
    return Standing(TaskStatus(status), epoch, revision, bool(cancel_asked), bool(paused), holder, states)


def _moved(states: States, steps: Mapping[str, Step]) -> States:
    """With these steps as they are now; the same when none of them is in another state."""
    moved = {key: (step.state, states[key][1]) for key, step in steps.items() if states[key][0] is not step.state}
    return {**states, **moved} if moved else states


def _states(connection: Connection, task_id: str) -> States:
    rows = connection.rows(_STATES, task_id)
    return {key: (StepState(state), bool(required)) for key, state, required in rows}
