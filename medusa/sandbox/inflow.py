"""The bytes of one resumable upload, as its requests bring them; for platforms that take raw bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator

from medusa.sandbox.exchange import Cut, Received
from medusa.sandbox.sink import GRANULE, Sink


class TooLong(Exception):
    """The body goes on past the end of the upload."""


class Inflow:
    """Lets one request at a time write into a sink.

    A newer request (a resume after a line that only seems alive, or a question for the offset) ends the older one's
    right to write: what that one brought counts as interrupted, so that an offset once told never moves back.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self._turn = 0
        self._writing = False

    def settle(self) -> int:
        """End whatever request is still writing. Returns how many bytes are stored, which is now the truth."""
        self._turn += 1
        if self._writing:
            self._writing = False
            self.sink.interrupted()
        return self.sink.size

    async def take(self, received: Received, room: int, blocks: AsyncIterator[bytes] | None = None) -> None:
        """Store the body of `received`, or `blocks` out of it, which may be at most `room` bytes long.

        The faults `partial` and `store_unit` act here. Raises TooLong, or Cut if the line breaks or a newer request
        has taken over: then what is whole in units (256 KiB unless told otherwise) stays.
        """
        self.settle()
        turn, unit = self._turn, received.fault("store_unit")
        self.sink.begin(unit.bytes if unit else GRANULE)
        self._writing = True
        try:
            await self._fill(received, turn, room, blocks or received.stream())
        except BaseException:
            if self._turn == turn:
                self.settle()
            raise
        self._writing = False
        self.sink.complete()

    async def _fill(self, received: Received, turn: int, room: int, blocks: AsyncIterator[bytes]) -> None:
        partial = received.fault("partial")
        wanted, arrived = partial.keep if partial else room, 0
        async for block in blocks:
            self._still(turn)
            if arrived + len(block) > room:
                raise TooLong
            if arrived < wanted:
                self.sink.write(block[: wanted - arrived])
            arrived += len(block)
        self._still(turn)

    def _still(self, turn: int) -> None:
        if self._turn != turn:
            raise Cut
