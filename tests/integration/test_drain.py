"""A core that is told to end brings its tasks to rest, and the next one goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from medusa import MedusaCore, TaskStatus
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.domain.task import StepState, Task
from tests.integration.conftest import SAMPLE, CoreOf

WITHIN_S = 20.0
ASKED: dict[str, Any] = {
    "platforms": ["fake", "news"],
    "metadata": {"fake": {"title": "Talk", "privacy": "public"}, "news": {"message": "See {fake_url}"}},
}


def kept(core_of: CoreOf, folder: Path) -> MedusaCore:
    return core_of(engine={"path": str(folder / "tasks.db")})


def states(task: Task) -> dict[str, StepState]:
    return {f"{step.target}.{step.name}": step.state for step in task.steps}


def test_an_upload_stops_where_it_stands(core_of: CoreOf, platform: FakePlatform, tmp_path: Path) -> None:
    core = kept(core_of, tmp_path)
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **ASKED)
    assert held.arrived.wait(WITHIN_S)
    drained: list[bool] = []
    drain = threading.Thread(target=lambda: drained.append(core.drain(WITHIN_S)))
    drain.start()
    held.release()
    drain.join(WITHIN_S)
    assert drained == [True]
    task = core.get_task(task_id)
    assert task.status is TaskStatus.IN_PROGRESS
    assert StepState.RUNNING not in states(task).values()
    assert states(task)["news.post"] is StepState.WAITING
    core.close(0.0)

    assert kept(core_of, tmp_path).wait(task_id, WITHIN_S)["status"] == "completed"
    assert (len(platform.videos), len(platform.posts)) == (1, 1)


def test_a_post_on_the_wire_gets_its_receipt(core_of: CoreOf, platform: FakePlatform, tmp_path: Path) -> None:
    core = kept(core_of, tmp_path)
    held = platform.hold("post.create")
    task_id = core.publish_async(SAMPLE, **ASKED)
    assert held.arrived.wait(WITHIN_S)
    assert not core.drain(0.05)
    held.release()
    assert core.drain(WITHIN_S)
    assert core.get_task_status(task_id)["status"] == "completed"
    assert platform.exchanges.count("post.create") == len(platform.posts) == 1


def test_what_comes_too_late_is_left_to_the_next(core_of: CoreOf, platform: FakePlatform, tmp_path: Path) -> None:
    core = kept(core_of, tmp_path)
    assert core.drain(WITHIN_S)
    task_id = core.publish_async(SAMPLE, **ASKED)
    assert core.drain(WITHIN_S)
    assert core.get_task_status(task_id) == {"status": "pending"}
    core.close(0.0)
    assert kept(core_of, tmp_path).wait(task_id, WITHIN_S)["status"] == "completed"
