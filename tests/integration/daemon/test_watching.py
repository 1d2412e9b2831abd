"""Streams: what is shown first, what is skipped, how they go on and how they end."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import grpc
import pytest
from grpc import aio

from medusa import MedusaCore
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from tests.integration.conftest import SAMPLE, CoreOf
from tests.integration.daemon.conftest import WITHIN_S, Serving

MANY = 300
THOUSANDS = 4000
VIDEO: dict[str, Any] = {"platforms": ["fake"], "metadata": {"fake": {"title": "Talk"}}}
POST: dict[str, Any] = {"platforms": ["news"], "metadata": {"news": {"message": "It is out"}}}


def watch(stub: MedusaServiceStub, task_id: str, after: int = 0) -> Iterator[pb.Task]:
    for reply in stub.WatchTask(pb.WatchTaskRequest(task_id=task_id, after_revision=after), timeout=WITHIN_S):
        yield reply.task


class Dashboard:
    """Reads a WatchTasks in a thread."""

    def __init__(self, stub: MedusaServiceStub, request: pb.WatchTasksRequest) -> None:
        self.call = stub.WatchTasks(request, timeout=60)
        self.seen: queue.Queue[pb.Task | grpc.RpcError] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for reply in self.call:
                self.seen.put(reply.task)
        except grpc.RpcError as error:
            self.seen.put(error)

    def until(self, task_id: str, state: pb.TaskState.ValueType) -> list[pb.Task]:
        """What is shown up to the task in that state."""
        shown = []
        while True:
            one = self.seen.get(timeout=WITHIN_S)
            assert isinstance(one, pb.Task)
            shown.append(one)
            if (one.id, one.state) == (task_id, state):
                return shown


def test_the_present_snapshot_comes_first_and_revisions_grow(
    core: MedusaCore, stub: MedusaServiceStub, platform: FakePlatform
) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(WITHIN_S)
    seen = []
    for task in watch(stub, task_id):
        seen.append(task)
        held.release()
    assert seen[0].state == pb.TASK_STATE_IN_PROGRESS
    assert all(one.revision < other.revision for one, other in pairwise(seen))
    assert seen[-1].state == pb.TASK_STATE_COMPLETED


def test_a_watcher_goes_on_where_it_was(core: MedusaCore, stub: MedusaServiceStub) -> None:
    task_id = core.publish_async(SAMPLE, **VIDEO)
    core.wait(task_id, WITHIN_S)
    last = core.get_task(task_id).revision
    assert [task.revision for task in watch(stub, task_id, last - 1)] == [last]
    assert list(watch(stub, task_id, last)) == []


def test_an_unknown_task_is_not_found(stub: MedusaServiceStub) -> None:
    with pytest.raises(grpc.RpcError) as unknown:
        list(watch(stub, "nobody"))
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_task_that_goes_on_after_its_end_is_shown_again(
    core: MedusaCore, stub: MedusaServiceStub, platform: FakePlatform
) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(WITHIN_S)
    core.cancel(task_id)
    cancelled = list(watch(stub, task_id))[-1]
    assert (cancelled.state, cancelled.error) == (pb.TASK_STATE_FAILED, "Cancelled")
    core.retry(task_id)
    retried = list(watch(stub, task_id, cancelled.revision))
    assert retried[-1].state == pb.TASK_STATE_COMPLETED
    assert retried[-1].revision > cancelled.revision


def test_many_watch_one_task_and_all_see_its_end(
    core: MedusaCore, stub: MedusaServiceStub, platform: FakePlatform
) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(WITHIN_S)
    begun = threading.Barrier(MANY + 1)

    def final(_: int) -> pb.Task:
        snapshots = watch(stub, task_id)
        first = next(snapshots)
        begun.wait(WITHIN_S)
        *_, last = (first, *snapshots)
        return last

    with ThreadPoolExecutor(MANY) as pool:
        ends = pool.map(final, range(MANY))
        begun.wait(WITHIN_S)
        threads = {thread.name for thread in threading.enumerate()}
        held.release()
        assert {(task.state, task.revision) for task in ends} == {
            (pb.TASK_STATE_COMPLETED, core.get_task(task_id).revision)
        }
    assert not [name for name in threads if name.startswith("medusa-watch")]


def test_thousands_of_streams_that_open_at_one_instant_all_hold(
    core: MedusaCore, address: str, platform: FakePlatform
) -> None:
    """By its defaults gRPC's core cancels a third of them."""
    held = platform.hold("session.bytes")
    task_id = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(WITHIN_S)

    async def final(channel: aio.Channel) -> int:
        request = pb.WatchTaskRequest(task_id=task_id)
        states = [reply.task.state async for reply in MedusaServiceStub(channel).WatchTask(request)]
        return states[-1]

    async def all_of_them() -> set[int]:
        options = (("grpc.use_local_subchannel_pool", 1),)
        channels = [aio.insecure_channel(address, options) for _ in range(8)]
        streams = [asyncio.ensure_future(final(channels[n % 8])) for n in range(THOUSANDS)]
        await asyncio.sleep(0)
        held.release()
        ends = set(await asyncio.gather(*streams))
        await asyncio.gather(*(channel.close() for channel in channels))
        return ends

    assert asyncio.run(all_of_them()) == {pb.TASK_STATE_COMPLETED}


def test_a_dashboard_shows_what_is_there_and_what_comes(core: MedusaCore, stub: MedusaServiceStub) -> None:
    before = core.publish_async(**POST)
    core.wait(before, WITHIN_S)
    board = Dashboard(stub, pb.WatchTasksRequest())
    assert [task.id for task in board.until(before, pb.TASK_STATE_COMPLETED)] == [before]
    after = core.publish_async(SAMPLE, **VIDEO)
    shown = board.until(after, pb.TASK_STATE_COMPLETED)
    assert {task.id for task in shown} == {after}
    assert all(one.revision < other.revision for one, other in pairwise(shown))
    board.call.cancel()


def test_a_dashboard_with_a_filter_shows_a_task_once_more_when_it_no_longer_fits(
    core: MedusaCore, stub: MedusaServiceStub, platform: FakePlatform
) -> None:
    held = platform.hold("session.bytes")
    running = core.publish_async(SAMPLE, **VIDEO)
    assert held.arrived.wait(WITHIN_S)
    wanted = pb.TaskFilter(state=pb.TASK_STATE_IN_PROGRESS, target="fake")
    board = Dashboard(stub, pb.WatchTasksRequest(filter=wanted))
    board.until(running, pb.TASK_STATE_IN_PROGRESS)
    core.wait(core.publish_async(**POST), WITHIN_S)
    held.release()
    assert {task.id for task in board.until(running, pb.TASK_STATE_COMPLETED)} == {running}
    board.call.cancel()


def test_what_another_process_changes_is_shown(core_of: CoreOf, platform: FakePlatform, tmp_path: Any) -> None:
    engine = {"path": str(tmp_path / "tasks.db")}
    served, other = core_of(engine=engine), core_of(engine=engine)
    address = f"unix:{tmp_path}/medusa.sock"
    with Serving(served, address), grpc.insecure_channel(address) as channel:
        stub = MedusaServiceStub(channel)
        board = Dashboard(stub, pb.WatchTasksRequest(changes_only=True))
        held = platform.hold("session.bytes")
        task_id = other.publish_async(SAMPLE, **VIDEO)
        assert held.arrived.wait(WITHIN_S)
        snapshots = watch(stub, task_id)
        next(snapshots)
        held.release()
        *_, last = snapshots
        assert last.state == pb.TASK_STATE_COMPLETED
        board.until(task_id, pb.TASK_STATE_COMPLETED)
        board.call.cancel()


def test_streams_end_with_unavailable_when_the_daemon_does(
    core: MedusaCore, platform: FakePlatform, tmp_path: Any
) -> None:
    address = f"unix:{tmp_path}/medusa.sock"
    held = platform.hold("session.bytes")
    with grpc.insecure_channel(address) as channel:
        with Serving(core, address):
            stub = MedusaServiceStub(channel)
            task_id = core.publish_async(SAMPLE, **VIDEO)
            snapshots = watch(stub, task_id)
            next(snapshots)
            board = Dashboard(stub, pb.WatchTasksRequest())
            board.until(task_id, pb.TASK_STATE_IN_PROGRESS)
        with pytest.raises(grpc.RpcError) as ended:
            list(snapshots)
        told: Any = board.seen
        last = told.get(timeout=WITHIN_S)
        while isinstance(last, pb.Task):
            last = told.get(timeout=WITHIN_S)
    assert ended.value.code() is last.code() is grpc.StatusCode.UNAVAILABLE
    held.release()
