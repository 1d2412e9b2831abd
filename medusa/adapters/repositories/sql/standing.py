"""Where a task stands: what a change has to know of it, without its content."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from medusa.adapters.repositories.sql.database import Connection, rows_of
from medusa.domain.failures import TaskNotFound
from medusa.domain.task import Step, StepState, Task, TaskStatus, status_of

_TASKS: Final = (
    "SELECT id, status, epoch, revision, updated_at, cancel_asked, paused, holder FROM tasks WHERE id IN ({})"
)
_STATES: Final = "SELECT task_id, step_key, state, required FROM steps WHERE task_id IN ({})"
_MANY: Final = 1000
States = Mapping[str, tuple[StepState, bool]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands, without its content."""

    status: TaskStatus
    epoch: int
    revision: int
    updated_at: float
    cancel_asked: bool
    paused: bool
    holder: int | None
    steps: States
    """Key -> the step's state, and whether the step is required."""

    @property
    def ended(self) -> bool:
        return self.status.ended

    def saved(self, steps: Mapping[str, Step], announced: int, now: float) -> Standing:
        """Once these steps, by their keys, are saved. The revision grows by `announced`."""
        moved = {key: (step.state, self.steps[key][1]) for key, step in steps.items() if self._moves(step)}
        if not moved and not announced:
            return self
        states = {**self.steps, **moved} if moved else self.steps
        return replace(
            self,
            status=status_of(states.values(), self.cancel_asked or self.paused) if moved else self.status,
            revision=self.revision + announced,
            updated_at=now if announced else self.updated_at,
            steps=states,
        )

    def _moves(self, step: Step) -> bool:
        return self.steps[step.key][0] is not step.state

    def folded(self) -> TaskStatus:
        """The status that the steps and the wishes make."""
        return status_of(self.steps.values(), self.cancel_asked or self.paused)


def standing_of(task: Task) -> Standing:
    """A new task, as it was written."""
    states = {step.key: (step.state, step.spec.required) for step in task.steps}
    return Standing(task.status, 0, task.revision, task.updated_at, task.cancel_asked, task.paused, None, states)


class Standings:
    """Where tasks stand that are written here: read once, then remembered until others may have changed something."""

    def __init__(self) -> None:
        self._known: dict[str, Standing] = {}
        self._sure: set[str] = set()
        """Those that nobody can have changed."""

    def all(self, connection: Connection, task_ids: Collection[str]) -> dict[str, Standing]:
        """Those of these tasks that are there. Called in a writing transaction."""
        unsure = [task_id for task_id in task_ids if task_id not in self._sure]
        if unsure:
            self._read(connection, unsure)
        return {task_id: self._known[task_id] for task_id in task_ids if task_id in self._known}

    def one(self, connection: Connection, task_id: str) -> Standing:
        """Raises TaskNotFound."""
        found = self.all(connection, [task_id])
        if not found:
            raise TaskNotFound(task_id)
        return found[task_id]

    def note(self, task_id: str, standing: Standing) -> None:
        """It was written so in this transaction."""
        if standing.ended:
            self.forget(task_id)
            return
        self._known[task_id] = standing
        self._sure.add(task_id)
        while len(self._known) > _MANY:
            self.forget(next(iter(self._known)))

    def forget(self, task_id: str) -> None:
        """It was written otherwise."""
        self._known.pop(task_id, None)
        self._sure.discard(task_id)

    def doubt_all(self) -> None:
        """Others may have written."""
        self._sure.clear()

    def forget_all(self) -> None:
        """What was written is undone."""
        self._known.clear()
        self._sure.clear()

    def _read(self, connection: Connection, task_ids: Collection[str]) -> None:
        """The states of a task's steps change in another epoch only, if others write them."""
        rows = {row[0]: row[1:] for row in rows_of(connection, _TASKS, task_ids)}
        states = {key: one.steps for key in rows if (one := self._known.get(key)) and one.epoch == rows[key][1]}
        states.update(_states(connection, [task_id for task_id in rows if task_id not in states]))
        for task_id in task_ids:
            self.forget(task_id)
        for task_id, (status, epoch, revision, updated_at, cancel_asked, paused, holder) in rows.items():
            wishes = bool(cancel_asked), bool(paused)
            read = Standing(TaskStatus(status), epoch, revision, updated_at, *wishes, holder, states[task_id])
            self._known[task_id] = read
            self._sure.add(task_id)


def _states(connection: Connection, task_ids: Collection[str]) -> dict[str, States]:
    found: dict[str, dict[str, tuple[StepState, bool]]] = {}
    for task_id, key, state, required in rows_of(connection, _STATES, task_ids):
        found.setdefault(task_id, {})[key] = StepState(state), bool(required)
    return dict(found)
