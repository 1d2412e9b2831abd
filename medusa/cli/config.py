"""`medusa config check` and `medusa config schema`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from medusa import config
from medusa.adapters import registry
from medusa.cli.ending import BAD_INPUT, COMPLETED, clean, listed, say
from medusa.domain.values import Problem


def check(file: Path, *, as_json: bool) -> int:
    """Print everything that is wrong with the file, and what to mind; the exit status."""
    settings, problems = config.survey(file, registry.ALL)
    warnings = config.concerns(settings, file)
    if not problems and not settings.targets:
        warnings = (*warnings, Problem(str(file), f"no target is configured; there can be: {', '.join(registry.ALL)}"))
    targets = [target.target.display for target in settings.targets.values()]
    if as_json:
        _print_json(file, problems, warnings)
    else:
        _print_text(file, problems, warnings, targets)
    return BAD_INPUT if problems else COMPLETED


def _print_json(file: Path, problems: Sequence[Problem], warnings: Sequence[Problem]) -> None:
    report = {
        "file": str(file),
        "valid": not problems,
        "problems": listed(problems),
        "warnings": listed(warnings),
    }
    print(json.dumps(report, indent=2))


def _print_text(file: Path, problems: Sequence[Problem], warnings: Sequence[Problem], targets: Sequence[str]) -> None:
    for warning in warnings:
        say(f"Warning: {warning}")
    if problems:
        print(clean("\n".join(str(problem) for problem in problems)))
    else:
        print(clean(f"{file} is valid; targets: {', '.join(targets) or 'none'}"))


def print_schema() -> int:
    """Print the JSON Schema; the exit status."""
    print(json.dumps(config.schema(registry.ALL), indent=2))
    return COMPLETED
