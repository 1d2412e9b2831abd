"""Peak memory of an uploading process, for files of different sizes, against a sandbox in another process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

UPLOAD = """
import json, resource, sys, time
from medusa import MedusaCore
config, media = sys.argv[1:]
with MedusaCore(config_file=config) as medusa:
    begun = time.perf_counter()
    task = medusa.publish_async(media_file=media, platforms=["youtube"], metadata={
        "youtube": {"title": "Bench", "wait_until_processed": False}})
    status = medusa.wait(task)
    assert status["status"] == "completed", status
    print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter() - begun]))
"""
SERVE = """
import sys
from pathlib import Path
from medusa.sandbox import Sandbox
with Sandbox(options={"hash": False}) as sandbox:
    sandbox.write_config(Path(sys.argv[1]))
    print("ready", flush=True)
    sys.stdin.read()
"""


def run(gib: list[float]) -> None:
    """A real MP4 followed by a sparse tail, so that even 16 GiB take no disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.json"
        with subprocess.Popen(
            [sys.executable, "-c", SERVE, str(config)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout
            server.stdout.readline()
            print(f"memory while uploading to the sandbox\n{'size GiB':>10}{'peak MB':>10}{'seconds':>10}{'MB/s':>8}")
            peaks = [_row(config, folder / f"{size:g}.mp4", size) for size in gib]
            server.communicate()
    print(f"difference of peaks: {max(peaks) - min(peaks):.1f} MB (allowed: under 10)\n")


def _row(config: Path, media: Path, size: float) -> float:
    media.write_bytes((resources.files("medusa") / "sandbox" / "sample.mp4").read_bytes())
    with media.open("ab") as file:
        file.truncate(int(size * 2**30))
    done = subprocess.run(
        [sys.executable, "-c", UPLOAD, str(config), str(media)], check=True, capture_output=True, text=True
    )
    peak, seconds = json.loads(done.stdout)
    print(f"{size:10g}{peak:10.1f}{seconds:10.1f}{size * 2**30 / 1e6 / seconds:8.0f}")
    return float(peak)
