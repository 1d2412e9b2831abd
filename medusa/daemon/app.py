"""The command `medusad`."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from medusa.domain.failures import ConfigError, MedusaError

app = typer.Typer(name="medusad", rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
BAD_CONFIG: Final = 2
IN_USE: Final = 3
CANNOT_LISTEN: Final = 4
FAILED: Final = 1

token_app = typer.Typer(help="Bearer tokens, for callers over TCP.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(token_app, name="token")

Config = Annotated[Path, typer.Option("--config", metavar="FILE", envvar="MEDUSA_CONFIG", help="The configuration.")]


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    config: Config = Path("medusa_config.json"),
    listen: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="unix:/PATH or HOST:PORT, instead of what the configuration says."),
    ] = None,
) -> None:
    """Publish for any program that asks over gRPC, until SIGTERM; SIGHUP reads the configuration anew.

    Exit status: 0 ended, 2 the configuration is wrong, 3 another daemon has the tasks or the address, 4 an address
    cannot be used.
    """
    if context.invoked_subcommand is None:
        raise typer.Exit(run(config, tuple(listen or ())))


@token_app.command("new")
def token_new(
    scope: Annotated[str, typer.Option(metavar="SCOPES", help="What it allows: read,publish,admin")],
    name: Annotated[str, typer.Option(help="Whose it is: stands in the log, and bounds are by it.")] = "client",
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="After it the token is refused.")] = None,
) -> None:
    """Make a token, and the line of the configuration that lets it in.

    Prints two lines: the token, which is shown this once and kept nowhere, and its entry for medusa.daemon.tokens.
    """
    from medusa.daemon.tokens import made

    try:
        token, entry = made(name, [one.strip() for one in scope.split(",")], expires)
    except ConfigError as error:
        print(f"medusad: {error}", file=sys.stderr)
        raise typer.Exit(BAD_CONFIG) from None
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
    app()
