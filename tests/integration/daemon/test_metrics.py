"""What Prometheus reads after tasks have gone well and badly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from medusa import MedusaCore
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.daemon.follower import Follower
from medusa.daemon.metrics import Metrics
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.task import Step
from tests.integration.conftest import SAMPLE, CoreOf

WITHIN_S = 20.0
VIDEO: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"title": "Talk"}}}


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


def test_what_happened_is_counted(core: MedusaCore, platform: FakePlatform) -> None:
    metrics = Metrics(core.counts, lambda: 3)
    follower = Follower(core, (metrics.observe,), lambda _: None, tuple)
    follower.start()
    core.wait(core.publish_async(SAMPLE, **VIDEO), WITHIN_S)
    platform.fail("session.create", Failure(FailureKind.REJECTED, "no", no_effect=True))
    core.wait(core.publish_async(SAMPLE, **VIDEO), WITHIN_S)
    follower.close()
    read = metrics.registry
    assert value(read, "medusa_tasks", state="completed") == value(read, "medusa_tasks", state="failed") == 1
    assert value(read, "medusa_queue_depth") == 0
    assert value(read, "medusa_streams") == 3
    assert value(read, "medusa_sent_bytes_total", platform="fake") == Path(SAMPLE).stat().st_size
    assert value(read, "medusa_step_failures_total", platform="fake", kind="rejected") == 1
    assert value(read, "medusa_step_seconds_count", platform="fake", step="video", state="succeeded") == 1


def test_a_wait_is_seen_while_it_lasts(core: MedusaCore, platform: FakePlatform) -> None:
    metrics = Metrics(core.counts, int)
    task = core.get_task(core.publish_async(SAMPLE, **VIDEO))
    core.wait(task.id, WITHIN_S)
    step = next(step for step in task.steps if step.name == "video")
    begun = pipeline.started(step, 1.0)
    waiting = pipeline.waits(begun, 9.0, "Fake is busy", replace(begun.trouble, attempts=1))

    def seen(before: Step, now: Step) -> None:
        metrics.observe(replace(task, steps=(before,)), replace(task, steps=(now,)))

    seen(begun, waiting)
    assert value(metrics.registry, "medusa_waiting_steps", platform="fake") == 1
    assert value(metrics.registry, "medusa_retries_total", platform="fake") == 1
    seen(waiting, pipeline.failed(waiting, Failure(FailureKind.TRANSIENT, "busy"), 10.0))
    assert value(metrics.registry, "medusa_waiting_steps", platform="fake") == 0


def test_a_restart_counts_nothing_twice_and_tells_of_nothing_old(
    core_of: CoreOf, platform: FakePlatform, tmp_path: Path
) -> None:
    core = core_of(engine={"path": str(tmp_path / "tasks.db")})
    core.wait(core.publish_async(SAMPLE, **VIDEO), WITHIN_S)
    held = platform.hold("post.create")
    metadata = {**VIDEO["metadata"], "news": {"message": "See {fake_url}"}}
    unfinished = core.publish_async(SAMPLE, ["fake", "news"], metadata)
    assert held.arrived.wait(WITHIN_S)
    metrics, told = Metrics(core.counts, int), []
    observers = (metrics.observe, lambda _, task: told.append(task.id))
    follower = Follower(core, observers, lambda _: None, lambda: [task.id for task in core.list_tasks()])
    follower.start()
    held.release()
    core.wait(unfinished, WITHIN_S)
    follower.close()
    assert set(told) == {unfinished}
    assert metrics.registry.get_sample_value("medusa_sent_bytes_total", {"platform": "fake"}) is None
    labels = {"platform": "fake", "step": "post", "state": "succeeded"}
    assert metrics.registry.get_sample_value("medusa_step_seconds_count", labels) == 1
