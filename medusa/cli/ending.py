"""How a command ends: its exit status, and what a person reads when it went wrong."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec

import typer

P = ParamSpec("P")

COMPLETED: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
"""What shells call 128 + SIGINT."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """The command, ended by its exit status; whatever it raises becomes words on stderr and a status."""

    @wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> None:
        try:
            status = command(*args, **options)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            status = INTERRUPTED
        except BrokenPipeError:
            status = _without_stdout()
        except Exception as error:  # the user never sees a traceback unasked
            status = _told(error)
        raise typer.Exit(status)

    return run


def say(text: str) -> None:
    """A line for a person, on stderr: stdout is for results."""
    print(clean(text), file=sys.stderr, flush=True)


def clean(text: str) -> str:
    """Without control characters: what a platform said cannot move the cursor or colour the screen."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _without_stdout() -> int:
    """The reader of our output has gone (`medusa ... | head`): nothing more can be told, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def _told(error: Exception) -> int:
    from medusa.domain.failures import ConfigError, InvalidRequest, MedusaError

    if isinstance(error, MedusaError):
        say(str(error))
        return BAD_INPUT if isinstance(error, InvalidRequest | ConfigError) else FAILED
    if os.environ.get("MEDUSA_DEBUG") == "1":
        traceback.print_exception(error)
    else:
        say(f"This is a bug in Medusa ({_where(error)}). Please report it, with what MEDUSA_DEBUG=1 adds to this line.")
    return FAILED


def _where(error: Exception) -> str:
    """Type and place. Not its text: nobody has looked whether that holds a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}"
