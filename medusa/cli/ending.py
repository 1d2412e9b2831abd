"""How a command ends: its exit status, and what a person reads when it went wrong."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec

import click

if TYPE_CHECKING:
    from medusa.domain.values import Problem

P = ParamSpec("P")

COMPLETED: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
"""What shells call 128 + SIGINT."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came: nobody has changed their mind about the task, as who presses Ctrl-C has."""


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def guarded(command: Callable[P, int]) -> Callable[P, None]:
    """The command, ended by its exit status; whatever it raises is told, and becomes a status.

    It is told on stderr, or with the command's option `as_json` as one line of JSON on stdout: see `_as_json`.
    """

    @wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> None:
        try:
            status = command(*args, **options)
            sys.stdout.flush()
        except click.exceptions.Exit:
            raise
        except KeyboardInterrupt:
            status = INTERRUPTED
        except BrokenPipeError:
            status = _without_stdout()
        except Exception as error:  # the user never sees a traceback unasked
            status = _told(error, as_json=bool(options.get("as_json")))
        raise click.exceptions.Exit(status)

    return run


def carried_out(app: click.Command, words: Sequence[str]) -> int:
    """The exit status of the command that was typed. If it cannot be understood, that is told as its errors are."""
    try:
        status: int = app.main(words, prog_name="medusa", standalone_mode=False)
    except click.UsageError as error:
        if "--json" in words:
            return _told(_misused(error), as_json=True)
        error.show()
        return BAD_INPUT
    except click.Abort:  # Ctrl-C before the command began
        return INTERRUPTED
    return status


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


def listed(problems: Iterable[Problem]) -> list[Mapping[str, str]]:
    """Problems as JSON."""
    return [{"path": problem.path, "says": problem.says} for problem in problems]


def _misused(error: click.UsageError) -> Exception:
    from medusa.domain.failures import InvalidRequest
    from medusa.domain.values import Problem

    return InvalidRequest([Problem("", error.format_message())])


def _told(error: Exception, *, as_json: bool) -> int:
    from medusa.domain.failures import ConfigError, InvalidRequest, MedusaError

    if os.environ.get("MEDUSA_DEBUG") == "1" and not isinstance(error, MedusaError):
        traceback.print_exception(error)
    said = str(error) if isinstance(error, MedusaError) else _bug(error)
    if as_json:
        print(json.dumps(_as_json(error, said)), flush=True)
    else:
        say(said)
    return BAD_INPUT if isinstance(error, InvalidRequest | ConfigError) else FAILED


def _as_json(error: Exception, said: str) -> Mapping[str, object]:
    """What is wrong with the request or the configuration, place by place; anything else by its kind."""
    from medusa.domain.failures import ConfigError, InvalidRequest, MedusaError

    if isinstance(error, InvalidRequest | ConfigError):
        return {"status": "invalid", "problems": listed(error.problems)}
    return {"status": "error", "kind": type(error).__name__ if isinstance(error, MedusaError) else "Bug", "error": said}


def _bug(error: Exception) -> str:
    asked = "" if os.environ.get("MEDUSA_DEBUG") == "1" else ", with what MEDUSA_DEBUG=1 adds to this line"
    return f"This is a bug in Medusa ({_where(error)}). Please report it{asked}."


def _where(error: Exception) -> str:
    """Type and place. Not its text: nobody has looked whether that holds a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno}"
