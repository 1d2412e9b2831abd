"""The list of tasks, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

from medusa.adapters.repositories.sql.database import Connection, Row, rows_of
from medusa.adapters.repositories.sql.rows import TASK
from medusa.domain.failures import TaskNotFound
from medusa.domain.task import TaskStatus


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
    wanted: list[tuple[str, object]] = []
    order = "task_targets.seq" if target is not None else "tasks.seq"
    if before is not None:
        wanted.append((f"{order} < ?", _place(connection, before)))
    if status is not None:
        wanted.append(("status = ?", status.value))
    if since is not None:
        wanted.append(("created_at >= ?", since))
    if target is not None:
        wanted.append(("target = ?", target))
    joined = " JOIN task_targets ON task_targets.seq = tasks.seq" if target is not None else ""
    where = f" WHERE {' AND '.join(condition for condition, _ in wanted)}" if wanted else ""
    asked = f"{TASK}{joined}{where} ORDER BY {order} DESC LIMIT ?"
    return connection.rows(asked, *(value for _, value in wanted), limit)


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
