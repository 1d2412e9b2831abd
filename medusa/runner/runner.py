"""What an engine is given to run tasks with."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from medusa.domain import pipeline
from medusa.domain.failures import TaskConflict, TaskNotFound
from medusa.domain.task import StepState, Task
from medusa.runner.carried import AtHand, CarriedTask
from medusa.runner.ports import RunnerPorts
from medusa.runner.saving import kept
from medusa.runner.taken import TakenTask
from medusa.runner.workers import Workers

_log = logging.getLogger("medusa.runner")


class TaskRunner:
    """Made by an engine in its own process; its threads start with it."""

    def __init__(self, ports: RunnerPorts, workers: Workers) -> None:
        self._ports = ports
        self._workers = workers
        self._at_hand = AtHand()

    async def take(self, task_id: str) -> TakenTask | None:
        """Become the task's only writer. None when another process carries the task, or it is gone."""
        try:
            epoch = await kept(self._ports.repository.take_soon(task_id))
        except (TaskConflict, TaskNotFound):
            return None
        return TakenTask(self._ports, self._workers, CarriedTask(self._ports.repository, task_id, epoch, self._at_hand))

    def unfinished(self) -> tuple[str, ...]:
        """Ids of the tasks that wait for someone to go on with them."""
        return self._ports.repository.unfinished()

    @property
    def shared(self) -> bool:
        """Whether other processes carry tasks of the same repository."""
        return self._ports.repository.shared

    def called_off(self) -> Mapping[str, bool]:
        """Ids of the tasks taken here that someone, in whatever process, asked to be cancelled (True) or paused."""
        return self._ports.repository.called_off()

    def place(self, task_id: str) -> tuple[float, tuple[str, ...]] | None:
        """When the task was asked for, and its targets, sorted. None when it has ended or cannot be carried here."""
        try:
            task = self._ports.repository.get(task_id)
        except TaskNotFound:
            return None
        targets = {target.key for target in task.request.targets}
        unknown = targets - set(self._ports.adapters.keys())
        if unknown and not task.cancel_asked:
            _log.info("task %s is left to others: %s is not configured here", task_id, ", ".join(sorted(unknown)))
            return None
        return None if task.ended else (task.created_at, tuple(sorted(targets)))

    def is_left(self, task_id: str) -> bool:
        """Whether there is more to do for the task, now: a step that may start, or can no longer."""
        try:
            task = self._ports.repository.get(task_id)
        except TaskNotFound:
            return False
        return bool(pipeline.next_steps(task) or pipeline.unreachable(task))

    def left(self, task_id: str) -> str:
        """What an interrupted task leaves undone, in a line."""
        return f"task {task_id}: {undone(self._ports.repository.get(task_id))}"

    def close(self) -> None:
        """Let the threads end."""
        self._workers.close()


def undone(task: Task) -> str:
    """What has not ended, for a person: "YouTube: video (12 of 40 MB sent); Facebook: post (not begun)"."""
    said = []
    for step in task.steps:
        if step.ended or step.target is None:
            continue
        where = "not begun"
        if step.state is StepState.RUNNING:
            sent = f"{step.done / 1e6:.1f} of {step.total / 1e6:.1f} MB sent"
            where = sent if step.total else "under way"
        said.append(f"{task.target(step.target).display}: {step.name} ({where})")
    return "; ".join(said) or task.message
