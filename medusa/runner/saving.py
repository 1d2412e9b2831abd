"""Waiting for what is being saved, while the loop goes on with other tasks: their saves then share one commit."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def kept(saving: Future[T]) -> T:
    """What saving gives, once it is done for good. Raises what kept it from that."""
    if saving.done():  # in memory it always is
        return saving.result()
    return await asyncio.wrap_future(saving)
