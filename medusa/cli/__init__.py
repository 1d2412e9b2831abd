"""The command line. This module stays light: what a command needs is imported when it runs."""

from __future__ import annotations

import signal


def main() -> None:
    """The entry point of `medusa`."""
    from medusa.cli.app import app

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor's stop is as clean as Ctrl-C
    app(prog_name="medusa")
