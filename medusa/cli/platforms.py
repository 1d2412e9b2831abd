"""`medusa platforms`."""

from __future__ import annotations

import json
from typing import Any

from medusa.adapters import registry
from medusa.cli.ending import COMPLETED
from medusa.domain.platform import Platform


def show(*, as_json: bool) -> int:
    """Print what each platform can do; the exit status."""
    if as_json:
        print(json.dumps([_described(platform) for platform in registry.ALL.values()], indent=2))
    else:
        _print_table()
    return COMPLETED


def _described(platform: Platform) -> dict[str, Any]:
    return {
        "name": platform.name,
        "display": platform.display,
        "abilities": list(platform.abilities),
        "limits": dict(platform.limits),
        "gives": platform.gives,
        "login": bool(platform.login),
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
