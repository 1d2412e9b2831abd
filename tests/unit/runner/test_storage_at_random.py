"""Saves that fail at any moment, kept all the same or not, with lost replies: a post is never out twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa.adapters.platforms.fake.rules import FakeAccount
from medusa.domain.failures import Failure, FailureKind, StorageFailed
from medusa.domain.task import Step, Task
from medusa.runner.runner import TaskRunner
from tests.unit.runner.bench import Bench, step

BUSY = Failure(FailureKind.TRANSIENT, "busy", "HTTP 503")
SAVES = st.lists(st.sampled_from(["kept", "lost", "unsure"]), max_size=16)
"""How the saves fare, in their order; `unsure`: it fails for who waits, and is kept. All later ones are kept."""
SENDS = st.lists(st.tuples(st.sampled_from([BUSY, KeyError("id")]), st.booleans()), max_size=3)
"""How the first sends fail, and whether the post is out then."""
RESTARTS = st.lists(st.booleans(), max_size=6)
"""Whether each run but the first is in a new process."""


class Flaky:
    """Stands before a repository's saves."""

    def __init__(self, bench: Bench, fates: list[str]) -> None:
        self._fates = iter(fates)
        self._save = type(bench.repository).save_step_soon.__get__(bench.repository)

    def save(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> Future[None]:
        fate = next(self._fates, "kept")
        saved: Future[None] = Future()
        if fate != "lost":
            kept: Future[None] = self._save(task_id, step, epoch, announce)
            if fate == "kept":
                return kept
        saved.set_exception(StorageFailed("the disk is full", unsure=fate == "unsure"))
        return saved


@pytest.fixture(scope="module", params=["list", "nothing"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), account=FakeAccount(finds=request.param))
    yield made
    made.close()


async def _carried(bench: Bench, task: Task, restarts: list[bool]) -> Task:
    runner, renewed = TaskRunner(bench.ports, bench.workers), iter(restarts)
    while not bench.repository.get(task.id).ended:
        try:
            await bench.carry(task, runner=runner)
        except StorageFailed:
            bench.repository.release(task.id)
        if next(renewed, False):
            runner = TaskRunner(bench.ports, bench.workers)
    return bench.repository.get(task.id)


@settings(max_examples=200, deadline=None)
@given(fates=SAVES, sends=SENDS, restarts=RESTARTS)
def test_never_twice_whatever_is_kept(
    bench: Bench, fates: list[str], sends: list[tuple[Failure | BaseException, bool]], restarts: list[bool]
) -> None:
    bench.platform.reset()
    for error, out in sends:
        bench.platform.fail("post.create", error, after=out)
    bench.repository.save_step_soon = Flaky(bench, fates).save  # type: ignore[method-assign]  # the test stands before it
    post = step(bench.run(_carried(bench, bench.task({"message": "It is out"}, media=False), restarts)), "post")
    assert len(bench.platform.posts) <= 1
    if post.succeeded:
        assert len(bench.platform.posts) == 1
    elif post.failure and post.failure.kind is not FailureKind.OUTCOME_UNKNOWN:
        assert bench.platform.posts == [], "it is out, and the user is told that it failed"
