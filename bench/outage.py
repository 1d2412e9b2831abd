"""How soon an upload moves again once a line that died without a word is back: a network of its own, root only."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from medusa import MedusaCore
from tests.e2e.network import FarSandbox
from tests.integration.rehearsal import MIB, large

OUTAGES_S = (3, 8, 14, 22, 30, 45, 70)
LOOK_EVERY_S = 0.1
ASKED = {"youtube": {"title": "Talk", "wait_until_processed": False}}


def run() -> None:
    """With the settings as they are by default; the upload is held back so that it outlasts all outages."""
    print(f"a line that dies, with the default settings\n{'outage s':>10}{'moves again after s':>22}")
    with (
        tempfile.TemporaryDirectory() as name,
        FarSandbox(Path(name)) as far,
        MedusaCore(config={**far.config, "medusa": {"bandwidth": "1 MiB/s"}}) as core,
    ):
        task_id = core.publish_async(large(Path(name), 1024 * MIB), ["youtube"], ASKED)
        for outage in OUTAGES_S:
            print(f"{outage:10}{_until_it_moves_again(far, outage):22.1f}", flush=True)
        core.cancel(task_id)
    print("allowed: 10 s\n")


def _until_it_moves_again(far: FarSandbox, outage_s: float) -> float:
    """Seconds from the end of an outage to the next byte."""
    _until_more_than(far, far.received("video.bytes") + 2 * MIB)
    far.cut()
    time.sleep(outage_s)
    before = far.received("video.bytes")
    far.mend()
    back = time.monotonic()
    _until_more_than(far, before)
    return time.monotonic() - back


def _until_more_than(far: FarSandbox, count: int) -> None:
    while far.received("video.bytes") <= count:
        time.sleep(LOOK_EVERY_S)
