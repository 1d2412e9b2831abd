"""The command line. This module stays light: what a command needs is imported when it runs."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """The entry point of `medusa`."""
    from medusa.cli.app import app
    from medusa.cli.ending import carried_out

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor's stop is as clean as Ctrl-C
    sys.exit(carried_out(app, sys.argv[1:]))
