"""A process that shares the file of tasks dies by SIGKILL, and another one that was running all the time goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medusa import MedusaCore
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import (
    MIB,
    WITHIN_S,
    large,
    made,
    no_pauses,
    nothing_but,
    operations,
    rehearsal,
    sandbox,
    start,
)

__all__ = ["no_pauses", "rehearsal", "sandbox"]

PUBLISHER = textwrap.dedent(
    """
    import sys
    from medusa import MedusaCore
    config, media = sys.argv[1:]
    medusa = MedusaCore(config_file=config)
    asked = {"title": "Talk", "privacy": "unlisted", "wait_until_processed": False}
    print(medusa.publish_async(media, ["youtube"], {"youtube": asked}), flush=True)
    sys.stdin.read()
    """
)
OpenCore = Callable[[bool], MedusaCore]


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**sandbox.config(tmp_path), "medusa": {"engine": {"path": "tasks.db"}}}))
    return file


@pytest.fixture
def opened(config: Path, no_pauses: None) -> Iterator[OpenCore]:
    cores: list[MedusaCore] = []

    def open_core(resume: bool) -> MedusaCore:
        cores.append(MedusaCore(config_file=config, resume=resume))
        return cores[-1]

    yield open_core
    for core in cores:
        core.close(0.0)


def dies_in_mid_upload(sandbox: Sandbox, config: Path) -> str:
    """The id of the task that the dead process has left."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    command = [sys.executable, "-c", PUBLISHER, str(config), str(large(config.parent))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            task_id = process.stdout.readline().strip()
            sandbox.wait_for("youtube", "video.bytes", timeout=WITHIN_S)
        finally:
            process.kill()
    return task_id


def test_a_running_process_goes_on_with_what_a_killed_one_leaves(
    sandbox: Sandbox, config: Path, opened: OpenCore
) -> None:
    survivor = opened(True)
    task_id = dies_in_mid_upload(sandbox, config)
    assert survivor.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(youtube=1)
    assert operations(sandbox, "youtube").count("videos.insert") == 1


def test_nothing_is_taken_over_where_that_is_not_wanted(
    sandbox: Sandbox, config: Path, opened: OpenCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medusa.adapters.engines.others.LOOK_EVERY_S", 0.01)
    bystander = opened(False)
    task_id = dies_in_mid_upload(sandbox, config)
    own = start(bystander, "vimeo")  # long enough for many looks
    assert bystander.wait(own, WITHIN_S)["status"] == "completed"
    assert bystander.get_task_status(task_id)["status"] == "in_progress"
    assert made(sandbox) == nothing_but(vimeo=1)
    survivor = opened(True)
    assert survivor.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(youtube=1, vimeo=1)
