"""Saving steps: those of all tasks that wait for one commit, with a few statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from medusa.adapters.repositories.secrets import forgotten
from medusa.adapters.repositories.sql.database import Connection
from medusa.adapters.repositories.sql.ends import Ends
from medusa.adapters.repositories.sql.retention import Move
from medusa.adapters.repositories.sql.rows import StepRows
from medusa.adapters.repositories.sql.standing import Standing, Standings
from medusa.domain.failures import TaskLost
from medusa.domain.task import Step


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving some steps of a task has come to."""

    steps: Mapping[str, Step]
    """By their keys, as they are kept."""
    before: int
    """The task's revision until then."""
    after: Standing

    @property
    def announced(self) -> bool:
        return self.after.revision != self.before


@dataclass(frozen=True, slots=True)
class StepsSave:
    """Some steps of a task, to be saved by the writer."""

    together: Callable[[Connection, Sequence[StepsSave]], Sequence[Saved | TaskLost | None]]
    tell: Callable[[str, Saved], None]
    """Is told the task, and what has come of it, once that is on disk."""
    task_id: str
    epoch: int
    steps: Mapping[str, Step]
    """By their keys."""
    announced: int
    """How many of the saves in it watchers should see."""
    rank = 0

    @property
    def place(self) -> tuple[str, int]:
        """Saves of one place follow each other, and a step is all that the last one of them holds."""
        return self.task_id, self.epoch

    def after(self, earlier: StepsSave) -> StepsSave:
        """Both in one."""
        steps, announced = {**earlier.steps, **self.steps}, earlier.announced + self.announced
        return StepsSave(self.together, self.tell, self.task_id, self.epoch, steps, announced)

    def committed(self, saved: Saved | None) -> None:
        """It is on disk, and nobody was told so yet."""
        if saved is not None:
            self.tell(self.task_id, saved)


class StepSaver:
    """Writes steps, and what their tasks come to by them."""

    def __init__(self, rows: StepRows, known: Standings, ends: Ends, now: Callable[[], float]) -> None:
        self._rows = rows
        self._known = known
        self._ends = ends
        self._now = now

    def save(self, connection: Connection, saves: Sequence[StepsSave]) -> list[Saved | TaskLost | None]:
        """For each what has come of it: None when the task is gone, TaskLost when another writer has it."""
        before = self._known.all(connection, {save.task_id for save in saves})
        after, now = dict(before), self._now()
        answers = [_saved(save, after, now) for save in saves]
        steps = {(save.task_id, key): step for save, told in _told(saves, answers) for key, step in told.steps.items()}
        self._rows.update(connection, [(task_id, step) for (task_id, _), step in steps.items()])
        self._write(connection, before, after)
        return answers

    def _write(self, connection: Connection, before: Mapping[str, Standing], after: Mapping[str, Standing]) -> None:
        changed = {task_id: standing for task_id, standing in after.items() if standing is not before[task_id]}
        values = [(task_id, one.revision, one.updated_at, one.status.value) for task_id, one in changed.items()]
        connection.update("tasks", ("id",), ("revision", "updated_at", "status"), values)
        moves = [Move(key, before[key].status, one.status, one.cancel_asked) for key, one in changed.items()]
        self._ends.moved(connection, [move for move in moves if move.before is not move.after])
        for task_id, standing in changed.items():
            self._known.note(task_id, standing)


def _saved(save: StepsSave, standings: dict[str, Standing], now: float) -> Saved | TaskLost | None:
    before = standings.get(save.task_id)
    if before is None:
        return None
    if save.epoch < before.epoch:
        return TaskLost(save.task_id)
    after = standings[save.task_id] = before.saved(save.steps, save.announced, now)
    kept = {key: forgotten(step, after.status, after.cancel_asked) for key, step in save.steps.items()}
    return Saved(kept, before.revision, after)


def _told(saves: Sequence[StepsSave], answers: Sequence[object]) -> Iterator[tuple[StepsSave, Saved]]:
    """Those that are carried out, and what comes of them."""
    return ((save, answer) for save, answer in zip(saves, answers, strict=True) if isinstance(answer, Saved))
