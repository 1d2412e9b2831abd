"""The command `medusad`."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from typing import Final

import click

from medusa.domain.failures import ConfigError, MedusaError

BAD_CONFIG: Final = 2
IN_USE: Final = 3
CANNOT_LISTEN: Final = 4
FAILED: Final = 1

FILE: Final = click.Path(path_type=Path)


@click.group(invoke_without_command=True, context_settings={"show_default": True})
@click.option(
    "--config",
    type=FILE,
    metavar="FILE",
    envvar="MEDUSA_CONFIG",
    show_envvar=True,
    default=Path("medusa_config.json"),
    help="The configuration.",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    multiple=True,
    help="unix:/PATH or HOST:PORT, instead of what the configuration says.",
)
@click.pass_context
def app(context: click.Context, config: Path, listen: tuple[str, ...]) -> None:
    """Publish for any program that asks over gRPC, until SIGTERM; SIGHUP reads the configuration anew.

    Exit status: 0 ended, 2 the configuration is wrong, 3 another daemon has the tasks or the address, 4 an address
    cannot be used.
    """
    if context.invoked_subcommand is None:
        context.exit(run(config, listen))


@app.group("token")
def token_app() -> None:
    """Bearer tokens, for callers over TCP."""


@token_app.command("new")
@click.option("--scope", metavar="SCOPES", required=True, help="What it allows: read,publish,admin")
@click.option("--name", default="client", help="Whose it is: stands in the log, and bounds are by it.")
@click.option("--expires", metavar="DATE", help="After it the token is refused.")
@click.pass_context
def token_new(context: click.Context, *, scope: str, name: str, expires: str | None) -> None:
    """Make a token, and the line of the configuration that lets it in.

    Prints two lines: the token, which is shown this once and kept nowhere, and its entry for medusa.daemon.tokens.
    """
    from medusa.daemon.tokens import made

    try:
        token, entry = made(name, [one.strip() for one in scope.split(",")], expires)
    except ConfigError as error:
        print(f"medusad: {error}", file=sys.stderr)
        context.exit(BAD_CONFIG)
    print(token)
    print(entry)


def run(config: Path, addresses: tuple[str, ...]) -> int:
    """Serve until a signal comes; the exit status."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what its core says on stderr is said by us
    from medusa.daemon.daemon import Daemon
    from medusa.daemon.errors import CannotListen, InUse

    _raise_limit()

    async def serve() -> None:
        await Daemon(config, addresses).run()

    try:
        asyncio.run(serve())
    except MedusaError as error:
        print(f"medusad: {error}", file=sys.stderr)
        kinds = ((ConfigError, BAD_CONFIG), (InUse, IN_USE), (CannotListen, CANNOT_LISTEN), (MedusaError, FAILED))
        return next(status for kind, status in kinds if isinstance(error, kind))
    return 0


def _raise_limit() -> None:
    """As many open connections and files as the system allows, and not what a shell is given."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """Run it."""
    app(prog_name="medusad")
