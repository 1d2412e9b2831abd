"""Tasks and steps as rows and back."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final, TypeVar

from medusa.adapters.repositories.codec import from_json, progress_from_json, progress_to_json, to_json
from medusa.adapters.repositories.sql.crypt import Cipher, Unreadable
from medusa.adapters.repositories.sql.database import Connection, Row, rows_of
from medusa.domain.failures import MedusaError, TaskNotFound
from medusa.domain.request import PublishRequest
from medusa.domain.task import Step, Task
from medusa.domain.values import Checkpoint, Intent, StepSpec

T = TypeVar("T")
_log = logging.getLogger("medusa.repository")

TASK: Final = (
    "SELECT id, created_at, revision, cancel_asked, paused, updated_at, body FROM tasks JOIN requests ON task_id = id"
)
_STEP: Final = "SELECT step_key, progress, checkpoint, intent, may_be_out, spec FROM steps"
_STEPS: Final = f"{_STEP} WHERE task_id = ? ORDER BY place"
_IN_DOUBT: Final = f"{_STEP} WHERE may_be_out = 1 AND (checkpoint IS NOT NULL OR intent IS NOT NULL)"
_SECRETS: Final = f"{_STEP} WHERE task_id = ? AND may_be_out = 0 AND (checkpoint IS NOT NULL OR intent IS NOT NULL)"
_FIXED: Final = ("task_id", "place", "step_key", "required", "spec")
_CHANGING: Final = ("state", "may_be_out", "published", "progress", "checkpoint", "intent")
_SECRETIVE: Final = (
    "SELECT DISTINCT task_id FROM steps WHERE task_id IN ({}) AND (checkpoint IS NOT NULL OR intent IS NOT NULL)"
)


class StepRows:
    """Steps, with what gives access to an account encrypted."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def task(self, connection: Connection, row: Row, *, to_carry: bool = True) -> Task:
        """The task of a row of the query TASK. Raises MedusaError if one of its steps may be out and cannot be read.

        Not to be carried, but shown, it merely lacks what was sent.
        """
        task_id, created_at, revision, cancel_asked, paused, updated_at, request = row
        return Task(
            task_id,
            _request(request),
            tuple(self._step(row, needed=to_carry) for row in connection.rows(_STEPS, task_id)),
            created_at,
            revision=revision,
            cancel_asked=bool(cancel_asked),
            paused=bool(paused),
            updated_at=updated_at,
        )

    def found(self, connection: Connection, task_id: str) -> Task:
        """Raises TaskNotFound."""
        row = connection.row(f"{TASK} WHERE id = ?", task_id)
        if row is None:
            raise TaskNotFound(task_id)
        return self.task(connection, row)

    def in_doubt(self, connection: Connection) -> Iterator[Step]:
        """The steps of all tasks that may be out. What was sent is missing in one that cannot be read."""
        return (self._step(row, needed=False) for row in connection.rows(_IN_DOUBT))

    def _step(self, row: Row, *, needed: bool) -> Step:
        """Raises MedusaError if it is `needed`, may be out, and what was sent cannot be read."""
        key, progress, checkpoint, intent, may_be_out, spec = row
        needed = needed and bool(may_be_out)
        at = self._opened(Checkpoint, checkpoint, f"{key} checkpoint", needed)
        sent = self._opened(Intent, intent, f"{key} intent", needed)
        return progress_from_json(progress, _spec(spec), at, sent)

    def secretive(self, connection: Connection, task_ids: Collection[str]) -> list[str]:
        """Those of these tasks that keep what gives access."""
        return [row[0] for row in rows_of(connection, _SECRETIVE, task_ids)]

    def secrets(self, connection: Connection, task_id: str) -> list[Step]:
        """The task's steps that keep what gives access, without those that may be out: they go on keeping it."""
        return [self._step(row, needed=False) for row in connection.rows(_SECRETS, task_id)]

    def insert(self, connection: Connection, task: Task) -> None:
        """All steps of the task."""
        values = [
            (task.id, place, step.key, int(step.spec.required), to_json(step.spec), *self._changing(step))
            for place, step in enumerate(task.steps)
        ]
        connection.insert("steps", (*_FIXED, *_CHANGING), values)

    def update(self, connection: Connection, steps: Collection[tuple[str, Step]]) -> None:
        """Each with the id of its task."""
        values = [(task_id, step.key, *self._changing(step)) for task_id, step in steps]
        connection.update("steps", ("task_id", "step_key"), _CHANGING, values)

    def _changing(self, step: Step) -> tuple[object, ...]:
        checkpoint = self._sealed(step.checkpoint, f"{step.key} checkpoint")
        intent = self._sealed(step.intent, f"{step.key} intent")
        return step.state.value, int(step.may_be_out), step.published, progress_to_json(step), checkpoint, intent

    def _sealed(self, value: Checkpoint | Intent | None, place: str) -> bytes | None:
        return None if value is None else self._cipher.encrypt(to_json(value), place)

    def _opened(self, kind: type[T], sealed: bytes | None, place: str, needed: bool) -> T | None:
        if sealed is None:
            return None
        try:
            return from_json(kind, self._cipher.decrypt(bytes(sealed), place))
        except Unreadable:
            if needed:
                raise MedusaError(f"the {place} cannot be decrypted, and may have been published") from None
            _log.warning("the %s cannot be decrypted and counts as none", place)
            return None


@lru_cache(maxsize=1024)
def _spec(text: str) -> StepSpec:
    return from_json(StepSpec, text)


@lru_cache(maxsize=256)
def _request(text: str) -> PublishRequest:
    return from_json(PublishRequest, text)
