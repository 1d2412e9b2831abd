"""The exam that every EnginePort passes: real threads, the real runner, the fake platform.

Subclass `EngineContract` and give the fixture `engine_of`: a function from the runner's ports to an engine.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.platforms.fake.adapter import FakePublisher
from medusa.adapters.platforms.fake.rules import FakeAccount, FakeRules
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.adapters.repositories.memory import MemoryRepository
from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, MedusaError
from medusa.domain.policy import Ready, RetryPolicy
from medusa.domain.ports import EnginePort, TaskRepositoryPort
from medusa.domain.request import PublishRequest
from medusa.domain.task import StepState, Task, TaskStatus
from medusa.domain.values import Media
from medusa.runner.ports import RunnerPorts
from tests.unit.runner.bench import WINDOW, Probe, Targets

PATIENCE_S = 20.0
"""Seconds after which something is taken to hang; nothing waits that long when all is well."""
KEYS = ("one", "two", "three")
VIDEO = {"title": "Tech Talk"}
POST = {"message": "It is out"}
REJECTED = Failure(FailureKind.REJECTED, "not allowed", no_effect=True)

EngineOf = Callable[[RunnerPorts], EnginePort]


@dataclass
class World:
    """Three targets on one fake platform, a repository, and what an engine is made from."""

    directory: Path
    repository: TaskRepositoryPort = field(default_factory=MemoryRepository)
    platform: FakePlatform = field(default_factory=FakePlatform)
    ready: Ready = field(default_factory=Ready)

    def __post_init__(self) -> None:
        account, accounts = FakeAccount(window=WINDOW), FileAccounts()
        adapters: dict[str, Any] = {key: FakePublisher(account, self.platform, accounts) for key in KEYS}
        self.targets = Targets(adapters, {key: FakeRules(account, self.ready) for key in KEYS})
        quick = RetryPolicy(base_s=0.001)
        self.ports = RunnerPorts(self.repository, self.targets, accounts, Probe(), dict.fromkeys(KEYS, quick))
        self.film = self.directory / "film.mp4"
        self.film.write_bytes(bytes(3 * WINDOW))
        self._tasks = 0

    def task(self, **asked: dict[str, Any]) -> str:
        """A new task: what each target is asked for."""
        self._tasks += 1
        targets = tuple(self.targets.target(key) for key in asked)
        request = PublishRequest(targets, asked, Media.named(str(self.film)))
        task_id = f"task{self._tasks}"
        steps = pipeline.plan(task_id, request, {key: self.targets.rules(key) for key in asked})
        self.repository.create(Task(task_id, request, steps, created_at=time.time()))
        return task_id

    def ended(self, task_id: str, within_s: float = PATIENCE_S) -> Task:
        """The task once it has ended; fails the test if it does not in time."""
        deadline = time.monotonic() + within_s
        task = self.repository.get(task_id)
        while not task.ended:
            newer = self.repository.wait(task_id, task.revision, max(0.0, deadline - time.monotonic()))
            assert newer, f"it has not ended within {within_s} s: {task.message}"
            task = newer
        return task


class EngineContract:
    @pytest.fixture
    def engine_of(self) -> EngineOf:
        raise NotImplementedError("a subclass gives it")

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return World(tmp_path)

    @pytest.fixture
    def engine(self, engine_of: EngineOf, world: World) -> Iterator[EnginePort]:
        made = engine_of(world.ports)
        yield made
        made.close(0.0)

    # ------------------------------------------------------------ order

    def test_steps_run_in_their_order(self, engine: EnginePort, world: World) -> None:
        task_id = world.task(one=VIDEO, two={"message": "Look: {one_url}"})
        engine.submit(task_id)
        task = world.ended(task_id)
        assert task.status is TaskStatus.COMPLETED
        asked = world.platform.exchanges
        assert asked[:2] == ["account", "account"]
        assert asked[2] == "session.create"
        assert asked[-1] == "post.create"
        assert world.platform.posts[0].fields["message"] == f"Look: {task.results['one_url']}"

    def test_uploads_run_side_by_side(self, engine: EnginePort, world: World) -> None:
        held = [world.platform.hold("session.bytes") for _ in KEYS]
        task_id = world.task(one=VIDEO, two=VIDEO, three=VIDEO)
        engine.submit(task_id)
        assert all(one.arrived.wait(PATIENCE_S) for one in held)
        for one in held:
            one.release()
        assert world.ended(task_id).status is TaskStatus.COMPLETED
        assert len(world.platform.videos) == 3

    def test_tasks_run_side_by_side(self, engine: EnginePort, world: World) -> None:
        held = world.platform.hold("session.bytes")
        slow, fast = world.task(one=VIDEO), world.task(two=POST)
        engine.submit(slow)
        assert held.arrived.wait(PATIENCE_S)
        engine.submit(fast)
        assert world.ended(fast).status is TaskStatus.COMPLETED
        held.release()
        assert world.ended(slow).status is TaskStatus.COMPLETED

    def test_one_target_does_not_wait_for_anothers_poll(self, engine_of: EngineOf, tmp_path: Path) -> None:
        world = World(tmp_path, ready=Ready(wait=True))
        picture = tmp_path / "picture.png"
        picture.write_bytes(b"picture")
        polling, thumbnail = world.platform.hold("video.get"), world.platform.hold("thumbnail.put")
        bytes_of_two = world.platform.hold("session.bytes", skip=3)  # its video comes after the first one's
        engine = engine_of(world.ports)
        task_id = world.task(one=VIDEO, two={**VIDEO, "thumbnail": str(picture)})
        engine.submit(task_id)
        assert polling.arrived.wait(PATIENCE_S)
        bytes_of_two.release()
        assert thumbnail.arrived.wait(PATIENCE_S), "the thumbnail waits for a poll that it has nothing to do with"
        thumbnail.release()
        polling.release()
        assert world.ended(task_id).status is TaskStatus.COMPLETED
        engine.close()

    # ------------------------------------------------------------ ends

    def test_the_first_failure_stops_what_runs_and_skips_the_rest(self, engine: EnginePort, world: World) -> None:
        world.platform.hold("session.bytes")  # nobody releases it: it has to be cut
        world.platform.fail("session.bytes", REJECTED)
        task_id = world.task(one=VIDEO, two=VIDEO, three=POST)
        engine.submit(task_id)
        task = world.ended(task_id)
        assert task.status is TaskStatus.FAILED
        states = {f"{one.target} {one.name}": one.state for one in task.steps}
        assert {states["one video"], states["two video"]} == {StepState.FAILED, StepState.STOPPED}
        assert states["three post"] is StepState.SKIPPED
        assert world.platform.posts == []

    @pytest.mark.parametrize("operation", ["account", "session.create", "session.bytes"])
    def test_a_cancel_takes_effect_within_a_second(self, engine: EnginePort, world: World, operation: str) -> None:
        held = world.platform.hold(operation)
        task_id = world.task(one=VIDEO)
        engine.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        assert world.repository.ask_cancel(task_id)
        engine.cancel(task_id)
        task = world.ended(task_id, within_s=1.0)
        assert task.culprit is None
        assert world.platform.videos == []

    def test_a_wait_ends_within_a_second_too(self, engine: EnginePort, world: World) -> None:
        later = Failure(FailureKind.RATE_LIMITED, "slow down", "429", True, not_before=time.time() + 3600.0)
        world.platform.fail("session.create", later)
        task_id = world.task(one=VIDEO)
        engine.submit(task_id)
        task = world.repository.get(task_id)
        while "rate limited" not in task.message:
            newer = world.repository.wait(task_id, task.revision, PATIENCE_S)
            assert newer
            task = newer
        world.repository.ask_cancel(task_id)
        engine.cancel(task_id)
        assert world.ended(task_id, within_s=1.0).status is TaskStatus.FAILED

    def test_an_optional_steps_failure_cancels_nothing(self, engine: EnginePort, world: World, tmp_path: Path) -> None:
        picture = tmp_path / "picture.png"
        picture.write_bytes(b"picture")
        world.platform.fail("thumbnail.put", REJECTED)
        held = world.platform.hold("session.bytes", skip=3)  # the second video's, while the first one's picture fails
        task_id = world.task(one={**VIDEO, "thumbnail": str(picture)}, two=VIDEO, three=POST)
        engine.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        held.release()
        task = world.ended(task_id)
        assert task.status is TaskStatus.COMPLETED
        assert len(task.warnings) == 1
        assert len(world.platform.posts) == 1

    @pytest.mark.parametrize("error", [KeyError("no such thing"), RecursionError(), MemoryError()])
    def test_an_end_is_a_value_and_never_an_exception(self, engine: EnginePort, world: World, error: Exception) -> None:
        world.platform.fail("session.create", error)
        task_id = world.task(one=VIDEO)
        engine.submit(task_id)
        culprit = world.ended(task_id).culprit
        assert culprit is not None
        assert culprit.failure is not None
        assert culprit.failure.kind is FailureKind.BUG
        another = world.task(one=VIDEO)
        engine.submit(another)
        assert world.ended(another).status is TaskStatus.COMPLETED

    def test_a_cancel_of_what_does_not_run_here_is_harmless(self, engine: EnginePort, world: World) -> None:
        engine.cancel("nobody")
        task_id = world.task(one=POST)
        engine.submit(task_id)
        world.ended(task_id)
        engine.cancel(task_id)

    # ------------------------------------------------------------ close

    def test_close_waits_for_what_runs(self, engine: EnginePort, world: World) -> None:
        held = world.platform.hold("session.bytes")
        task_id = world.task(one=VIDEO)
        engine.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        closer = threading.Thread(target=engine.close)
        closer.start()
        held.release()
        closer.join(PATIENCE_S)
        assert not closer.is_alive()
        assert world.repository.get(task_id).status is TaskStatus.COMPLETED

    def test_close_leaves_what_runs_where_it_stands_when_its_time_is_up(
        self, engine: EnginePort, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = set(threading.enumerate())
        held = world.platform.hold("session.bytes", skip=1)
        task_id = world.task(one=VIDEO)
        engine.submit(task_id)
        assert held.arrived.wait(PATIENCE_S)
        engine.close(0.0)
        held.release()
        for thread in set(threading.enumerate()) - before:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        video = next(one for one in world.repository.get(task_id).steps if one.name == "video")
        assert video.checkpoint is not None
        assert video.checkpoint.done == WINDOW
        assert not video.ended
        gc.collect()  # asyncio complains of what was left pending when it is collected
        assert [record.getMessage() for record in caplog.records] == []

    def test_a_closed_engine_takes_no_task(self, engine: EnginePort, world: World) -> None:
        engine.close()
        with pytest.raises(MedusaError, match="closed"):
            engine.submit(world.task(one=POST))
        engine.close()
