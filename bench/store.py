"""Tasks per second with every save on disk, beside other engines; and a file with a million finished tasks."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROUNDS = 5
ENGINES = {
    "Medusa, SQLite FULL": ("bench.noop", 600),
    "Procrastinate, PostgreSQL": ("bench.queues", "procrastinate", 300),
    "DBOS, SQLite": ("bench.queues", "dbos", 60),
}
ALLOWED = {"Procrastinate, PostgreSQL": 3.0, "DBOS, SQLite": 5.0}


def run() -> None:
    """Interleaved rounds: each engine right after the other, so that a noisy minute touches all alike."""
    names = [name for name in ENGINES if name.startswith("Medusa") or find_spec(name.split(",")[0].lower())]
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            rates[name].append(_rate(*ENGINES[name]))
    own, *others = names
    print(
        f"tasks of three steps, {ROUNDS} interleaved rounds\n{'':28}{'tasks/s':>9}{'min':>8}{'max':>8}{'Medusa is':>12}"
    )
    for name, found in rates.items():
        ratios = [mine / theirs for mine, theirs in zip(rates[own], found, strict=True)]
        spread = f"{statistics.median(ratios):10.1f} x ({min(ratios):.1f} to {max(ratios):.1f})" if name != own else ""
        print(f"{name:28}{statistics.median(found):9.0f}{min(found):8.0f}{max(found):8.0f}{spread}")
    for name in others:
        print(f"to be reached beside {name}: {ALLOWED[name]:g} x")
    print()


def _rate(module: str, *arguments: str | int) -> float:
    """Tasks per second, in a process and a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="medusa-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's server runs as another user when root starts it
        asked = [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments), folder]
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
    return float(arguments[-1]) / float(done.stdout.split()[-1])
