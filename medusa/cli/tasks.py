"""The commands on tasks that are kept: list, show, watch, cancel, pause, unpause, retry, resolve, delete, resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from medusa.cli import described
from medusa.cli.ending import COMPLETED, FAILED, clean, say
from medusa.cli.faces import Medusa, Source, kept
from medusa.cli.progress import lines
from medusa.cli.publish import show_until_rest, to_its_end
from medusa.cli.views import View, view
from medusa.domain.failures import TaskConflict
from medusa.domain.task import Task, TaskStatus, status_reply

PAGE: Final = 100


def listed(
    source: Source,
    limit: int,
    before: str | None,
    *,
    status: TaskStatus | None,
    target: str | None,
    since: float | None,
    as_json: bool,
) -> int:
    """Print the newest of those tasks, a line each; the exit status."""
    with kept(source) as core:
        tasks = core.list_tasks(limit, before, status=status, target=target, since=since)
    if as_json:
        print(json.dumps([described.entry(task) for task in tasks], indent=2))
        return COMPLETED
    for task in tasks:
        print(clean(described.row(task)))
    if len(tasks) == limit:
        say(f"Older ones: --before {tasks[-1].id}")
    return COMPLETED


def shown(source: Source, task_id: str, *, as_json: bool) -> int:
    """Print where one task stands; the exit status."""
    with kept(source) as core:
        task = core.get_task(task_id)
    print(json.dumps(described.whole(task), indent=2) if as_json else clean(described.page(task)))
    return COMPLETED


def watched(source: Source, task_id: str, *, as_json: bool) -> int:
    """Show a task that some process runs, until it has ended or rests; the exit status."""
    shown: AbstractContextManager[View | None] = nullcontext() if as_json else view()
    with kept(source) as core, shown as seen:
        for task in core.watch(task_id):
            if seen is None:
                print(json.dumps(described.whole(task)), flush=True)
            else:
                seen.draw(lines(task))
            if task.resting:
                break
        task = core.get_task(task_id)
    if not as_json:
        say(task.message)
    return _told(task)


def asked(source: Source, task_id: str, ask: Callable[[Medusa, str], bool], *, as_json: bool) -> int:
    """Ask for a cancel or a pause, whoever runs the task, and say what came of it; the exit status."""
    with kept(source) as core:
        if not ask(core, task_id):
            raise _ended_already(task_id)
        for task in core.watch(task_id):
            if task.ended or task.resting:
                break
        task = core.get_task(task_id)
    if as_json:
        print(json.dumps(described.entry(task), indent=2))
    else:
        say(task.message)
    return COMPLETED


def gone_on(source: Source, task_id: str, begin: Callable[[Medusa], bool | None], *, as_json: bool, quiet: bool) -> int:
    """Let a task go on in this process, and follow it to its end; the exit status. `begin`: False if it has ended."""
    with kept(source) as core:
        if begin(core) is False:
            raise _ended_already(task_id)
        return to_its_end(core, task_id, as_json=as_json, quiet=quiet)


def deleted(source: Source, task_id: str, *, as_json: bool) -> int:
    """Forget a task that has ended; the exit status."""
    with kept(source) as core:
        core.delete(task_id)
    if as_json:
        print(json.dumps({"deleted": task_id}))
    return COMPLETED


def resumed(source: Source, *, as_json: bool) -> int:
    """Go on with all that earlier processes left unfinished; the exit status."""
    with kept(source) as core:
        unfinished = _unfinished(core)
        left = [task.id for task in unfinished if not task.paused]
        core.resume()
        tasks = [_ended(core, task_id, as_json=as_json) for task_id in left]
    if as_json:
        print(json.dumps([{"id": task.id, **status_reply(task)} for task in tasks], indent=2))
    else:
        resting = len(unfinished) - len(left)
        say(f"Gone on with: {len(left)}" if left else "Nothing was left unfinished.")
        if resting:
            say(f"Paused, and left so: {resting}. To go on with one: medusa unpause TASK (medusa list shows them)")
    return max(map(_told, tasks), default=COMPLETED)


def _unfinished(core: Medusa) -> list[Task]:
    """Oldest first."""
    found: dict[str, Task] = {}
    for status in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS):  # so that one that begins meanwhile is not missed
        page = core.list_tasks(PAGE, status=status)
        while page:
            found |= {task.id: task for task in page}
            page = core.list_tasks(PAGE, page[-1].id, status=status)
    return sorted(found.values(), key=lambda task: task.created_at)


def _ended(core: Medusa, task_id: str, *, as_json: bool) -> Task:
    """Show how the task goes until it has ended, and what came of it."""
    task = core.get_task(task_id)
    if not (as_json or task.ended):  # it may have ended while another was shown
        say(f"Going on with {described.row(task)}")
    with view(quiet=task.ended, bars_only=as_json) as shown:
        show_until_rest(core, task_id, shown)
    task = core.get_task(task_id)
    if not as_json:
        say(f"{task_id}: {task.message}")
    return task


def _ended_already(task_id: str) -> TaskConflict:
    return TaskConflict(f"task {task_id} has ended already")


def _told(task: Task) -> int:
    return FAILED if task.status is TaskStatus.FAILED else COMPLETED
