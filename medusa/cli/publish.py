"""`medusa publish` and `medusa validate`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from medusa.cli.ending import BAD_INPUT, COMPLETED, FAILED, INTERRUPTED, Terminated, clean, listed, say
from medusa.cli.faces import Medusa, Source, kept, opened
from medusa.cli.handing import HandingOver
from medusa.cli.progress import lines, standing
from medusa.cli.views import View, view
from medusa.domain.failures import ConfigError, InvalidRequest
from medusa.domain.task import Task, TaskStatus, status_reply
from medusa.domain.values import Problem


@contextmanager
def refusals(*, as_json: bool) -> Iterator[None]:
    """With `as_json`, a request or a configuration that cannot even be judged is as invalid as one that was judged."""
    try:
        yield
    except (InvalidRequest, ConfigError) as error:
        if not as_json:
            raise
        _print_verdict(error.problems)
        raise click.exceptions.Exit(BAD_INPUT) from error


def _print_verdict(problems: Sequence[Problem]) -> None:
    print(json.dumps({"valid": not problems, "problems": listed(problems)}, indent=2), flush=True)


def publish(
    media: Path | None,
    targets: Sequence[str],
    metadata: Mapping[str, Any],
    source: Source,
    *,
    key: str | None = None,
    in_memory: bool = False,
    as_json: bool,
    quiet: bool,
) -> int:
    """Publish, show how it goes, print the outcome; the exit status."""
    if in_memory and not isinstance(source, Path):
        raise InvalidRequest([Problem("--in-memory", "a daemon keeps its tasks: give --daemon or --in-memory")])
    handing = HandingOver(media, partial(view, quiet=quiet, bars_only=as_json))
    with opened(source) if in_memory else kept(source, handing) as core:
        with handing:
            task_id = core.publish_async(media, list(targets), metadata, idempotency_key=key)
        if not quiet and not as_json:
            say(f"Task {task_id}")
        return to_its_end(core, task_id, as_json=as_json, quiet=quiet, lasting=not in_memory)


def to_its_end(core: Medusa, task_id: str, *, as_json: bool, quiet: bool, lasting: bool = True) -> int:
    """Show how a task goes, print its outcome; the exit status. `lasting`: it outlives this command."""
    try:
        task = follow(core, task_id, view(quiet=quiet, bars_only=as_json), lasting=lasting)
    except Terminated:
        say("Left where it stands. To go on, if nobody runs it any more: medusa resume")
        say(_standing(core.get_task(task_id)))
        raise
    except KeyboardInterrupt:
        say(f"Left; what was under way may still take effect.\n{_standing(core.get_task(task_id))}")
        raise
    if as_json:
        print(json.dumps({"id": task.id, **status_reply(task)}, indent=2))
    else:
        tell(task, lasting=lasting)
    return exit_status(task)


def exit_status(task: Task) -> int:
    """Of a command that has followed the task to its end."""
    if task.status is TaskStatus.COMPLETED:
        return COMPLETED
    return INTERRUPTED if task.cancel_asked else FAILED


def follow(core: Medusa, task_id: str, shown: View, *, lasting: bool = False) -> Task:
    """Show the task until it has ended. Ctrl-C cancels it; a second one leaves at once.

    SIGTERM leaves one that is `lasting` where it stands: after a restart of the machine it goes on at the byte.
    """
    with shown:
        try:
            show_until_rest(core, task_id, shown)
        except KeyboardInterrupt as interrupt:
            if lasting and isinstance(interrupt, Terminated):
                raise
            say("Stopping... (Ctrl-C again leaves at once)")
            core.cancel(task_id)
            show_until_rest(core, task_id, shown)
    return core.get_task(task_id)


def show_until_rest(core: Medusa, task_id: str, shown: View) -> None:
    """Show the task until it has ended or rests."""
    for task in core.watch(task_id):
        shown.draw(lines(task))
        if task.resting:  # another process has paused it
            return


def tell(task: Task, *, lasting: bool) -> None:
    """The outcome for a person: results on stdout, all else on stderr; how to go on with a task that is `lasting`."""
    for warning in task.warnings:
        say(f"Warning: {warning}")
    if task.status is TaskStatus.COMPLETED:
        print("\n".join(f"{name}: {clean(value)}" for name, value in task.results.items()), flush=True)
    elif task.resting:
        say(f"Paused. To go on: medusa unpause {task.id}\n{_standing(task)}")
    else:
        interrupted = (
            f"Interrupted.{f' To try again, uploads from their start: medusa retry {task.id}' if lasting else ''}"
        )
        said = interrupted if task.culprit is None else f"Failed: {status_reply(task)['error']}"
        say(f"{said}\n{_standing(task)}")


def _standing(task: Task) -> str:
    return f"How far it came:\n{standing(task)}"


def validate(
    media: Path | None,
    targets: Sequence[str],
    metadata: Mapping[str, Any],
    source: Source,
    *,
    online: bool,
    as_json: bool,
) -> int:
    """Print everything that is wrong with a request, or "valid"; the exit status."""
    handing = HandingOver(media, partial(view, bars_only=as_json))
    with opened(source, handing) as core, handing:
        problems = core.validate(media, list(targets), metadata, online=online)
    if as_json:
        _print_verdict(problems)
    else:
        print(clean("\n".join(str(problem) for problem in problems)) or "valid", flush=True)
        if not online:
            say("The media and the accounts are looked at with --online only.")
    return BAD_INPUT if problems else COMPLETED
