"""`medusa sandbox`."""

from __future__ import annotations

import errno
import os
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
            _write(sandbox, write_config)
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
    try:
        sandbox = Sandbox(port=port, tls=tls, keep=keep, faults=load_faults(faults) if faults else ()).start()
    except ValueError as error:
        raise InvalidRequest([Problem("--faults", str(error))]) from error
    except OSError as error:
        raise InvalidRequest([unstartable(error, port)]) from error
    try:
        yield sandbox
    finally:
        sandbox.close()


def unstartable(error: OSError, port: int) -> Problem:
    """Which option is to blame, and why, for a sandbox that did not start."""
    if error.filename is not None:
        return Problem("--keep", _said(error))
    if error.errno == errno.EADDRINUSE:
        return Problem("--port", f"{port} is in use; leave it out to take a free one")
    if error.errno == errno.EACCES:
        return Problem("--port", f"{port} is not allowed to you; take one above 1023")
    return Problem("--port", f"cannot listen at {port}: {os.strerror(error.errno or 0).lower()}")


def _write(sandbox: Sandbox, file: Path) -> None:
    try:
        sandbox.write_config(file)
    except ValueError as error:
        raise InvalidRequest([Problem("--write-config", str(error))]) from error
    except OSError as error:
        raise InvalidRequest([Problem("--write-config", _said(error))]) from error


def _said(error: OSError) -> str:
    return f"{error.filename}: {(error.strerror or 'unknown error').lower()}"


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
