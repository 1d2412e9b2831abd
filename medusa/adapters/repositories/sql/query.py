"""The list of tasks, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from medusa.adapters.repositories.sql.database import Connection, Row, rows_of
from medusa.adapters.repositories.sql.retention import counted
from medusa.adapters.repositories.sql.rows import TASK
from medusa.domain.failures import TaskNotFound
from medusa.domain.task import TaskStatus

_FEW: Final = 10_000
"""Of so many, all are looked at within a few ms. Of more, those that are wanted are not far from where one begins."""
_BEYOND: Final = 2**63 - 1
"""No task has a place as high."""


def page(
    connection: Connection,
    limit: int,
    before: str | None,
    *,
    status: TaskStatus | None,
    target: str | None,
    since: float | None,
) -> Sequence[Row]:
    """Rows of the query TASK, newest first, from just behind the task `before` on. Raises TaskNotFound."""
    along, joined, wanted = _along(connection, status, target)
    if before is not None:
        wanted.append((f"{along} < ?", _place(connection, before)))
    if status is not None:
        wanted.append(("status = ?", status.value))
    if since is not None:
        wanted.append(("+created_at >= ?", since))  # the sign: not by its index, which is in no order of places
        wanted.append((f"{along} >= ?", _earliest(connection, since)))
    where = f" WHERE {' AND '.join(condition for condition, _ in wanted)}" if wanted else ""
    asked = f"{TASK}{joined}{where} ORDER BY {along} DESC LIMIT ?"
    return connection.rows(asked, *(value for _, value in wanted), limit)


def _along(
    connection: Connection, status: TaskStatus | None, target: str | None
) -> tuple[str, str, list[tuple[str, object]]]:
    """Along which column it is looked, what is joined for that, and what is wanted of the target.

    A target's tasks are looked through, or those of a status that few have: the target may have a million others.
    """
    if target is None:
        return "tasks.seq", "", []
    if status is not None and counted(connection)[status] <= _FEW:
        of_target = "EXISTS (SELECT 1 FROM task_targets WHERE target = ? AND task_targets.seq = tasks.seq)"
        return "tasks.seq", "", [(of_target, target)]
    return "task_targets.seq", " JOIN task_targets ON task_targets.seq = tasks.seq", [("target = ?", target)]


def _earliest(connection: Connection, since: float) -> int:
    """A place before which no task was created since then; 0 where there are many since: then it is of no use.

    Tasks of several machines may come in another order than that of their times.
    """
    some = f"SELECT seq FROM tasks WHERE created_at >= ? LIMIT {_FEW}"  # noqa: S608 - a number of ours
    asked = f"SELECT count(*), coalesce(min(seq), {_BEYOND}) FROM ({some}) AS newest"  # noqa: S608
    ((count, earliest),) = connection.rows(asked, since)
    return int(earliest) if count < _FEW else 0


def revisions(connection: Connection, task_ids: Sequence[str], newest: int) -> dict[str, int]:
    """Id -> revision of those of these tasks that are there, and of so many of the newest."""
    rows = list(connection.rows("SELECT id, revision FROM tasks ORDER BY seq DESC LIMIT ?", newest)) if newest else []
    rows += rows_of(connection, "SELECT id, revision FROM tasks WHERE id IN ({})", task_ids)
    return {str(task_id): int(revision) for task_id, revision in rows}


def _place(connection: Connection, task_id: str) -> int:
    row = connection.row("SELECT seq FROM tasks WHERE id = ?", task_id)
    if row is None:
        raise TaskNotFound(task_id)
    return int(row[0])
