"""A task carried by the real runner over the fake platform, on a loop whose time jumps instead of passing."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.engines.context import LocalContext
from medusa.adapters.platforms.fake.adapter import FakePublisher
from medusa.adapters.platforms.fake.rules import FakeAccount, FakeRules
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.adapters.probe import MediaProbe
from medusa.adapters.repositories.memory import MemoryRepository
from medusa.domain import pipeline
from medusa.domain.policy import Ready, RetryPolicy
from medusa.domain.ports import PublisherPort, RenewablePort, RulesPort, UploaderPort
from medusa.domain.quota import Quota
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, Task
from medusa.domain.values import Media, Receipt, StepSpec
from medusa.runner.ports import RunnerPorts
from medusa.runner.runner import TaskRunner
from medusa.runner.workers import Workers

T = TypeVar("T")
BEGIN = 1_800_000_000.0
"""Epoch seconds at which every bench's clock begins."""
WINDOW = 64 * 1024
FILM = bytes(range(256)) * (5 * WINDOW // 2 // 256)
"""Three windows, the last one half full."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.busy:
            timeout = 0 if timeout == 0 else None
        elif timeout:
            self._loop.move(timeout)
            timeout = 0
        return super().select(timeout)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Time stands still while a worker thread is busy, and jumps to the next timer when none is."""

    def __init__(self) -> None:
        self.busy = 0
        self._passed = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._passed

    def move(self, seconds: float) -> None:
        """Let time pass at once; also while a thread is busy."""
        self._passed += seconds


class CountedWorkers(Workers):
    """Workers that tell a JumpingLoop when they are busy."""

    async def run(self, work: Callable[[], T], *, bulk: bool = False) -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        loop.busy += 1
        try:
            return await super().run(work, bulk=bulk)
        finally:
            loop.busy -= 1


@dataclass
class Targets:
    """AdaptersPort over adapters that a test has made, one a target."""

    adapters: dict[str, Any]
    planned: dict[str, RulesPort]
    allowed: Callable[[float], tuple[Quota, ...]] = lambda now: ()
    """Epoch seconds -> the quotas of every target, as they stand."""

    def keys(self) -> Iterator[str]:
        return iter(self.adapters)

    def target(self, key: str) -> Target:
        return Target(key, "fake", key.capitalize())

    def rules(self, key: str) -> RulesPort:
        return self.planned[key]

    def found(self, key: str, spec: StepSpec, said: str) -> Receipt:
        return Receipt(said)

    def shows(self, key: str) -> bool:
        return False

    def made(self, key: str) -> bool:
        return True

    def uploader(self, key: str) -> UploaderPort:
        adapter: UploaderPort = self.adapters[key]
        return adapter

    def publisher(self, key: str) -> PublisherPort:
        adapter: PublisherPort = self.adapters[key]
        return adapter

    def renewable(self, key: str) -> RenewablePort | None:
        adapter = self.adapters[key]
        return adapter if hasattr(adapter, "renew") else None

    def quotas(self, key: str, now: float) -> tuple[Quota, ...]:
        return self.allowed(now)

    def site(self, key: str) -> str:
        return "the studio"

    def scopes(self, key: str) -> tuple[str, ...]:
        return ("fake:studio",)


class Probe(MediaProbe):
    """The real one, but takes a file's suffix for its kind. `looks` counts."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def look(self, media: Media) -> Media:
        self.looks += 1
        etag = self.etag(media)
        return replace(media, size=int(etag.partition(":")[0]), etag=etag)


@dataclass
class Bench:
    """One fake platform, its targets, and a runner over them."""

    directory: Path
    keys: tuple[str, ...] = ("fake",)
    account: FakeAccount = field(default_factory=lambda: FakeAccount(window=WINDOW))
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    ready: Ready = field(default_factory=Ready)
    platform: FakePlatform = field(default_factory=FakePlatform)
    threads: int = 3
    """Of uploads, and as many of other calls."""

    def __post_init__(self) -> None:
        self.loop = JumpingLoop()
        self.workers = CountedWorkers(bulk=self.threads, calls=self.threads)
        self.repository = MemoryRepository(now=self.now)
        self.accounts = FileAccounts()
        self.probe = Probe()
        self.film = self.directory / "film.mp4"
        self.film.write_bytes(FILM)
        adapters = {key: FakePublisher(self.account, self.platform, self.accounts) for key in self.keys}
        rules: dict[str, RulesPort] = {key: FakeRules(self.account, self.ready) for key in self.keys}
        self.targets = Targets(adapters, rules)
        self.ports = RunnerPorts(
            self.repository,
            self.targets,
            self.accounts,
            self.probe,
            retry=dict.fromkeys(self.keys, self.retry),
            now=self.now,
            jitter=lambda: 1.0,
            progress_every_s=0.0,
        )
        self.slept = 0.0
        """Seconds that have passed while the loop stood still, or by which the clock was set."""
        self._tasks = 0

    def now(self) -> float:
        return BEGIN + self.loop.time() + self.slept

    def close(self) -> None:
        """End threads and loop; what still runs is cut, as by a kill."""
        self.workers.close()
        left = asyncio.all_tasks(self.loop)
        for one in left:
            one.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    # ------------------------------------------------------------ tasks

    def task(self, /, *asked: dict[str, Any], media: bool = True) -> Task:
        """A new task: what each target is asked for, in the order of the targets."""
        self._tasks += 1
        metadata = dict(zip(self.keys, asked, strict=False))
        targets = tuple(self.targets.target(key) for key in metadata)
        request = PublishRequest(targets, metadata, Media.named(str(self.film)) if media else None)
        task_id = f"task{self._tasks}"
        steps = pipeline.plan(task_id, request, {key: self.targets.rules(key) for key in metadata})
        task = Task(task_id, request, steps, created_at=self.now())
        self.repository.create(task)
        return task

    def saved(self, task: Task, step: Step) -> None:
        """As if an earlier run had left the step so."""
        self.repository.save_step(task.id, step, self.repository.take(task.id))

    async def carry(
        self, task: Task, begun: list[LocalContext] | None = None, runner: TaskRunner | None = None
    ) -> Task:
        """Carry the task to its end, as an engine does. `begun` is given the run's context; `runner`: a used one."""
        taken = await (runner or TaskRunner(self.ports, self.workers)).take(task.id)
        assert taken
        context = LocalContext(taken.step)
        if begun is not None:
            begun.append(context)
        await taken.carry(context)
        await taken.release()
        return self.repository.get(task.id)

    def run(self, work: Awaitable[T]) -> T:
        """Run the coroutine on the jumping loop."""

        async def awaited() -> T:
            return await work

        return self.loop.run_until_complete(asyncio.wait_for(awaited(), 10 * 24 * 3600.0))

    def publish(self, *asked: dict[str, Any], media: bool = True) -> Task:
        """A task for these requests, carried to its end."""
        return self.run(self.carry(self.task(*asked, media=media)))


def step(task: Task, name: str, target: str = "fake") -> Step:
    """One step of a task."""
    return next(one for one in task.of(target) if one.name == name)
