"""The whole configuration: which keys are targets, what their blocks say, and everything that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from medusa.config.bandwidth import timetable
from medusa.config.blocks import build
from medusa.config.reading import kind_of, read, under
from medusa.config.settings import Own, Settings, TargetSettings
from medusa.domain.bandwidth import Timetable
from medusa.domain.failures import ConfigError
from medusa.domain.likeness import likeness, suggestion
from medusa.domain.platform import Platform
from medusa.domain.policy import RetryPolicy
from medusa.domain.request import Target
from medusa.domain.values import Json, Problem

OWN_KEY: Final = "medusa"
"""The reserved key with Medusa's own settings."""
_AT_LEAST_ONE: Final = frozenset(
    {
        "attempts",
        "concurrency",
        "keep_days",
        "keep_tasks",
        "message_bytes",
        "metadata_bytes",
        "stall_s",
        "streams",
        "tasks",
    }
)
_ASIDE: Final = ("retry", "bandwidth")
"""Keys of Medusa's own block and of every target's whose shape is no dataclass."""
TARGET_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


def load(source: Path | Mapping[str, Any], platforms: Mapping[str, Platform], base: Path | None = None) -> Settings:
    """The settings from a file, or from a mapping of the same shape. Raises ConfigError with every problem.

    Relative paths in it are taken from `base`: the file's folder, or the working directory, when it is not given.
    """
    settings, problems = survey(source, platforms, base)
    if problems:
        raise ConfigError(problems)
    return settings


def survey(
    source: Path | Mapping[str, Any], platforms: Mapping[str, Platform], base: Path | None = None
) -> tuple[Settings, tuple[Problem, ...]]:
    """The settings as far as they are right, and every problem. The arguments are those of `load`."""
    if isinstance(source, Mapping):
        return _Loading(platforms, base or Path.cwd()).survey(source)
    value, problems = read(source)
    if not isinstance(value, Mapping):
        return Settings(), problems or (Problem(str(source), f"must hold an object, not {kind_of(value)}"),)
    return _Loading(platforms, base or source.absolute().parent, problems).survey(value)


class _Loading:
    """One pass over a configuration, which gathers problems instead of ending at the first."""

    def __init__(self, platforms: Mapping[str, Platform], base: Path, problems: tuple[Problem, ...] = ()) -> None:
        self._platforms = platforms
        self._base = base
        self._problems = list(problems)

    def survey(self, source: Json) -> tuple[Settings, tuple[Problem, ...]]:
        """The settings as far as they are right, and every problem."""
        block = source.get(OWN_KEY, {})
        own, retry = self._own(block)
        bandwidth = self._bandwidth(block, OWN_KEY)
        targets = {key: self._target(str(key), block, retry) for key, block in source.items() if key != OWN_KEY}
        found = {key: target for key, target in targets.items() if target and target.account is not None}
        chosen = {one.name: getattr(own, one.name) for one in fields(own)}
        return Settings(**chosen, retry=retry, bandwidth=bandwidth, targets=found), tuple(self._problems)

    def _own(self, block: object) -> tuple[Own, RetryPolicy]:
        if not isinstance(block, Mapping):
            self._problem(OWN_KEY, f"must be an object, not {kind_of(block)}")
            return Own(), RetryPolicy()
        rest = {name: item for name, item in block.items() if name not in _ASIDE}
        own = self._build(Own, rest, OWN_KEY, aside=_ASIDE) or Own()
        self._judge_numbers(OWN_KEY, rest)
        return own, self._retry(block, OWN_KEY, RetryPolicy())

    def _target(self, key: str, block: object, retry: RetryPolicy) -> TargetSettings | None:
        platform = self._platform_of(key, block)
        if platform is None:
            return None
        if not isinstance(block, Mapping):
            self._problem(key, f"must be an object, not {kind_of(block)}")
            return None
        aside = ("platform", "concurrency", *_ASIDE)
        rest = {name: item for name, item in block.items() if name not in aside}
        account = self._build(platform.account, rest, key, aside=aside)
        display = platform.display if key == platform.name else f"{platform.display} ({key})"
        target, bandwidth = Target(key, platform.name, display), self._bandwidth(block, key)
        return TargetSettings(target, account, self._retry(block, key, retry), bandwidth, self._concurrency(block, key))

    def _platform_of(self, key: str, block: object) -> Platform | None:
        said = block.get("platform") if isinstance(block, Mapping) else None
        if key in self._platforms:
            if said not in (None, key):
                self._problem(f"{key}.platform", f'must be "{key}", or the target needs another name')
            return self._platforms[key]
        if said is None and not isinstance(block, Mapping):
            near = likeness(key, [*self._platforms, OWN_KEY])
            self._problem(key, f'a target is an object such as {{"platform": "...", ...}}, not {kind_of(block)}{near}')
        elif said is None:
            near = suggestion(key, [*self._platforms, OWN_KEY])
            self._problem(key, f'unknown key{near} (a target of another name says "platform": "...")')
        elif not isinstance(said, str) or said not in self._platforms:
            self._problem(f"{key}.platform", f"unknown platform{suggestion(str(said), self._platforms)}")
        elif not TARGET_NAME.fullmatch(key):
            self._problem(key, "a target's name is of a-z, 0-9 and _, and begins with a letter")
        else:
            return self._platforms[said]
        return None

    def _retry(self, block: Json, path: str, default: RetryPolicy) -> RetryPolicy:
        given = block.get("retry", True)
        path = f"{path}.retry"
        if given is False:
            return RetryPolicy.off()
        if given is True:
            return default if "retry" not in block or default.on else RetryPolicy()
        if not isinstance(given, Mapping):
            self._problem(path, f"must be false or an object, not {kind_of(given)}")
            return default
        start = default if default.on else RetryPolicy()
        self._judge_numbers(path, given)
        return self._build(RetryPolicy, _refined(asdict(start), given), path) or start

    def _bandwidth(self, block: object, path: str) -> Timetable:
        if not isinstance(block, Mapping) or "bandwidth" not in block:
            return Timetable()
        table, problems = timetable(block["bandwidth"], f"{path}.bandwidth")
        self._problems += problems
        return table

    def _concurrency(self, block: Json, path: str) -> int | None:
        given = block.get("concurrency")
        if given is None or (isinstance(given, int) and not isinstance(given, bool)):
            self._judge_numbers(path, {"concurrency": given})
            return given
        self._problem(f"{path}.concurrency", "must be a whole number")
        return None

    def _build(self, kind: type, block: Json, path: str, aside: tuple[str, ...] = ()) -> Any:
        built, problems = build(kind, block, path, self._base, aside)
        self._problems += problems
        return built

    def _judge_numbers(self, path: str, block: Json) -> None:
        """Medusa's own numbers count things or seconds: none is negative, and some of nothing makes no sense.

        A task that has ended is kept at least until the next one ends, or for a day, or nobody could ask how it went.
        """
        for name, value in block.items():
            least = 1 if name in _AT_LEAST_ONE else 0
            if isinstance(value, Mapping):
                self._judge_numbers(under(path, str(name)), value)
            elif isinstance(value, int | float) and not isinstance(value, bool) and value < least:
                self._problem(under(path, name), f"must be {least} or more")

    def _problem(self, path: str, says: str) -> None:
        self._problems.append(Problem(path, says))


def _refined(general: Json, given: Json) -> dict[str, Any]:
    """The general block, with what was given in its place; blocks within blocks alike."""
    inner = {
        name: _refined(general[name], item)
        for name, item in given.items()
        if isinstance(item, Mapping) and isinstance(general.get(name), Mapping)
    }
    return {**general, **given, **inner}
