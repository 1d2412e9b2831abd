"""The command line. This module stays light: what a command needs is imported when it runs."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def main() -> None:
    """The entry point of `medusa`."""
    from medusa.cli.app import app
    from medusa.cli.ending import carried_out

    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(carried_out(app, sys.argv[1:]))


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """A supervisor's stop, or the machine's, is as clean as Ctrl-C."""
    from medusa.cli.ending import Terminated

    raise Terminated
