"""Going on once a storage that fails for a while can be written again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from medusa.domain.failures import StorageFailed

_log = logging.getLogger("medusa.engine")
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Between two tries to go on with what could not be saved; the pauses double."""


async def until_stored(what: str, work: Callable[[], Awaitable[None]], over: asyncio.Event) -> None:
    """Work again as long as storage fails: as after a death, what was not saved is forgotten and found out anew.

    No longer once `over` is set.
    """
    pause_s = FIRST_PAUSE_S
    while not over.is_set():
        try:
            return await work()
        except StorageFailed as error:
            _log.warning("%s has to wait, next try in %g s: %s", what, pause_s, error)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return None
