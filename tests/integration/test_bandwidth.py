"""A bandwidth limit on a real upload: it holds the bytes back, and is lifted while the upload runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medusa import InvalidRequest, MedusaCore
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import MIB, QUICK, WITHIN_S, large, start

OpenCore = Callable[..., MedusaCore]
HOURS = 1024
"""At so many bytes a second the film would take them."""


@pytest.fixture
def opened(sandbox: Sandbox, tmp_path: Path, no_pauses: None) -> Iterator[OpenCore]:
    cores: list[MedusaCore] = []

    def open_core(**target: object) -> MedusaCore:
        config = sandbox.config(tmp_path)
        config["vimeo"].update(target)
        own = {"retry": QUICK, "engine": {"path": str(tmp_path / "tasks.db")}}
        cores.append(MedusaCore(config={**config, "medusa": own}))
        return cores[-1]

    yield open_core
    for core in cores:
        core.close(0.0)


def creeping(core: MedusaCore, film: Path) -> str:
    """An upload that moves, slowly: told by its rate."""
    task_id = start(core, "vimeo", media=film)
    for task in core.watch(task_id):
        if any(0 < step.rate < 100 * HOURS and step.eta_s for step in task.steps):
            return task_id
    raise AssertionError("it was not held back")


@pytest.mark.parametrize("lifted_by", ["itself", "another process"])
def test_a_limit_holds_back_until_it_is_lifted(
    opened: OpenCore, sandbox: Sandbox, tmp_path: Path, lifted_by: str
) -> None:
    core, other = opened(bandwidth=f"{HOURS} B/s"), opened()
    task_id = creeping(core, large(tmp_path, 4 * MIB))
    assert core.bandwidth()["vimeo"] == HOURS
    (core if lifted_by == "itself" else other).limit_bandwidth("unlimited", "vimeo")
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    assert core.bandwidth() == {
        None: float("inf"),
        "youtube": float("inf"),
        "vimeo": float("inf"),
        "facebook": float("inf"),
    }
    core.limit_bandwidth(None, "vimeo")
    assert core.bandwidth()["vimeo"] == HOURS


def test_a_held_back_upload_is_cancelled_at_once(opened: OpenCore, tmp_path: Path) -> None:
    core = opened(bandwidth=f"{HOURS} B/s")
    task_id = creeping(core, large(tmp_path, 4 * MIB))
    assert core.cancel(task_id)
    assert core.wait(task_id, WITHIN_S)["error"] == "Cancelled"


def test_the_limit_of_all_together(opened: OpenCore, tmp_path: Path) -> None:
    core = opened()
    core.limit_bandwidth(f"{HOURS} B/s")
    task_id = creeping(core, large(tmp_path, 4 * MIB))
    core.limit_bandwidth(None)
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"


def test_a_limit_for_nobody_or_of_no_rate_is_refused(opened: OpenCore) -> None:
    core = opened()
    with pytest.raises(InvalidRequest) as told:
        core.limit_bandwidth("0 MiB/s", "vimoe")
    assert [problem.path for problem in told.value.problems] == ["target", "rate"]
