"""The commands on tasks that a file keeps: list, show, watch, cancel, pause, unpause, retry, resolve, resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

from medusa.cli.ending import COMPLETED, FAILED, clean, say
from medusa.cli.faces import Medusa, Source, kept
from medusa.cli.progress import standing
from medusa.cli.publish import to_its_end
from medusa.cli.views import view
from medusa.domain.failures import TaskConflict
from medusa.domain.task import Task, TaskStatus, status_reply


def listed(source: Source, limit: int, *, as_json: bool) -> int:
    """Print the newest tasks, a line each; the exit status."""
    with kept(source) as core:
        tasks = core.list_tasks(limit)
    if as_json:
        print(json.dumps([{"id": task.id, "created_at": task.created_at, **status_reply(task)} for task in tasks]))
    for task in () if as_json else tasks:
        begun = f"{datetime.fromtimestamp(task.created_at):%Y-%m-%d %H:%M}"
        named = task.request.media.name if task.request.media else "(no media)"
        to = ",".join(target.key for target in task.request.targets)
        print(clean(f"{task.id}  {begun}  {task.status:11}  {named} -> {to}  {task.message}"))
    return COMPLETED


def shown(source: Source, task_id: str, *, as_json: bool) -> int:
    """Print where one task stands; the exit status."""
    with kept(source) as core:
        task = core.get_task(task_id)
    if as_json:
        print(json.dumps(status_reply(task), indent=2))
        return COMPLETED
    print(clean(f"{task.status}: {task.message}\n{standing(task)}"))
    for warning in task.warnings:
        print(clean(f"Warning: {warning}"))
    return COMPLETED


def watched(source: Source, task_id: str) -> int:
    """Show a task that some process runs, until it has ended or rests; the exit status."""
    with kept(source) as core, view(quiet=False, bars_only=False) as seen:
        for task in core.watch(task_id):
            seen.show(task)
            if task.resting:
                break
        task = core.get_task(task_id)
    return _told(task)


def asked(source: Source, task_id: str, ask: Callable[[Medusa, str], bool]) -> int:
    """Ask for a cancel or a pause, whoever runs the task, and say what came of it; the exit status."""
    with kept(source) as core:
        if not ask(core, task_id):
            raise TaskConflict(f"task {task_id} has ended already")
        for task in core.watch(task_id):
            if task.ended or task.resting:
                say(task.message)
                break
    return COMPLETED


def gone_on(source: Source, task_id: str, begin: Callable[[Medusa], object], *, as_json: bool, quiet: bool) -> int:
    """Let a task go on in this process, and follow it to its end; the exit status."""
    with kept(source) as core:
        begin(core)
        return to_its_end(core, task_id, as_json=as_json, quiet=quiet)


def deleted(source: Source, task_id: str) -> int:
    """Forget a task that has ended; the exit status."""
    with kept(source) as core:
        core.delete(task_id)
    return COMPLETED


def resumed(source: Source) -> int:
    """Go on with all that earlier processes left unfinished; the exit status."""
    with kept(source) as core:
        left = [task.id for task in core.list_tasks(1000) if not task.ended and not task.paused]
        core.resume()
        outcomes = [_told_of(core, task_id) for task_id in left]
    say(f"{len(left)} tasks gone on with" if left else "Nothing was left unfinished.")
    return max(outcomes, default=COMPLETED)


def _told_of(core: Medusa, task_id: str) -> int:
    core.wait(task_id)
    task = core.get_task(task_id)
    say(f"{task_id}: {task.message}")
    return _told(task)


def _told(task: Task) -> int:
    return FAILED if task.status is TaskStatus.FAILED else COMPLETED
