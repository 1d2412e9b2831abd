"""The command line. This module stays light: what a command needs is imported when it runs."""

from __future__ import annotations

import signal
import sys
from typing import Final

_FRAMEWORKS: Final = frozenset(
    {"fast_depends", "fastapi", "pydantic", "pydantic_settings", "starlette", "werkzeug", "yaml"}
)
"""What dependency-injector imports wherever it is installed, to serve programs that use it: up to 300 ms."""


class _Absent:
    """Finds nothing, and lets nobody else find, what this process has no use for. A program that uses Medusa has none
    of this: only the process of the command line is ours alone."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Part of the protocol of `sys.meta_path`."""
        if name in _FRAMEWORKS:
            raise ModuleNotFoundError(f"{name} is not used here", name=name)


def main() -> None:
    """The entry point of `medusa`."""
    sys.meta_path.insert(0, _Absent())
    from medusa.cli.app import app

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor's stop is as clean as Ctrl-C
    app(prog_name="medusa")
