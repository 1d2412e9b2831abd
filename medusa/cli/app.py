"""The commands of `medusa` and their options."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from medusa.cli.ending import guarded

if TYPE_CHECKING:
    from medusa.cli.faces import Source

FILE: Final = click.Path(path_type=Path)
SETTINGS: Final = {"show_default": True, "max_content_width": 120}
Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def _file(name: str, envvar: str, help_: str) -> Decorator:
    """An option that names a file, which the environment may name as well."""
    return click.option(name, type=FILE, metavar="FILE", envvar=envvar, show_envvar=True, help=help_)


def _version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from medusa import __version__

        print(f"medusa {__version__}")
        context.exit()


@click.group(context_settings=SETTINGS)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.option(
    "--daemon",
    metavar="ADDRESS",
    envvar="MEDUSA_DAEMON",
    show_envvar=True,
    help="Ask medusad there, unix:/PATH or HOST:PORT, instead of working here.",
)
@_file("--token-file", "MEDUSA_TOKEN_FILE", "Its token; or in MEDUSA_TOKEN.")
@_file("--tls-ca", "MEDUSA_TLS_CA", "Who signed its certificate, PEM.")
@_file("--tls-cert", "MEDUSA_TLS_CERT", "Your own certificate, PEM.")
@_file("--tls-key", "MEDUSA_TLS_KEY", "The key of your certificate, PEM.")
@click.pass_context
def app(
    context: click.Context,
    *,
    daemon: str | None,
    token_file: Path | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Publish one piece of media everywhere: upload it to the hosts, then post about it."""
    if daemon:
        from medusa.cli import inputs
        from medusa.cli.faces import DaemonAt

        context.obj = DaemonAt(daemon, inputs.typed(context, "daemon"), token_file, tls_ca, tls_cert, tls_key)


@app.group("config")
def config_app() -> None:
    """Check the configuration."""


@app.group("auth")
def auth_app() -> None:
    """Log in where a platform needs it."""


# ---------------------------------------------------------------- what several commands take

_media = click.argument("media", type=FILE, required=False)
_to = click.option(
    "--to", metavar="TARGETS", multiple=True, required=True, help="Where to: youtube,facebook; may be repeated."
)
_meta = click.option("--meta", type=FILE, metavar="FILE", help='Titles, texts... by target, as JSON; "-" reads stdin.')
_sets = click.option(
    "--set",
    "sets",
    metavar="KEY=VALUE",
    multiple=True,
    help='One value: youtube.title=Hello. Text, unless it is true, false, null, [...], {...} or "...": then JSON. '
    "With := always JSON.",
)
_config = _file("--config", "MEDUSA_CONFIG", "The configuration [medusa_config.json].")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts; errors as well.")
_quiet = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
_task = click.argument("task", metavar="TASK")


def _on_tasks(command: Callable[..., int]) -> Callable[..., None]:
    """A command that is given the tasks' `source`, which --config or --daemon names."""

    @wraps(command)
    def run(context: click.Context, *, config: Path | None, **options: Any) -> int:
        from medusa.cli import faces

        return command(source=faces.chosen(context, config), **options)

    return _config(click.pass_context(guarded(run)))


# ---------------------------------------------------------------- publishing


@app.command()
@_media
@_to
@_meta
@_sets
@_config
@_json
@_quiet
@click.option(
    "--idempotency-key",
    "key",
    metavar="KEY",
    help="Publish once only: with a key that was used before, show that task instead.",
)
@click.option("--in-memory", is_flag=True, help="Keep no file of the task: it ends with this command.")
@click.pass_context
@guarded
def publish(
    context: click.Context,
    *,
    to: tuple[str, ...],
    media: Path | None,
    meta: Path | None,
    sets: tuple[str, ...],
    config: Path | None,
    key: str | None,
    in_memory: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Upload and post, and watch it happen.

    MEDIA is the file to publish; leave it out for a post without media. The task is kept in the configuration's file of
    tasks, or in one in your state directory: see `medusa list`.

    Exit status: 0 completed, 1 failed, 2 the request or the configuration is wrong, 130 interrupted.
    """
    from medusa.cli import faces, inputs
    from medusa.cli.publish import publish

    targets = inputs.targets(to)
    metadata = inputs.metadata(meta, sets, targets)
    source = faces.chosen(context, config)
    return publish(media, targets, metadata, source, key=key, in_memory=in_memory, as_json=as_json, quiet=quiet)


@app.command()
@_media
@_to
@_meta
@_sets
@_config
@click.option("--online", is_flag=True, help="Also ask the platforms; changes nothing.")
@_json
@click.pass_context
@guarded
def validate(
    context: click.Context,
    *,
    to: tuple[str, ...],
    media: Path | None,
    meta: Path | None,
    sets: tuple[str, ...],
    config: Path | None,
    online: bool,
    as_json: bool,
) -> int:
    """Say everything that is wrong with a request; send nothing."""
    from medusa.cli import faces, inputs
    from medusa.cli.publish import refusals, validate

    with refusals(as_json=as_json):
        targets = inputs.targets(to)
        metadata = inputs.metadata(meta, sets, targets)
        return validate(media, targets, metadata, faces.chosen(context, config), online=online, as_json=as_json)


@app.command()
@_config
@_json
@click.pass_context
@guarded
def platforms(context: click.Context, *, config: Path | None, as_json: bool) -> int:
    """What each platform can do, its limits, and what the configured targets may still do today."""
    from medusa.cli import faces
    from medusa.cli.platforms import left, show

    known = left(lambda: faces.chosen(context, config), named=config is not None)
    return show(known, as_json=as_json)


@config_app.command("check")
@click.argument("file", type=FILE, required=False)
@_config
@_json
@click.pass_context
@guarded
def config_check(context: click.Context, *, file: Path | None, config: Path | None, as_json: bool) -> int:
    """Say everything that is wrong with the configuration, each with its place.

    FILE is the configuration; --config says the same.
    """
    from medusa.cli import inputs
    from medusa.cli.config import check

    inputs.once(file, config if inputs.typed(context, "config") else None)
    return check(inputs.config_file(file or config), as_json=as_json)


@config_app.command("schema")
@guarded
def config_schema() -> int:
    """Print a JSON Schema of the configuration, for editors."""
    from medusa.cli.config import print_schema

    return print_schema()


@app.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--tls", is_flag=True, help="HTTPS, with a certificate that it makes.")
@click.option("--keep", type=FILE, metavar="DIR", help="Store what is uploaded here.")
@click.option("--faults", type=FILE, metavar="FILE", help="Faults to act out, as a JSON list.")
@click.option("--write-config", type=FILE, metavar="FILE", help="Write a configuration that points every target here.")
@guarded
def sandbox(*, port: int, tls: bool, keep: Path | None, faults: Path | None, write_config: Path | None) -> int:
    """Imitate the platforms on this machine.

    A configuration that points at it (--write-config) lets you rehearse everything without an account.
    """
    from medusa.cli.sandbox import serve

    return serve(port, tls=tls, keep=keep, faults=faults, write_config=write_config)


@app.command()
@click.option("--stay", is_flag=True, help="On a terminal: keep the page up until Ctrl-C.")
@guarded
def demo(*, stay: bool) -> int:
    """Watch a small video being published.

    To YouTube, Vimeo and Facebook as a sandbox on this machine imitates them; nothing leaves the machine.
    """
    from medusa.cli.demo import demo

    return demo(stay=stay)


@auth_app.command("login")
@click.argument("target")
@_config
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--timeout", type=click.FloatRange(min=1), default=300.0, help="Seconds to wait for your consent.")
@guarded
def auth_login(*, target: str, config: Path | None, no_browser: bool, timeout: float) -> int:
    """Ask for your consent in a browser and save the credentials.

    TARGET is one of the configuration: youtube.
    """
    from medusa.cli import inputs
    from medusa.cli.auth import login

    return login(target, inputs.config_file(config), open_browser=not no_browser, timeout_s=timeout)


# ---------------------------------------------------------------- tasks that are kept


@app.command("list")
@_config
@click.option("--limit", type=click.IntRange(min=1), default=20, help="How many, newest first.")
@click.option(
    "--state",
    type=click.Choice(["pending", "in_progress", "completed", "failed"]),
    help="Only those in this state.",
)
@click.option("--target", metavar="TARGET", help="Only those with this target.")
@click.option("--since", metavar="TIME", help="Only those asked for since: 2h, 3d, 2026-11-25.")
@click.option("--before", metavar="TASK", help="Only those older than this task: the next page.")
@_json
@click.pass_context
@guarded
def list_(
    context: click.Context,
    *,
    config: Path | None,
    limit: int,
    state: str | None,
    target: str | None,
    since: str | None,
    before: str | None,
    as_json: bool,
) -> int:
    """The tasks, newest first."""
    import time

    from medusa.cli import faces, inputs, tasks
    from medusa.domain.task import TaskStatus

    moment = inputs.moment(since, time.time())
    status = TaskStatus(state) if state else None
    source = faces.chosen(context, config)
    return tasks.listed(source, limit, before, status=status, target=target, since=moment, as_json=as_json)


@app.command()
@_task
@_on_tasks
@_json
def show(*, source: Source, task: str, as_json: bool) -> int:
    """Where one task stands: its steps, their attempts, waits and failures, and what to do."""
    from medusa.cli import tasks

    return tasks.shown(source, task, as_json=as_json)


@app.command()
@_task
@_on_tasks
@_json
def watch(*, source: Source, task: str, as_json: bool) -> int:
    """Watch a task that another process runs; with --json, an object for each change."""
    from medusa.cli import tasks

    return tasks.watched(source, task, as_json=as_json)


@app.command()
@_task
@_on_tasks
@_json
def cancel(*, source: Source, task: str, as_json: bool) -> int:
    """End a task, whoever runs it."""
    from medusa.cli import tasks

    return tasks.asked(source, task, lambda core, task_id: core.cancel(task_id), as_json=as_json)


@app.command()
@_task
@_on_tasks
@_json
def pause(*, source: Source, task: str, as_json: bool) -> int:
    """Let a task rest, whoever runs it; uploads keep their place."""
    from medusa.cli import tasks

    return tasks.asked(source, task, lambda core, task_id: core.pause(task_id), as_json=as_json)


@app.command()
@_task
@_on_tasks
@_json
@_quiet
def unpause(*, source: Source, task: str, as_json: bool, quiet: bool) -> int:
    """Go on with a paused task, here."""
    from medusa.cli import tasks

    return tasks.gone_on(source, task, lambda core: core.unpause(task), as_json=as_json, quiet=quiet)


@app.command()
@_task
@_on_tasks
@_json
@_quiet
def retry(*, source: Source, task: str, as_json: bool, quiet: bool) -> int:
    """Go on with a failed or cancelled task: only what had not succeeded, uploads at the byte."""
    from medusa.cli import tasks

    return tasks.gone_on(source, task, lambda core: core.retry(task), as_json=as_json, quiet=quiet)


@app.command()
@_task
@click.option("--posted", metavar="ID", help="It is on the platform: its id or address.")
@click.option("--not-posted", is_flag=True, help="It is not there: send it anew.")
@click.option("--target", metavar="TARGET", help="Of which target, where several are unknown.")
@_config
@_json
@_quiet
@click.pass_context
@guarded
def resolve(
    context: click.Context,
    *,
    task: str,
    posted: str | None,
    not_posted: bool,
    target: str | None,
    config: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Settle a post or an upload whose outcome is unknown, and go on."""
    from medusa.cli import faces, inputs, tasks

    settled = inputs.settled(posted, not_posted=not_posted)
    source = faces.chosen(context, config)

    def settle(core: faces.Medusa) -> None:
        core.resolve(task, posted=settled, target=target)

    return tasks.gone_on(source, task, settle, as_json=as_json, quiet=quiet)


@app.command()
@_task
@_on_tasks
@_json
def delete(*, source: Source, task: str, as_json: bool) -> int:
    """Forget a task that has ended."""
    from medusa.cli import tasks

    return tasks.deleted(source, task, as_json=as_json)


@app.command()
@_on_tasks
@_json
def resume(*, source: Source, as_json: bool) -> int:
    """Go on with everything that a killed process has left unfinished."""
    from medusa.cli import tasks

    return tasks.resumed(source, as_json=as_json)


@app.command()
@click.argument("words", metavar="[RATE]", nargs=-1)
@click.option("--target", metavar="TARGET", help="Only what is sent to this target.")
@_on_tasks
@_json
def limit(*, source: Source, words: tuple[str, ...], target: str | None, as_json: bool) -> int:
    """Limit how fast is sent, for tasks under way as well; without a rate: show the limits.

    RATE: "2MiB/s", "10Mbit/s", "unlimited", or "config" for what the configuration says.
    """
    from medusa.cli import faces, limit

    with faces.kept(source) as face:
        return limit.limit(face, " ".join(words) if words else None, target, as_json=as_json)
