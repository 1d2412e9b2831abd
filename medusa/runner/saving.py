"""Waiting for what is being saved, while the loop goes on with other tasks: their saves then share one commit."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TypeVar

from medusa.domain.ports import Pending
from medusa.runner.bell import bell_of

T = TypeVar("T")


async def kept(saving: Pending[T]) -> T:
    """What saving gives, once it is done for good. Raises what kept it from that."""
    if not saving.done():  # in memory it always is
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        ring = partial(bell_of(loop).call, partial(_wake, waiting))
        saving.add_done_callback(lambda _: ring())
        await waiting
    return saving.result()


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():  # who waited may have been cancelled
        waiting.set_result(None)
