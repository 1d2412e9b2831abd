"""What was typed -> what Medusa is asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from medusa.config.reading import kind_of, parse, read
from medusa.domain.failures import ConfigError, InvalidRequest
from medusa.domain.values import Problem

CONFIG_NAME = "medusa_config.json"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MARKED: Final = ("[", "{", '"')
"""What the JSON begins with that `--set` takes without being told so; beside it: true, false and null."""


def config_file(given: Path | None) -> Path:
    """The configuration to use: the given one, ./medusa_config.json, or the user's own. Raises ConfigError."""
    if given is not None:
        return given
    from platformdirs import user_config_path

    places = (Path(CONFIG_NAME), user_config_path("medusa", appauthor=False) / CONFIG_NAME)
    for place in places:
        if place.is_file():
            return place
    looked = " or ".join(str(place) for place in places)
    hint = f"To rehearse without any account: medusa sandbox --write-config {CONFIG_NAME}"
    raise ConfigError([Problem("", f"no configuration: there is no {looked}; --config names another. {hint}")])


def token(file: Path | None) -> str | None:
    """The daemon's token: that in the file, or in MEDUSA_TOKEN. Raises ConfigError if the file cannot be read."""
    if file is None:
        return os.environ.get("MEDUSA_TOKEN") or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            [Problem("--token-file", f"{file} cannot be read: {(said or 'unknown error').lower()}")]
        ) from error


def typed(context: click.Context, name: str) -> bool:
    """Whether an option was typed, and not taken from the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def once(file: Path | None, option: Path | None) -> None:
    """Raises InvalidRequest if a configuration is named both ways."""
    if file is not None and option is not None:
        _refuse("--config", "the configuration is named twice: as FILE and by --config")


def settled(posted: str | None, *, not_posted: bool) -> str | None:
    """The id of what was found, or None for what is not there. Raises InvalidRequest unless one of both is said."""
    if (posted is None) is not not_posted:
        _refuse("resolve", "say either --posted ID, as it is on the platform, or --not-posted")
    return posted


def moment(text: str | None, now: float) -> float | None:
    """Epoch seconds of "2h" or "3d" ago, or of a date and time, by default local. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            return now - int(text[:-1]) * _UNITS[text[-1]]
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        _refuse(
            "--since", f'{text!r} is neither like "30m", "2h" or "3d" nor a date such as 2026-11-25 or 2026-11-25T14:05'
        )


def targets(given: Iterable[str]) -> list[str]:
    """["youtube,facebook", "vimeo"] -> the three names."""
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


def metadata(file: Path | None, sets: Iterable[str], targets: Sequence[str] = ()) -> dict[str, Any]:
    """The metadata of a file, changed by `--set`; `targets` are the ones to publish to. Raises InvalidRequest.

    A value after = is text, a number too, unless it is true, false, null or JSON that begins with [, { or a quote.
    After := it is always JSON.
    """
    found = _from_file(file) if file else {}
    for text in sets:
        path, equals, value = text.partition("=")
        names = path.removesuffix(":").split(".")
        if not equals or not all(names):
            _refuse("--set", f"{path!r} must be like youtube.title=Hello")
        given = _json(value, text) if path.endswith(":") else _value(value)
        if len(names) == 1 and not isinstance(given, dict):
            _refuse("--set", _without_target(names[0], targets))
        _put(found, names, given, ".".join(names))
    return found


def _without_target(name: str, targets: Sequence[str]) -> str:
    if name in targets:
        return f"{name!r} is a target; say which of its values: {name}.title=..."
    return f"{name!r} needs its target before it: {next(iter(targets), 'youtube')}.{name}=..."


def _from_file(file: Path) -> dict[str, Any]:
    value, problems = parse(sys.stdin.buffer.read(), "stdin") if str(file) == "-" else read(file)
    if problems:
        raise InvalidRequest(problems)
    if not isinstance(value, dict):
        _refuse(str(file), f"must hold an object, not {kind_of(value)}")
    return dict(value)


def _value(text: str) -> Any:
    """JSON if it is marked as such and parses, else the text itself: a title may be "2024" or "[Live] Talk"."""
    if text not in ("true", "false", "null") and not text.startswith(_MARKED):
        return text
    try:
        return _loaded(text)
    except (ValueError, RecursionError):
        return text


def _json(text: str, whole: str) -> Any:
    try:
        return _loaded(text)
    except (ValueError, RecursionError):
        _refuse("--set", f'{whole!r}: after := comes JSON, such as 5, true, "text" or ["a", "b"]')


def _loaded(text: str) -> Any:
    return json.loads(text, parse_constant=_not_json)


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def _put(into: dict[str, Any], names: list[str], value: Any, path: str) -> None:
    for name in names[:-1]:
        into = into.setdefault(name, {})
        if not isinstance(into, dict):
            _refuse("--set", f"{path}: {name} is {kind_of(into)}, which has no keys")
    into[names[-1]] = value


def _refuse(path: str, says: str) -> NoReturn:
    raise InvalidRequest([Problem(path, says)])
