"""How soon an upload goes on after kill -9: from the next process's first line after its imports to its first exchange.

`python -m bench.resume CONFIG [MEDIA]` publishes MEDIA; without it, it goes on with what was left, and prints seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.upload.report import Report
from medusa import MedusaCore
from medusa.adapters.http import Http, Reply, Request
from medusa.domain.ports import Call
from medusa.sandbox import Sandbox

ROUNDS = 7
ALLOWED_S = 0.3
SIZE = 64 * 2**20
ASKED = {"vimeo": {"title": "Bench"}}


def run(report: Report) -> None:
    """Each round kills a process in mid-upload."""
    taken = []
    with Sandbox(options={"processing_s": 0.0, "hash": False}) as sandbox:
        for _ in range(ROUNDS):
            sandbox.reset()
            with tempfile.TemporaryDirectory() as folder:
                taken.append(_resumed(sandbox, Path(folder)))
    told = [f"{1000 * pick(taken):.0f}" for pick in (statistics.median, min, max)]
    report.say(f"## After kill -9, {ROUNDS} rounds", "From the next process, its imports done, to its first exchange.")
    report.table(["", "ms", "from", "to", "allowed"], [["an upload goes on", *told, f"{1000 * ALLOWED_S:.0f}"]])


def _resumed(sandbox: Sandbox, folder: Path) -> float:
    config, media = folder / "config.json", folder / "talk.mp4"
    settings = {**sandbox.config(folder), "medusa": {"engine": {"path": str(folder / "tasks.db")}}}
    config.write_text(json.dumps(settings))
    media.write_bytes(Path(__file__).parents[1].joinpath("medusa/sandbox/sample.mp4").read_bytes())
    with media.open("ab") as file:
        file.truncate(SIZE)
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall", after=2**20)
    begin = [sys.executable, "-m", "bench.resume", str(config)]
    with subprocess.Popen([*begin, str(media)]) as process:
        sandbox.wait_for("vimeo", "tus.patch")
        process.kill()
    sandbox.clear_faults()
    done = subprocess.run(begin, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _publish(config: str, media: str) -> None:
    with MedusaCore(config_file=config) as medusa:
        medusa.wait(medusa.publish_async(media, list(ASKED), ASKED))


def _go_on(config: str) -> float:
    """Seconds to the first exchange of the task that was left."""
    first: list[float] = []
    exchange = Http.exchange

    def timed(self: Http, call: Call, request: Request) -> Reply:
        first.append(time.perf_counter())
        return exchange(self, call, request)

    Http.exchange = timed  # type: ignore[method-assign]
    begun = time.perf_counter()
    with MedusaCore(config_file=config) as medusa:
        (task,) = medusa.list_tasks()
        assert medusa.wait(task.id)["status"] == "completed"
    return first[0] - begun


if __name__ == "__main__":
    import medusa.adapters.platforms.vimeo.adapter
    import medusa.container  # noqa: F401

    if len(sys.argv) > 2:
        _publish(*sys.argv[1:])
    else:
        print(_go_on(sys.argv[1]))
