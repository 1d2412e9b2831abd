"""`medusa auth login`."""

from __future__ import annotations

from pathlib import Path

from medusa import config
from medusa.adapters import registry
from medusa.cli.ending import COMPLETED, clean, say
from medusa.config.settings import TargetSettings
from medusa.domain.failures import InvalidRequest
from medusa.domain.likeness import suggestion
from medusa.domain.values import Problem


def login(target: str, file: Path, *, open_browser: bool, timeout_s: float) -> int:
    """Log in to the platform of a target; the exit status."""
    found = _configured(target, file)
    platform = registry.platform(found.target.platform)
    if not platform.login:
        raise InvalidRequest([Problem(target, f"{platform.display} takes its token from the configuration ({file})")])
    saved = registry.resolve(platform.login)(found.account, open_browser, timeout_s, say)
    print(clean(saved))
    return COMPLETED


def _configured(target: str, file: Path) -> TargetSettings:
    targets = config.load(file, registry.ALL).targets
    if target not in targets:
        raise InvalidRequest([Problem(target, f"{file} has no such target{suggestion(target, targets)}")])
    return targets[target]
