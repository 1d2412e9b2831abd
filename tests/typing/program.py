"""A program that uses everything public, as a type checker sees it. Checked by test_typing.py, never run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, assert_type

import medusa
from medusa import (
    ConfigError,
    Failure,
    FailureKind,
    InvalidRequest,
    MedusaCore,
    MedusaError,
    PlatformError,
    Problem,
    Step,
    StepState,
    Task,
    TaskConflict,
    TaskNotFound,
    TaskStatus,
)

assert_type(medusa.__version__, str)

core = MedusaCore(config_file="medusa_config.json")
MedusaCore(Path("medusa_config.json"))
MedusaCore(config={"youtube": {"client_secrets_file": "secrets.json"}})

task_id = core.publish_async(
    media_file="video.mp4",
    platforms=["youtube", "vimeo", "facebook"],
    metadata={
        "youtube": {"title": "Tech Talk 2024", "privacy": "unlisted", "tags": ["demo", "test"]},
        "vimeo": {"title": "Tech Talk 2024", "privacy": "private"},
        "facebook": {"message": "My latest tech presentation: {youtube_url}"},
    },
)
assert_type(task_id, str)
core.publish_async(Path("video.mp4"), ("youtube",))
core.publish_async(platforms=["facebook"], metadata={"facebook": {"message": "hi"}})

assert_type(core.get_task_status(task_id), dict[str, Any])
assert_type(core.wait(task_id, timeout=1.5), dict[str, Any])
assert_type(core.cancel(task_id), bool)
assert_type(core.validate("video.mp4", ["youtube"], online=True), tuple[Problem, ...])
assert_type(core.list_tasks(limit=3, before=task_id), tuple[Task, ...])
assert_type(core.watch(task_id, after_revision=2), Iterator[Task])
assert_type(core.watch_async(task_id), AsyncIterator[Task])


def show(task: Task) -> None:
    assert_type(task.status, TaskStatus)
    assert_type(task.revision, int)
    assert_type(task.message, str)
    assert_type(task.results, dict[str, str])
    assert_type(task.warnings, tuple[str, ...])
    for step in task.steps:
        assert_type(step, Step)
        assert_type(step.state, StepState)
        assert_type((step.done, step.total), tuple[int, int])
        assert_type(step.target, str | None)
        assert_type(step.failure, Failure | None)
        if step.failure:
            assert_type(step.failure.kind, FailureKind)
            assert_type(step.failure.said, str)


async def follow() -> None:
    async for task in core.watch_async(task_id):
        show(task)


with MedusaCore(config={}) as other:
    assert_type(other, MedusaCore)
    try:
        show(other.get_task(task_id))
        asyncio.run(follow())
    except InvalidRequest as error:
        assert_type(error.problems, tuple[Problem, ...])
    except ConfigError as error:
        assert_type(error.problems[0].path, str)
    except TaskNotFound as error:
        assert_type(error.task_id, str)
    except PlatformError as error:
        assert_type(error.failure, Failure)
    except (TaskConflict, MedusaError):
        other.close(timeout=1.0)
