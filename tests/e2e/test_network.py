"""A line that dies without a word, and an address that changes: an upload goes on when the network is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa import MedusaCore
from tests.e2e.network import FarSandbox
from tests.integration.rehearsal import MIB, large

WITHIN_S = 60.0
SIZE = 16 * MIB
PER_BREAK = 5 * MIB
"""What may go over the line twice: a socket's buffer, and a MiB."""


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FarSandbox]:
    with FarSandbox(tmp_path) as far:
        yield far


@pytest.fixture
def core(far: FarSandbox) -> Iterator[MedusaCore]:
    retry = {"attempts": 3, "base_s": 0.1, "offline_s": 0.2}
    with MedusaCore(config={**far.config, "medusa": {"retry": retry, "stall_s": 1, "bandwidth": "2 MiB/s"}}) as core:
        yield core


def begun(core: MedusaCore, tmp_path: Path) -> str:
    """An upload that is on its way, held back so that it does not end before the line does."""
    asked = {"youtube": {"title": "Talk", "wait_until_processed": False}}
    task_id = core.publish_async(large(tmp_path, SIZE), ["youtube"], asked)
    for task in core.watch(task_id):
        if any(step.done > MIB for step in task.steps):
            return task_id
    raise AssertionError(core.get_task_status(task_id))


def notices(core: MedusaCore, task_id: str) -> None:
    """Until the task says that there is no line."""
    for task in core.watch(task_id):
        if "no connection" in task.message or "was lost" in task.message:
            return
    raise AssertionError(core.get_task_status(task_id))


def goes_on_to_its_end(core: MedusaCore, far: FarSandbox, task_id: str) -> None:
    core.limit_bandwidth("unlimited")
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    assert len(far.videos) == 1
    assert far.count("videos.insert") == 1, "no second session"
    assert far.count("video.bytes") == 2, "the bytes went over two lines"
    assert far.received("video.bytes") <= SIZE + PER_BREAK + 65_536


def test_a_line_that_dies_is_noticed_and_the_upload_goes_on_when_it_is_back(
    core: MedusaCore, far: FarSandbox, tmp_path: Path
) -> None:
    task_id = begun(core, tmp_path)
    far.cut()
    notices(core, task_id)
    far.mend()
    goes_on_to_its_end(core, far, task_id)


def test_a_new_address_is_gone_on_from(core: MedusaCore, far: FarSandbox, tmp_path: Path) -> None:
    task_id = begun(core, tmp_path)
    far.move()
    goes_on_to_its_end(core, far, task_id)
