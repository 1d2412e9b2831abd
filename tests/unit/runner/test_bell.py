"""Many calls into a loop with one wake-up."""

from __future__ import annotations

import asyncio
import logging

import pytest

from medusa.runner.bell import bell_of

PATIENCE_S = 20.0


def test_a_call_that_fails_keeps_none_from_those_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise ValueError("a bug")

    async def ring() -> None:
        bell, told = bell_of(asyncio.get_running_loop()), asyncio.Event()
        bell.call(fails)
        bell.call(told.set)
        await asyncio.wait_for(told.wait(), PATIENCE_S)

    with caplog.at_level(logging.ERROR, "medusa.runner"):
        asyncio.run(ring())
    assert "a call into the loop failed" in caplog.text
