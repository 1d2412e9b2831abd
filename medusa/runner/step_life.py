"""One step while it runs: its calls of the adapter, and what follows from their failures.

Between any two calls of the adapter the step is saved, so that a process may die at any instant: what follows then asks
the platform where it stands instead of assuming it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from medusa.domain import pipeline
from medusa.domain.failures import (
    Failure,
    FailureKind,
    MediaError,
    PlatformError,
    Stopped,
    StorageFailed,
    TaskLost,
)
from medusa.domain.policy import Patience, Trouble
from medusa.domain.ports import Call, Pending
from medusa.domain.task import Step
from medusa.domain.values import Media
from medusa.runner.call import RunnerCall
from medusa.runner.carried import CarriedTask
from medusa.runner.lent import Lent
from medusa.runner.ports import RunnerPorts
from medusa.runner.progress import Progress
from medusa.runner.step_waits import StepWaits
from medusa.runner.told import bug
from medusa.runner.workers import Workers

T = TypeVar("T")
LAST_BLOCK_GRACE_S = 0.5
ASK_WHEN_STOPPING_S = 5.0
"""Someone waits for the end: a question whether something got through may take so long."""


class StepLife(StepWaits):
    """What an upload, a publication and a look at the media share."""

    def __init__(
        self,
        ports: RunnerPorts,
        workers: Workers,
        carried: CarriedTask,
        step: Step,
        *,
        patience: Patience = Patience(),  # noqa: B008 - a frozen value
    ) -> None:
        """`patience`: what the request asks for in place of the target's own policy."""
        super().__init__(ports, carried, step, patience)
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._call: RunnerCall | None = None
        self._call_off_turn: Callable[[], None] = _nothing
        self._renewed = False
        self.lent = Lent(ports, step, self.limits, self._before_last_block)
        self._progress = Progress(ports.progress_every_s, lambda: None if self.step.ended else self._call, self._show)

    # ------------------------------------------------------------ calls

    @asynccontextmanager
    async def turn(self, *, bulk: bool = False) -> AsyncIterator[bool]:
        """A thread for one call, once it is this task's turn, and whether it had to wait for it.

        Raises Stopped when the step is stopped before. What follows up on something that may be out, or ends the task,
        goes before all else.
        """
        urgent = self.may_be_out or self.stopping or self.step.ended
        turn = self._workers.ask(self.task_id, self.step.target or "", bulk=bulk, urgent=urgent)
        self._call_off_turn = partial(self._workers.call_off, turn, bulk=bulk)
        try:
            waits = not turn.granted.done()
            if waits and bulk:
                await self.change(replace(self.step, note=f"{self.display} waits for its turn"))
            if not await turn.granted:
                raise Stopped
            if waits and bulk:
                self.change_soon(replace(self.step, note=""))  # the thread is there, and need not idle for that
            self.raise_if_stopped()
            yield waits
        finally:
            self._call_off_turn = _nothing
            self._workers.give_back(turn, bulk=bulk)

    async def work(self, work: Callable[[], T]) -> T:
        """`work` in a thread, outside of any platform."""
        self.raise_if_stopped()
        async with self.turn():
            return await self._workers.run(work)

    async def adapter(self, of: Callable[[str], T]) -> T:
        """What `of` gives for the step's target; in a thread when it has to be made first, which imports its code."""
        if self.ports.adapters.made(self.target):
            self.raise_if_stopped()
            return of(self.target)
        return await self.work(partial(of, self.target))

    async def once(self, work: Callable[[Call], T], *, media: Media | None = None) -> T:
        """One call of the adapter, when it is its turn and no limit holds it back.

        The call's thread has ended when this returns or raises.
        """
        while True:
            if not self.step.ended:
                await self.hold()
                self.raise_if_stopped()
            async with self.turn(bulk=media is not None) as waited:
                if self.step.ended or not (waited and self.held_back):
                    return await self.call(work, media)

    async def call(self, work: Callable[[Call], T], media: Media | None = None, *, send_by: float | None = None) -> T:
        """One call of the adapter in a turn that one has.

        With `send_by` it is a visible one, which is not cut; its request does not begin after that time (epoch s).
        A bug in the adapter is a failure like others: what the call has done until then has to be found out.
        """
        preemptible = send_by is None and not self.may_be_out
        call = RunnerCall(self.lent, media, preemptible=preemptible, send_by=send_by)
        self._call = call
        if media:
            self._progress.watch()
        hurry = self.stopping or self.step.ended
        patience = ASK_WHEN_STOPPING_S if hurry else self.ports.call_timeout_s
        deadline = None if media else self._loop.call_later(patience, call.give_up)
        try:
            return await self._workers.run(partial(work, call), bulk=media is not None)
        except Stopped:
            if call.given_up:
                slow = Failure(FailureKind.TRANSIENT, "the platform did not answer in time", "timeout")
                raise PlatformError(slow) from None
            raise
        except (PlatformError, MediaError, StorageFailed, TaskLost):
            raise
        except Exception as error:
            raise PlatformError(bug(self.step, self.task_id, error)) from error
        finally:
            self._call = None
            call.release()
            if deadline:
                deadline.cancel()

    async def read(self, work: Callable[[Call], T]) -> T:
        """A look at the platform, tried again like everything that changes nothing, with a count of its own."""
        before, self.act = self.step.trouble, "look"
        await self.change(replace(self.step, trouble=Trouble()), announce=False)
        try:
            while True:
                try:
                    return await self.once(work)
                except PlatformError as error:
                    await self.recover(error.failure)
        finally:
            self.act = "try"
            await self.change(replace(self.step, trouble=before), announce=False)

    def interrupt(self) -> None:
        """The last block of an upload is given a moment to be answered."""
        if not self.may_be_out:
            self._call_off_turn()
        if self._call is not None:
            self._call.cancel()
            self._limit_last_block()

    def _limit_last_block(self) -> None:
        if self._call is not None and self.step.committed:
            self._loop.call_later(LAST_BLOCK_GRACE_S, self._call.give_up)

    def _before_last_block(self) -> None:
        """Where the last block makes the thing exist, that is saved before the block is handed out."""
        at = self.step.checkpoint
        if at is None or not at.commits:
            return
        if self._call is not None:
            self._call.cannot_stop()
        try:
            asyncio.run_coroutine_threadsafe(self._commit(), self._loop).result()
        except (TaskLost, StorageFailed):
            raise Stopped from None  # out of a Body, where nothing swallows it; the next save tells again

    async def _commit(self) -> None:
        await self.change(pipeline.committed(self.step))
        if self.stopping:  # asked for since the block was requested
            self._limit_last_block()

    # ------------------------------------------------------------ after a failed call

    def went_well(self) -> None:
        """The platform took our credentials: if it refuses them later, they may be renewed again."""
        self._renewed = False

    async def recover(self, failure: Failure) -> None:
        """Renew the credentials, or wait as the policy says; raises the failure when there is nothing more to try."""
        if not await self._renew(failure):
            await self.wait_or_raise(failure)

    async def _renew(self, failure: Failure) -> bool:
        """Once for each time that the credentials were found good; False when that is no way out."""
        renewable = self.ports.adapters.renewable(self.target)
        if failure.kind is not FailureKind.AUTH or self._renewed or renewable is None:
            return False
        self._renewed = True
        while True:
            try:
                await self.once(renewable.renew)
                return True
            except PlatformError as error:
                await self.wait_or_raise(error.failure)

    # ------------------------------------------------------------ progress

    def _show(self, arrived: int, rate: float) -> None:
        moved = pipeline.progressed(self.step, arrived, rate)
        if (moved.done, moved.rate) != (self.step.done, self.step.rate):
            self.amend(moved)
            self._carried.show(moved).add_done_callback(self._shown)

    def _shown(self, shown: Pending[None]) -> None:
        """Progress that is not kept does no harm, unless it tells that the task is another's."""
        if isinstance(shown.exception(), TaskLost):
            with suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(partial(self.stop, at_once=True))


def _nothing() -> None:
    """No turn is waited for."""
