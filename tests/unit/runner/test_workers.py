"""Threads of our own: results and errors come back, uploads starve nothing, and they end."""

from __future__ import annotations

import asyncio
import threading
from asyncio import CancelledError
from collections.abc import Iterator

import pytest

from medusa.domain.failures import Stopped
from medusa.runner.workers import Workers

PATIENCE_S = 20.0


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(bulk=2, calls=1)
    yield made
    made.close()


def test_a_result_comes_back_even_if_it_is_none(workers: Workers) -> None:
    def nothing() -> None:
        """Gives None."""

    async def both() -> tuple[int, object]:
        return await workers.run(lambda: 7), await workers.run(nothing)

    assert asyncio.run(both()) == (7, None)


@pytest.mark.parametrize("error", [ValueError("no"), Stopped()])
def test_what_is_raised_comes_back(workers: Workers, error: BaseException) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        asyncio.run(workers.run(fails))
    assert asyncio.run(workers.run(lambda: "the thread goes on")) == "the thread goes on"


@pytest.mark.parametrize(
    "error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), StopIteration(), CancelledError()]
)
def test_what_would_end_the_loop_or_its_callers_comes_back_as_an_error(workers: Workers, error: BaseException) -> None:
    def fails() -> None:
        raise error

    async def both() -> str:
        with pytest.raises(RuntimeError) as raised:
            await asyncio.wait_for(workers.run(fails), PATIENCE_S)
        assert raised.value.__cause__ is error
        return await workers.run(lambda: "the loop goes on")

    assert asyncio.run(both()) == "the loop goes on"


def test_uploads_starve_no_call(workers: Workers) -> None:
    async def crowded() -> str:
        go = threading.Event()
        uploads = [asyncio.ensure_future(workers.run(go.wait, bulk=True)) for _ in range(5)]
        said = await asyncio.wait_for(workers.run(lambda: "posted"), PATIENCE_S)
        go.set()
        await asyncio.gather(*uploads)
        return said

    assert asyncio.run(crowded()) == "posted"


def test_uploads_run_side_by_side(workers: Workers) -> None:
    both = threading.Barrier(2, timeout=PATIENCE_S)

    async def pair() -> None:
        await asyncio.gather(*(workers.run(both.wait, bulk=True) for _ in range(2)))

    asyncio.run(pair())


def test_a_result_for_a_loop_that_has_gone_is_dropped(workers: Workers) -> None:
    go = threading.Event()

    async def leave() -> None:
        asyncio.ensure_future(workers.run(go.wait))  # noqa: RUF006 - it is left behind on purpose
        await asyncio.sleep(0)

    asyncio.run(leave())
    go.set()
    assert asyncio.run(workers.run(lambda: "still there")) == "still there"


def test_threads_end_after_their_work() -> None:
    before = set(threading.enumerate())
    workers = Workers(bulk=1, calls=1)
    mine = set(threading.enumerate()) - before
    assert all(thread.daemon for thread in mine)
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(PATIENCE_S)
        done.set()

    async def begin() -> None:
        asyncio.ensure_future(workers.run(work))  # noqa: RUF006 - it is left behind on purpose
        await asyncio.sleep(0)

    asyncio.run(begin())
    workers.close()
    go.set()
    for thread in mine:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert done.is_set()
