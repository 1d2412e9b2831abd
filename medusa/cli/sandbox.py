"""`medusa sandbox`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from medusa.cli.ending import COMPLETED
from medusa.domain.failures import InvalidRequest, MedusaError
from medusa.domain.values import Problem

if TYPE_CHECKING:
    from medusa.sandbox import Sandbox

EXTRA = {"aiohttp", "trustme"}
"""What the extra `sandbox` installs."""


def serve(port: int, *, tls: bool, keep: Path | None, faults: Path | None, write_config: Path | None) -> int:
    """Run a sandbox until Ctrl-C; the exit status."""
    with running(port=port, tls=tls, keep=keep, faults=faults) as sandbox:
        if write_config:
            with _in_words("--write-config"):
                sandbox.write_config(write_config)
        for line in _where(sandbox, write_config):
            print(line, flush=True)
        until_interrupted()
    return COMPLETED


@contextmanager
def running(
    *, port: int = 0, tls: bool = False, keep: Path | None = None, faults: Path | None = None
) -> Iterator[Sandbox]:
    """A running sandbox. Raises MedusaError, in words for the person who typed the options."""
    try:
        from medusa.sandbox.server import Sandbox, load_faults
    except ModuleNotFoundError as error:
        if error.name in EXTRA:
            raise MedusaError(f"The sandbox needs {error.name}: pip install 'medusa-media[sandbox]'") from error
        raise
    with _in_words("--faults"):
        script = load_faults(faults) if faults else ()
    with _in_words("--faults" if faults else "the sandbox cannot start"):
        sandbox = Sandbox(port=port, tls=tls, keep=keep, faults=script).start()
    try:
        yield sandbox
    finally:
        sandbox.close()


@contextmanager
def _in_words(place: str) -> Iterator[None]:
    """What is wrong with an option's value is bad input, not a bug."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise InvalidRequest([Problem(place, str(error))]) from error


def until_interrupted() -> None:
    """Returns at Ctrl-C."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _where(sandbox: Sandbox, config: Path | None) -> list[str]:
    lines = [f"Sandbox: {sandbox.url}", f"What got published: {sandbox.url}/"]
    if sandbox.ca_file:
        lines.append(f"Trust its certificate: export REQUESTS_CA_BUNDLE={sandbox.ca_file}")
    if config:
        lines.append(f"Configuration: {config} (use it: medusa publish --config {config} ...)")
    return [*lines, "Stop it with Ctrl-C."]
