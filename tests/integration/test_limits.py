"""Limits hold back every task of their scope and no other: in this core, in another on the file, after a restart."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.adapters.platforms.facebook import usage
from medusa.domain.task import Task
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import (
    QUICK,
    SAMPLE,
    WITHIN_S,
    MakeMedusa,
    made,
    nothing_but,
    operations,
    publish,
    start,
)

OpenCore = Callable[[], MedusaCore]
LONG_S = 1140.0
"""What no test waits for."""
POST: Mapping[str, Any] = {"message": "It is out"}


@pytest.fixture
def opened(sandbox: Sandbox, tmp_path: Path, no_pauses: None) -> Iterator[OpenCore]:
    """Cores on the sandbox and on one file of tasks."""
    cores: list[MedusaCore] = []
    own = {"retry": QUICK | {"give_up_after_s": 2 * LONG_S}, "engine": {"path": str(tmp_path / "tasks.db")}}

    def open_core() -> MedusaCore:
        cores.append(MedusaCore(config={**sandbox.config(tmp_path), "medusa": own}))
        return cores[-1]

    yield open_core
    for core in cores:
        core.close(0.0)


def waiting(core: MedusaCore, task_id: str, says: str) -> Task:
    """The task as soon as its message begins so."""
    limit = threading.Timer(WITHIN_S, core.cancel, (task_id,))
    limit.start()
    try:
        return next(task for task in core.watch(task_id) if task.message.startswith(says))
    except StopIteration:
        raise AssertionError(f"it never said {says!r}, but {core.get_task(task_id).message!r}") from None
    finally:
        limit.cancel()


def clock(task: Task) -> str:
    """When the waiting step of the task goes on, as its message has it."""
    (until,) = {step.wait_until for step in task.steps if step.note}
    assert until is not None
    return f"{datetime.fromtimestamp(until):%H:%M:%S}"


def limited(core: MedusaCore, sandbox: Sandbox) -> str:
    """A task that Vimeo has refused with 429."""
    sandbox.fault(platform="vimeo", operation="verify", kind="rate_limit", retry_after=LONG_S)
    task_id = start(core, "vimeo")
    waiting(core, task_id, "Vimeo is rate limited, next try at ")
    return task_id


# ---------------------------------------------------------------- who is held back


def test_a_429_holds_back_the_other_tasks_of_its_scope(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    first = waiting(core, limited(core, sandbox), "Vimeo")
    second = waiting(core, start(core, "vimeo"), "Vimeo is rate limited")
    assert second.message == f"Vimeo is rate limited, next try at {clock(first)}"
    assert operations(sandbox, "vimeo") == ["verify"]
    assert publish(core, "youtube")["status"] == "completed"


def test_another_core_on_the_file_is_held_back_too(opened: OpenCore, sandbox: Sandbox) -> None:
    first, second = opened(), opened()
    told = waiting(first, limited(first, sandbox), "Vimeo").message
    assert waiting(second, start(second, "vimeo"), "Vimeo is rate limited").message == told
    assert operations(sandbox, "vimeo") == ["verify"]


def test_the_limit_outlives_the_process(opened: OpenCore, sandbox: Sandbox) -> None:
    first = opened()
    task_id = limited(first, sandbox)
    told = first.get_task(task_id).message
    first.close(0.0)
    second = opened()
    assert waiting(second, task_id, "Vimeo is rate limited").message == told
    assert waiting(second, start(second, "vimeo"), "Vimeo is rate limited").message == told
    assert operations(sandbox, "vimeo") == ["verify"]


def test_a_killed_process_leaves_its_limit_behind(opened: OpenCore, sandbox: Sandbox, tmp_path: Path) -> None:
    core = opened()
    file = tmp_path / "config.json"
    own = {"retry": {"give_up_after_s": 2 * LONG_S}, "engine": {"path": str(tmp_path / "tasks.db")}}
    file.write_text(json.dumps({**sandbox.config(tmp_path), "medusa": own}))
    sandbox.fault(platform="vimeo", operation="verify", kind="rate_limit", retry_after=LONG_S)
    command = [sys.executable, "-c", "from medusa.cli import main; main()", "publish", str(SAMPLE), "--to", "vimeo"]
    with subprocess.Popen([*command, "--config", str(file), "--quiet"]) as process:
        sandbox.wait_for("vimeo", "verify")
        (task,) = core.list_tasks()
        told = waiting(core, task.id, "Vimeo is rate limited, next try at ").message
        process.kill()
    assert waiting(core, start(core, "vimeo"), "Vimeo is rate limited").message == told
    assert waiting(opened(), task.id, "Vimeo is rate limited").message == told
    assert operations(sandbox, "vimeo") == ["verify"]


def test_it_goes_on_once_the_time_has_come(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    sandbox.fault(platform="vimeo", operation="verify", kind="rate_limit", retry_after=3)
    first = start(core, "vimeo")
    waiting(core, first, "Vimeo is rate limited")
    second = start(core, "vimeo")
    assert [core.wait(task_id, WITHIN_S)["status"] for task_id in (first, second)] == ["completed"] * 2
    began, *later = (record["at"] for record in sandbox.log() if record["platform"] == "vimeo")
    assert min(later) - began >= 2.0  # the header tells whole seconds
    assert made(sandbox) == nothing_but(vimeo=2)


# ---------------------------------------------------------------- usage headers of what succeeded


def test_a_page_near_its_limit_rests_before_it_is_refused(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    sandbox.fault(platform="facebook", operation="page.get", kind="usage", percent=96, retry_after=LONG_S)
    first = waiting(core, start(core, "facebook", media=None, facebook=POST), "Facebook is rate limited, next try at ")
    assert waiting(opened(), first.id, "Facebook is rate limited").message.endswith(clock(first))
    second = start(opened(), "facebook", media=None, facebook=POST)
    waiting(core, second, "Facebook is rate limited, next try at ")
    assert operations(sandbox, "facebook") == ["page.get"]


def test_a_vimeo_token_near_its_limit_rests_before_it_is_refused(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    sandbox.fault(platform="vimeo", operation="me", kind="usage", percent=95, retry_after=LONG_S)
    waiting(core, start(core, "vimeo"), "Vimeo is rate limited, next try at ")
    waiting(core, start(core, "vimeo"), "Vimeo is rate limited, next try at ")
    assert operations(sandbox, "vimeo") == ["verify", "me"]


def test_what_the_platform_counts_itself_is_heeded_before_it_refuses(opened: OpenCore, sandbox: Sandbox) -> None:
    sandbox.set(vimeo_rate_limit=2)
    sandbox.clock.move(61.0 - sandbox.clock.now() % 60.0)  # a minute begins, which is what Vimeo counts in
    core = opened()
    waiting(core, start(core, "vimeo"), "Vimeo is rate limited, next try at ")
    replies = [record["status"] for record in sandbox.log() if record["platform"] == "vimeo"]
    assert replies == [200, 200]


def test_far_from_the_limit_nobody_waits(opened: OpenCore, sandbox: Sandbox) -> None:
    sandbox.fault(platform="*", operation="*", kind="usage", percent=90, retry_after=LONG_S, times=-1)
    reply = publish(opened(), "vimeo", "facebook", facebook=POST)
    assert reply["status"] == "completed"


@pytest.mark.parametrize(("of", "held"), [("page", False), ("app", True)])
def test_a_page_is_not_held_back_for_another_but_all_are_for_their_app(
    make_medusa: MakeMedusa, sandbox: Sandbox, tmp_path: Path, of: str, held: bool
) -> None:
    block: Any = sandbox.config(tmp_path)["facebook"]
    other = {**block, "platform": "facebook", "page_id": "1999"}
    core = make_medusa(medusa={"retry": QUICK | {"give_up_after_s": 2 * LONG_S}}, other=other)
    sandbox.fault(platform="facebook", operation="page.get", kind="usage", percent=99, retry_after=LONG_S, of=of)
    waiting(core, start(core, "facebook", media=None, facebook=POST), "Facebook is rate limited")
    task_id = start(core, "other", media=None, other=POST)
    if held:
        waiting(core, task_id, "Facebook (other) is rate limited")
    else:
        assert "1999" in core.wait(task_id, WITHIN_S)["error"]  # it was asked, and there is no such Page
    assert len(operations(sandbox, "facebook")) == (1 if held else 2)


def test_where_no_time_is_told_it_is_looked_at_again_soon(
    opened: OpenCore, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "RELIEF_S", 2.0)
    sandbox.fault(platform="facebook", operation="page.get", kind="usage", percent=97, of="app")
    core = opened()
    task_id = start(core, "facebook", media=None, facebook=POST)
    waiting(core, task_id, "Facebook is rate limited")
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"


# ---------------------------------------------------------------- what nobody waits for


def test_whoever_does_not_wait_is_told_at_once(make_medusa: MakeMedusa, sandbox: Sandbox) -> None:
    core = make_medusa(medusa={"retry": False})
    sandbox.fault(platform="vimeo", operation="verify", kind="rate_limit", retry_after=LONG_S)
    assert publish(core, "vimeo")["status"] == "failed"
    assert "it is rate limited until " in publish(core, "vimeo")["error"]
    (problem,) = core.validate(SAMPLE, ["vimeo"], {"vimeo": {"title": "Talk"}}, online=True)
    assert "it is rate limited until " in problem.says
    assert operations(sandbox, "vimeo") == ["verify"]
