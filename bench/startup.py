"""How long it takes to start: each command as a whole process, against `python -c pass` in the same run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 21
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import medusa": [sys.executable, "-c", "import medusa"],
    "from medusa import MedusaCore": [sys.executable, "-c", "from medusa import MedusaCore"],
    "medusa --help": [str(Path(sys.executable).with_name("medusa")), "--help"],
}


def run() -> None:
    """Interleaved rounds, so that a noisy minute touches all rows alike."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(1000 * (time.perf_counter() - begun))
    base = statistics.median(times["python -c pass"])
    print(f"start-up, {ROUNDS} interleaved rounds\n{'':34}{'median ms':>10}{'min':>8}{'max':>8}{'x pass':>8}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"{name:34}{middle:10.1f}{min(taken):8.1f}{max(taken):8.1f}{middle / base:8.2f}")
    print(f"allowed for `import medusa`: 2 x pass + 25 ms = {2 * base + 25:.1f} ms\n")
