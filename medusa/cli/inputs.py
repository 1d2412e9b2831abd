"""What was typed -> what Medusa is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from medusa.config.reading import kind_of, parse, read
from medusa.domain.failures import ConfigError, InvalidRequest
from medusa.domain.values import Problem

CONFIG_NAME = "medusa_config.json"


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


def targets(given: Iterable[str]) -> list[str]:
    """["youtube,facebook", "vimeo"] -> the three names."""
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


def metadata(file: Path | None, sets: Iterable[str]) -> dict[str, Any]:
    """The metadata of a file, changed by `--set`. Raises InvalidRequest."""
    found = _from_file(file) if file else {}
    for text in sets:
        path, equals, value = text.partition("=")
        if not equals or not all(path.split(".")):
            _refuse("--set", f"{path!r} must be like youtube.title=Hello")
        _put(found, path.split("."), _value(value), path)
    return found


def _from_file(file: Path) -> dict[str, Any]:
    value, problems = parse(sys.stdin.buffer.read(), "stdin") if str(file) == "-" else read(file)
    if problems:
        raise InvalidRequest(problems)
    if not isinstance(value, dict):
        _refuse(str(file), f"must hold an object, not {kind_of(value)}")
    return dict(value)


def _value(text: str) -> Any:
    """JSON where it parses, else the text itself: `NaN` and the like are texts."""
    try:
        return json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return text


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
