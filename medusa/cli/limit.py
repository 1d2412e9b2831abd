"""`medusa limit`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite

from medusa.cli.ending import COMPLETED
from medusa.cli.faces import Medusa
from medusa.domain.bandwidth import told

AS_CONFIGURED = "config"
"""What to say instead of a rate to go back to the configuration's."""


def limit(face: Medusa, rate: str | None, target: str | None, *, as_json: bool) -> int:
    """Set a limit if a rate is given, then print those that hold now; the exit status."""
    if rate is not None:
        face.limit_bandwidth(None if rate == AS_CONFIGURED else rate, target)
    _print(face.bandwidth(), as_json=as_json)
    return COMPLETED


def _print(rates: Mapping[str | None, float], *, as_json: bool) -> None:
    if as_json:
        exact = {name: rate if isfinite(rate) else None for name, rate in rates.items()}
        print(json.dumps({"all": exact.pop(None), "targets": exact}))
        return
    for name, rate in rates.items():
        print(f"{name or 'all together'}: {told(rate)}")
