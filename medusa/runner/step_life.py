"""One step while it runs: the one place where it changes, its calls of the adapter, its waits, and its end when asked.

Between any two calls of the adapter the step is saved, so that a process may die at any instant: what follows then asks
the platform where it stands instead of assuming it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from io import FileIO
from typing import TypeVar

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, MedusaError, PlatformError, Stopped, StorageFailed, TaskLost
from medusa.domain.pace import Pace
from medusa.domain.policy import NEAR, Again, Patience, RetryPolicy, Trouble, decide
from medusa.domain.ports import Call
from medusa.domain.task import Step
from medusa.domain.values import Media
from medusa.runner.call import RunnerCall
from medusa.runner.carried import AtHand, CarriedTask
from medusa.runner.ports import RunnerPorts
from medusa.runner.workers import Workers

_log = logging.getLogger("medusa.runner")
T = TypeVar("T")
LAST_BLOCK_GRACE_S = 0.5
ASK_WHEN_STOPPING_S = 5.0
"""Someone waits for the end: a question whether something got through may take so long."""


class StepLife:
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
        self.ports = ports
        self._patience = patience
        self.step = step
        self._workers = workers
        self._carried = carried
        self.task_id = carried.id
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._untold = False
        """Its last change was not saved yet, and watchers should see it."""
        self._called_off = False
        self._call: RunnerCall | None = None
        self._call_off_turn: Callable[[], None] = _nothing
        self._renewed = False
        self._pace: Pace | None = None
        self._look_again: asyncio.TimerHandle | None = None
        self._looked_at = self._loop.time()

    # ------------------------------------------------------------ state

    async def change(self, step: Step, *, announce: bool = True) -> None:
        """The one place where the step changes: a rule was applied, now it is saved.

        Raises TaskLost when another writer has the task, and StorageFailed: whoever carries it here lets go of it then.
        """
        self.amend(step)
        announce, self._untold = announce or self._untold, False
        await self._carried.save(step, announce=announce)

    def change_soon(self, step: Step) -> None:
        """`change` without waiting: the next `change` of its task, which comes before all else, waits for it."""
        self.amend(step)
        self._untold = False
        self._carried.save_soon(step)

    def begin(self, step: Step) -> None:
        """Change the step by what is saved, and told, with its next change."""
        self._untold = True
        self.amend(step)

    def amend(self, step: Step) -> None:
        """Change the step by what is saved with its next change, which comes before anything else is done."""
        self.step = step
        if self._called_off and not self.may_be_out:
            self._stop.set()

    def now(self) -> float:
        """Epoch seconds."""
        return self.ports.now()

    @property
    def at_hand(self) -> AtHand:
        return self._carried.at_hand

    @property
    def target(self) -> str:
        if self.step.target is None:
            raise AssertionError("this step belongs to no target")
        return self.step.target

    @property
    def _display(self) -> str:
        return self.ports.adapters.target(self.target).display

    @property
    def policy(self) -> RetryPolicy:
        return self.ports.retry.get(self.target, RetryPolicy()).asked(self._patience)

    @property
    def may_be_out(self) -> bool:
        """Something of it may be visible already, so that it must be followed to a verdict."""
        return self.step.committed or self.step.intent is not None

    # ------------------------------------------------------------ being stopped

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self, *, at_once: bool) -> None:
        """End soon, with the checkpoint kept. A post on the wire is awaited.

        What may be out already is followed to a verdict first, unless `at_once`: then the last block of an upload is
        given half a second to be answered; after that it is cut, and the platform is asked.
        """
        if self.step.ended:  # it only clears away what it left
            return
        self._called_off = True
        if self.may_be_out and not at_once:
            return
        self._stop.set()
        if not self.may_be_out:
            self._call_off_turn()
        if self._call is not None:
            self._call.cancel()
            self._limit_last_block()

    def _limit_last_block(self) -> None:
        if self._call is not None and self.step.committed:
            self._loop.call_later(LAST_BLOCK_GRACE_S, self._call.give_up)

    def go_on(self) -> None:
        """Calls are allowed again, after the step was stopped."""
        self._called_off = False
        self._stop.clear()

    def raise_if_stopped(self) -> None:
        if self.stopping and not self.may_be_out:
            raise Stopped

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
                await self.change(replace(self.step, note=f"{self._display} waits for its turn"))
            if not await turn.granted:
                raise Stopped
            if waits and bulk:
                await self.change(replace(self.step, note=""))
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
        """
        preemptible = send_by is None and not self.may_be_out
        call = RunnerCall(self, media, preemptible=preemptible, send_by=send_by)
        self._call = call
        if media:
            self._watch_bytes()
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
        finally:
            self._call = None
            call.release()
            if deadline:
                deadline.cancel()

    async def read(self, work: Callable[[Call], T]) -> T:
        """A look at the platform, tried again like everything that changes nothing, with a count of its own."""
        before = self.step.trouble
        await self.change(replace(self.step, trouble=Trouble()), announce=False)
        try:
            while True:
                try:
                    return await self.once(work)
                except PlatformError as error:
                    await self.recover(error.failure)
        finally:
            await self.change(replace(self.step, trouble=before), announce=False)

    def went_well(self) -> None:
        """The platform took our credentials: if it refuses them later, they may be renewed again."""
        self._renewed = False

    # ------------------------------------------------------------ after a failed call

    async def recover(self, failure: Failure) -> None:
        """Renew the credentials, or wait as the policy says; raises the failure when there is nothing more to try."""
        if not await self._renew(failure):
            await self._wait_or_raise(failure)

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
                await self._wait_or_raise(error.failure)

    def heed(self, failure: Failure) -> None:
        """A limit holds back all calls of its scope from now on."""
        if failure.scope and failure.not_before and failure.kind is FailureKind.RATE_LIMITED:
            scope = self._narrowed(failure.scope) if failure.endpoint else failure.scope
            self._block(scope, failure.not_before)

    def _block(self, scope: str, until: float) -> None:
        """If others cannot be told, they meet the limit themselves."""
        try:
            self.ports.accounts.block(scope, until)
        except MedusaError as error:
            _log.warning("the limit of %s cannot be kept: %s", scope, error)

    async def _wait_or_raise(self, failure: Failure) -> None:
        self.heed(failure)
        again = decide(self.policy, failure, self.step.trouble, self.now(), self.ports.jitter())
        if again is not None and self.stopping:
            self.raise_if_stopped()
        if again is None or self.stopping:
            raise PlatformError(failure)
        await self.change(pipeline.waits(self.step, again.at, self._why(again), again.trouble))
        await self.pause(again.at, self.step.note)

    async def hold(self) -> None:
        """Wait while a limit holds back this step; raises it as a failure when that is longer than the policy bears.

        What may be out already is not left in doubt for that: it waits however long it takes.
        """
        while self.step.target and not self.stopping and (until := self._held_until) > self.now():
            if self.may_be_out:
                await self.pause(until, self._told("is rate limited", until))
            else:
                await self._wait_or_raise(_limited(until))
            await self.change(pipeline.awaited(self.step))

    @property
    def held_back(self) -> bool:
        """Whether a limit holds back this step now; none does once it is stopped."""
        return bool(self.step.target) and not self.stopping and self._held_until > self.now()

    @property
    def _held_until(self) -> float:
        scopes = self.ports.adapters.scopes(self.target)
        return self.ports.accounts.blocked_until((*scopes, *map(self._narrowed, scopes)))

    def _narrowed(self, scope: str) -> str:
        """The scope, but only for steps of this kind."""
        return f"{scope}:{self.step.name.partition('.')[0]}"

    # ------------------------------------------------------------ waits

    async def pause(self, until: float, note: str = "") -> None:
        """Sleep until then (epoch seconds). A stop ends it: with Stopped, unless something may be out already."""
        delay = until - self.now()
        if delay <= 0:
            return
        if note and (note, until) != (self.step.note, self.step.wait_until):
            await self.change(pipeline.waits(self.step, until, note))
        try:
            await asyncio.wait_for(self._stop.wait(), delay)
        except TimeoutError:
            return
        self.raise_if_stopped()

    def _why(self, again: Again) -> str:
        """For example "YouTube is busy (HTTP 503), next try at 14:05:10, attempt 3 of 5"."""
        count = f", attempt {again.trouble.attempts + 1} of {again.of}" if again.of else ""
        return self._told(again.why, again.at) + count

    def _told(self, what: str, until: float) -> str:
        """For example "YouTube is rate limited, next try at 14:05:10", with the day if that is another one."""
        at, today = datetime.fromtimestamp(until), datetime.fromtimestamp(self.now()).date()
        day = "" if at.date() == today else f"{at:%Y-%m-%d} "
        return f"{self._display} {what}, next try at {day}{at:%H:%M:%S}"

    # ------------------------------------------------------------ what a call tells, from the adapter's thread

    def take(self, want: int, stopped: threading.Event) -> int:
        """So many of the next bytes may go now; waits for that."""
        return self.ports.throttle.take(self.target, want, stopped)

    def open(self, media: Media) -> FileIO:
        """The media's file. Raises MediaError."""
        return self.ports.probe.open(media)

    def before_last_block(self) -> None:
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

    def budget(self, scope: str, left: float, resets_at: float) -> None:
        """An allowance is nearly used up: hold back before the platform has to refuse."""
        if left <= NEAR:
            self._block(scope, resets_at)

    def rivals(self) -> tuple[Step, ...]:
        """The other steps that may be out, of targets with the same account, or one that is not known here."""
        own, known = self.ports.adapters.scopes(self.target), set(self.ports.adapters.keys())
        alike = {key for key in known if self.ports.adapters.scopes(key) == own}
        others = (step for step in self.ports.repository.in_doubt() if step.key != self.step.key)
        return tuple(step for step in others if step.target in alike or step.target not in known)

    def taken(self, id_: str) -> bool:
        """Whether another step has published this."""
        return self.ports.repository.publisher_of(id_) not in (None, self.step.key)

    async def _commit(self) -> None:
        await self.change(pipeline.committed(self.step))
        if self.stopping:  # asked for since the block was requested
            self._limit_last_block()

    # ------------------------------------------------------------ progress

    def _watch_bytes(self) -> None:
        """Look at what has arrived, twice a second at most, as long as calls follow each other."""
        if self._look_again is None:
            due = self._looked_at + self.ports.progress_every_s
            self._look_again = self._loop.call_at(max(due, self._loop.time()), self._look)

    def _look(self) -> None:
        self._look_again, self._looked_at = None, self._loop.time()
        if self._call is None or self.step.ended:
            return
        arrived = self._call.arrived
        if arrived is not None:
            self._show(arrived)
        self._watch_bytes()

    def _show(self, arrived: int) -> None:
        now = self._loop.time()
        self._pace = self._pace.seen(now, arrived) if self._pace else Pace(now, arrived)
        moved = pipeline.progressed(self.step, arrived, self._pace.rate)
        if (moved.done, moved.rate) != (self.step.done, self.step.rate):
            self.amend(moved)
            self._carried.show(moved).add_done_callback(self._shown)

    def _shown(self, shown: Future[None]) -> None:
        """Progress that is not kept does no harm, unless it tells that the task is another's."""
        if isinstance(shown.exception(), TaskLost):
            with suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(partial(self.stop, at_once=True))


def _limited(until: float) -> Failure:
    """What an earlier call was told, of this task or of another one."""
    said = f"it is rate limited until {datetime.fromtimestamp(until):%Y-%m-%d %H:%M:%S}"
    return Failure(FailureKind.RATE_LIMITED, said, "rate limited", no_effect=True, not_before=until)


def _nothing() -> None:
    """No turn is waited for."""
