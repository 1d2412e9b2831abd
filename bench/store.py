"""Tasks per second with every save on disk, beside other engines; and a file with a million finished tasks."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.upload.report import Report

ROUNDS = 5
ENGINES = {
    "Medusa, SQLite FULL": ("bench.noop", 600),
    "Procrastinate, PostgreSQL": ("bench.queues", "procrastinate", 300),
    "DBOS, SQLite": ("bench.queues", "dbos", 60),
}
SAYS = """\
Tasks of three steps that do nothing, each saved as it begins and ends, asked for by eight callers; from the first
task's creation to the last one's end. Medusa and DBOS write to a file of SQLite (synchronous FULL), Procrastinate to
PostgreSQL on the same machine, with a commit of ours for each step, since it has no steps of its own. Where the rest of
a task's time goes: decisions/0017-what-shares-a-commit.md."""
ALLOWED = {"Procrastinate, PostgreSQL": 3.0, "DBOS, SQLite": 5.0}


def run(report: Report) -> None:
    """Interleaved rounds: each engine right after the other, so that a noisy minute touches all alike."""
    names = [name for name in ENGINES if name.startswith("Medusa") or find_spec(name.split(",")[0].lower())]
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            rates[name].append(_rate(*ENGINES[name]))
    report.say(f"## Tasks per second, {ROUNDS} rounds", SAYS)
    heads = ["", "tasks/s", "from", "to", "Medusa is", "from", "to", "to be reached"]
    report.table(heads, [_row(name, rates[names[0]], found) for name, found in rates.items()])


def _row(name: str, own: Sequence[float], found: Sequence[float]) -> list[str]:
    cells = [name, *(f"{pick(found):.0f}" for pick in (statistics.median, min, max))]
    if name not in ALLOWED:
        return [*cells, "", "", "", ""]
    ratios = [mine / theirs for mine, theirs in zip(own, found, strict=True)]
    return [*cells, *(f"{pick(ratios):.1f} x" for pick in (statistics.median, min, max)), f"{ALLOWED[name]:g} x"]


def _rate(module: str, *arguments: str | int) -> float:
    """Tasks per second, in a process and a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="medusa-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's server runs as another user when root starts it
        asked = [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments), folder]
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
    return float(arguments[-1]) / float(done.stdout.split()[-1])
