"""The commands of `medusa` and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from medusa.cli.ending import guarded

app = typer.Typer(
    name="medusa",
    help="Publish one piece of media everywhere: upload it to the hosts, then post about it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Check the configuration.", no_args_is_help=True, rich_markup_mode=None)
auth_app = typer.Typer(help="Log in where a platform needs it.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config_app, name="config")
app.add_typer(auth_app, name="auth")

Media = Annotated[
    Path | None, typer.Argument(help="The file to publish; leave it out for a post without media.", show_default=False)
]
To = Annotated[list[str], typer.Option("--to", metavar="TARGETS", help="Where to: youtube,facebook")]
Meta = Annotated[
    Path | None, typer.Option("--meta", metavar="FILE", help='Titles, texts... by target, as JSON; "-" reads stdin.')
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help='One value: youtube.title=Hello. Text, unless it is true, false, null, [...], {...} or "...": '
        "then JSON. With := always JSON.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="MEDUSA_CONFIG", help="The configuration [medusa_config.json]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]


def _version(asked: bool) -> None:
    if asked:
        from medusa import __version__

        print(f"medusa {__version__}")
        raise typer.Exit


@app.callback()
def medusa(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    daemon: Annotated[
        str | None,
        typer.Option(
            "--daemon",
            metavar="ADDRESS",
            envvar="MEDUSA_DAEMON",
            help="Ask medusad there, unix:/PATH or HOST:PORT, instead of working here.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="MEDUSA_TOKEN_FILE", help="Its token; or in MEDUSA_TOKEN."),
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="MEDUSA_TLS_CA", help="Who signed its certificate, PEM.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="MEDUSA_TLS_CERT", help="Your own certificate, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", envvar="MEDUSA_TLS_KEY", help="The key of your certificate, PEM.")
    ] = None,
) -> None:
    """What all commands share."""
    if daemon:
        from medusa.cli import inputs
        from medusa.cli.faces import DaemonAt

        context.obj = DaemonAt(daemon, inputs.typed(context, "daemon"), token_file, tls_ca, tls_cert, tls_key)


@app.command()
@guarded
def publish(
    context: typer.Context,
    *,
    to: To,
    media: Media = None,
    meta: Meta = None,
    sets: Sets = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            metavar="KEY",
            help="Publish once only: with a key that was used before, show that task instead.",
        ),
    ] = None,
    in_memory: Annotated[
        bool, typer.Option("--in-memory", help="Keep no file of the task: it ends with this command.")
    ] = False,
) -> int:
    """Upload and post, and watch it happen.

    The task is kept in the configuration's file of tasks, or in one in your state directory: see `medusa list`.

    Exit status: 0 completed, 1 failed, 2 the request or the configuration is wrong, 130 interrupted.
    """
    from medusa.cli import faces, inputs
    from medusa.cli.publish import publish, refusals

    with refusals(as_json=as_json, status="invalid"):
        targets = inputs.targets(to)
        metadata = inputs.metadata(meta, sets or [], targets)
        source = faces.chosen(context, config)
        return publish(media, targets, metadata, source, key=key, in_memory=in_memory, as_json=as_json, quiet=quiet)


@app.command()
@guarded
def validate(
    context: typer.Context,
    *,
    to: To,
    media: Media = None,
    meta: Meta = None,
    sets: Sets = None,
    config: Config = None,
    online: Annotated[bool, typer.Option("--online", help="Also ask the platforms; changes nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say everything that is wrong with a request; send nothing."""
    from medusa.cli import faces, inputs
    from medusa.cli.publish import refusals, validate

    with refusals(as_json=as_json, valid=False):
        targets = inputs.targets(to)
        metadata = inputs.metadata(meta, sets or [], targets)
        return validate(media, targets, metadata, faces.chosen(context, config), online=online, as_json=as_json)


@app.command()
@guarded
def platforms(context: typer.Context, config: Config = None, as_json: AsJson = False) -> int:
    """What each platform can do, its limits, and what the configured targets may still do today."""
    from medusa.cli import faces
    from medusa.cli.platforms import left, show

    known = left(lambda: faces.chosen(context, config), named=config is not None)
    return show(known, as_json=as_json)


@config_app.command("check")
@guarded
def config_check(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="The configuration; --config says the same.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Say everything that is wrong with the configuration, each with its place."""
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
@guarded
def sandbox(
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 0,
    tls: Annotated[bool, typer.Option("--tls", help="HTTPS, with a certificate that it makes.")] = False,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Store what is uploaded here.")] = None,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="Faults to act out, as a JSON list.")] = None,
    write_config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a configuration that points every target here.")
    ] = None,
) -> int:
    """Imitate the platforms on this machine.

    A configuration that points at it (--write-config) lets you rehearse everything without an account.
    """
    from medusa.cli.sandbox import serve

    return serve(port, tls=tls, keep=keep, faults=faults, write_config=write_config)


@app.command()
@guarded
def demo(
    stay: Annotated[bool, typer.Option("--stay", help="On a terminal: keep the page up until Ctrl-C.")] = False,
) -> int:
    """Watch a small video being published.

    To YouTube, Vimeo and Facebook as a sandbox on this machine imitates them; nothing leaves the machine.
    """
    from medusa.cli.demo import demo

    return demo(stay=stay)


@auth_app.command("login")
@guarded
def auth_login(
    target: Annotated[str, typer.Argument(help="A target of the configuration: youtube")],
    config: Config = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address instead of opening it.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for your consent.", min=1)] = 300,
) -> int:
    """Ask for your consent in a browser and save the credentials."""
    from medusa.cli import inputs
    from medusa.cli.auth import login

    return login(target, inputs.config_file(config), open_browser=not no_browser, timeout_s=timeout)


# ---------------------------------------------------------------- tasks that are kept

State = Literal["pending", "in_progress", "completed", "failed"]
TaskId = Annotated[str, typer.Argument(metavar="TASK", help="A task's id, as `medusa list` shows it.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@app.command("list")
@guarded
def list_(
    context: typer.Context,
    *,
    config: Config = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    target: Annotated[str | None, typer.Option(metavar="TARGET", help="Only those with this target.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only those asked for since: 2h, 3d, 2026-11-25.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="TASK", help="Only those older than this task: the next page.")
    ] = None,
    as_json: AsJson = False,
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
@guarded
def show(context: typer.Context, task: TaskId, config: Config = None, as_json: AsJson = False) -> int:
    """Where one task stands: its steps, their attempts, waits and failures, and what to do."""
    from medusa.cli import faces, tasks

    return tasks.shown(faces.chosen(context, config), task, as_json=as_json)


@app.command()
@guarded
def watch(context: typer.Context, task: TaskId, config: Config = None, as_json: AsJson = False) -> int:
    """Watch a task that another process runs; with --json, an object for each change."""
    from medusa.cli import faces, tasks

    return tasks.watched(faces.chosen(context, config), task, as_json=as_json)


@app.command()
@guarded
def cancel(context: typer.Context, task: TaskId, config: Config = None, as_json: AsJson = False) -> int:
    """End a task, whoever runs it."""
    from medusa.cli import faces, tasks

    source = faces.chosen(context, config)
    return tasks.asked(source, task, lambda core, task_id: core.cancel(task_id), as_json=as_json)


@app.command()
@guarded
def pause(context: typer.Context, task: TaskId, config: Config = None, as_json: AsJson = False) -> int:
    """Let a task rest, whoever runs it; uploads keep their place."""
    from medusa.cli import faces, tasks

    source = faces.chosen(context, config)
    return tasks.asked(source, task, lambda core, task_id: core.pause(task_id), as_json=as_json)


@app.command()
@guarded
def unpause(
    context: typer.Context, task: TaskId, *, config: Config = None, as_json: AsJson = False, quiet: Quiet = False
) -> int:
    """Go on with a paused task, here."""
    from medusa.cli import faces, tasks

    source = faces.chosen(context, config)
    return tasks.gone_on(source, task, lambda core: core.unpause(task), as_json=as_json, quiet=quiet)


@app.command()
@guarded
def retry(
    context: typer.Context, task: TaskId, *, config: Config = None, as_json: AsJson = False, quiet: Quiet = False
) -> int:
    """Go on with a failed or cancelled task: only what had not succeeded, uploads at the byte."""
    from medusa.cli import faces, tasks

    source = faces.chosen(context, config)
    return tasks.gone_on(source, task, lambda core: core.retry(task), as_json=as_json, quiet=quiet)


@app.command()
@guarded
def resolve(
    context: typer.Context,
    task: TaskId,
    *,
    posted: Annotated[str | None, typer.Option(metavar="ID", help="It is on the platform, under this id.")] = None,
    not_posted: Annotated[bool, typer.Option("--not-posted", help="It is not there: send it anew.")] = False,
    target: Annotated[str | None, typer.Option("--target", help="Of which target, where several are unknown.")] = None,
    config: Config = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Settle a post or an upload whose outcome is unknown, and go on."""
    from medusa.cli import faces, inputs, tasks

    settled = inputs.settled(posted, not_posted=not_posted)
    source = faces.chosen(context, config)

    def settle(core: faces.Medusa) -> None:
        core.resolve(task, posted=settled, target=target)

    return tasks.gone_on(source, task, settle, as_json=as_json, quiet=quiet)


@app.command()
@guarded
def delete(context: typer.Context, task: TaskId, config: Config = None, as_json: AsJson = False) -> int:
    """Forget a task that has ended."""
    from medusa.cli import faces, tasks

    return tasks.deleted(faces.chosen(context, config), task, as_json=as_json)


@app.command()
@guarded
def resume(context: typer.Context, config: Config = None, as_json: AsJson = False) -> int:
    """Go on with everything that a killed process has left unfinished."""
    from medusa.cli import faces, tasks

    return tasks.resumed(faces.chosen(context, config), as_json=as_json)


@app.command()
@guarded
def limit(
    context: typer.Context,
    rate: Annotated[
        str | None, typer.Argument(help='"2MiB/s", "10Mbit/s", "unlimited", or "config" for what the config says.')
    ] = None,
    target: Annotated[str | None, typer.Option("--target", help="Only what is sent to this target.")] = None,
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Limit how fast is sent, for tasks under way as well; without a rate: show the limits."""
    from medusa.cli import faces, limit

    with faces.kept(faces.chosen(context, config)) as face:
        return limit.limit(face, rate, target, as_json=as_json)
