"""Tasks kept in PostgreSQL: the whole way, several processes, and one that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medusa import ConfigError, MedusaCore, TaskStatus
from medusa.adapters.repositories.sql import postgres
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import MIB, PUBLIC, QUICK, WITHIN_S, large, made, nothing_but, publish, start
from tests.postgres import server

__all__ = ["server"]

OpenCore = Callable[..., MedusaCore]
PUBLISH = """
import json, sys
from medusa import MedusaCore
config, media, asked = map(json.loads, sys.argv[1:])
with MedusaCore(config=config) as medusa:
    print(medusa.publish_async(media, list(asked), asked), flush=True)
"""


@pytest.fixture
def config(server: str, sandbox: Sandbox, tmp_path: Path) -> Iterator[dict[str, Any]]:
    engine = {"database_url": server, "key_file": str(tmp_path / "key")}
    yield {**sandbox.config(tmp_path), "medusa": {"retry": QUICK, "engine": engine}}
    sandbox.clear_faults()
    database = postgres.PostgresDatabase(server)
    connection = database.connect()
    connection.run("DROP SCHEMA medusa CASCADE")
    connection.close()
    database.close()


@pytest.fixture
def opened(config: dict[str, Any], no_pauses: None) -> Iterator[OpenCore]:
    cores: list[MedusaCore] = []

    def open_core(**engine: object) -> MedusaCore:
        changed = {**config["medusa"], "engine": {**config["medusa"]["engine"], **engine}}
        cores.append(MedusaCore(config={**config, "medusa": changed}))
        return cores[-1]

    yield open_core
    for core in cores:
        core.close(0.0)


def test_everything_is_published_and_kept(opened: OpenCore, sandbox: Sandbox) -> None:
    core = opened()
    reply = publish(core, "youtube", "vimeo", "facebook")
    assert reply["status"] == "completed", reply
    core.close()
    (kept,) = opened().list_tasks()
    assert (kept.status, kept.results) == (TaskStatus.COMPLETED, reply["results"])
    assert made(sandbox) == nothing_but(youtube=1, vimeo=1, facebook=1)


def test_what_a_killed_process_leaves_is_gone_on_with(
    opened: OpenCore, config: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=MIB)
    asked = json.dumps({key: PUBLIC[key] for key in ("youtube", "facebook")})
    told = [json.dumps(config), json.dumps(str(large(tmp_path))), asked]
    with subprocess.Popen([sys.executable, "-c", PUBLISH, *told], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        task_id = process.stdout.readline().strip()
        sandbox.wait_for("youtube", "video.bytes")
        watcher = opened()
        assert watcher.get_task_status(task_id)["status"] == "in_progress", "it is run by the other process"
        process.kill()
    reply = opened().wait(task_id, WITHIN_S)
    assert reply["status"] == "completed", reply
    assert watcher.get_task_status(task_id) == reply
    assert made(sandbox) == nothing_but(youtube=1, facebook=1)


def test_two_processes_run_each_its_own_tasks(opened: OpenCore, sandbox: Sandbox) -> None:
    cores = [opened(), opened()]
    ids = [start(core, "facebook", media=None, facebook={"message": f"News {n}"}) for n, core in enumerate(cores)]
    for core in cores:
        assert [core.wait(task_id, WITHIN_S)["status"] for task_id in ids] == ["completed", "completed"]
    assert made(sandbox) == nothing_but(facebook=2)


def test_the_password_is_shown_nowhere(config: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://medusa:hunter2@localhost:1/medusa"
    with pytest.raises(ConfigError, match=r"medusa\.engine\.database_url: .* cannot be used") as refused:
        MedusaCore(config={**config, "medusa": {"engine": {"database_url": url}}})
    assert "hunter2" not in f"{refused.value} {refused.value!r} {caplog.text}"
