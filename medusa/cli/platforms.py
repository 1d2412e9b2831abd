"""`medusa platforms`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from medusa.adapters import registry
from medusa.cli.ending import COMPLETED, clean
from medusa.cli.faces import Source, opened
from medusa.domain.failures import ConfigError
from medusa.domain.platform import Platform
from medusa.domain.quota import Quota
from medusa.domain.request import Target

Left = Mapping[Target, tuple[Quota, ...]]
"""What each configured target may still do."""


def show(left: Left, *, as_json: bool) -> int:
    """Print what each platform can do, and what the configured targets may still do; the exit status."""
    if as_json:
        print(json.dumps([_described(platform, left) for platform in registry.ALL.values()], indent=2))
        return COMPLETED
    _print_table()
    for target, quotas in left.items():
        if quotas:
            print(clean(f"{target.key}: {', '.join(map(str, quotas))} are left until {quotas[0].resets}"))
    return COMPLETED


def left(source: Callable[[], Source], *, named: bool) -> Left:
    """Nothing without a configuration, and also with one that is still being written, unless it was named."""
    try:
        with opened(source()) as medusa:
            return medusa.quotas()
    except ConfigError:
        if named:
            raise
        return {}


def _described(platform: Platform, left: Left) -> dict[str, Any]:
    return {
        "name": platform.name,
        "display": platform.display,
        "abilities": list(platform.abilities),
        "limits": dict(platform.limits),
        "gives": platform.gives,
        "login": bool(platform.login),
        "quotas": [
            _counted(target.key, quota)
            for target, quotas in left.items()
            for quota in quotas
            if target.platform == platform.name
        ],
    }


def _counted(target: str, quota: Quota) -> dict[str, Any]:
    return {
        "target": target,
        "name": quota.name,
        "limit": quota.limit,
        "remaining": quota.remaining,
        "resets_at": quota.resets_at,
    }


def _print_table() -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_lines=True)
    for title in ("Platform", "Can", "Limits", "Gives"):
        table.add_column(title, no_wrap=title in ("Platform", "Gives"))
    for platform in registry.ALL.values():
        limits = "\n".join(f"{what}: {limit}" for what, limit in platform.limits.items())
        gives = f"{{{platform.name}_{platform.gives}}}" if platform.gives else ""
        table.add_row(f"{platform.display}\n({platform.name})", "\n".join(platform.abilities), limits, gives)
    Console(markup=False, highlight=False).print(table)
