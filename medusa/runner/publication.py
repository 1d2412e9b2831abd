"""Carries a visible step to its receipt: the intent is saved, it is sent once, the receipt is saved.

Between send and receipt anything may have happened, whatever the error was, unless the failure says `no_effect`. Then
it is looked for, and sent again only when it is surely not there or cannot double; or, if the user wants that, when it
is not shown, unless the platform has answered in a way that may mean that it is there.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, PlatformError, StorageFailed
from medusa.domain.ports import Call, PublisherPort
from medusa.domain.task import Task
from medusa.domain.values import Intent, LookAgain, Receipt, StepSpec, Verdict
from medusa.runner.step_life import StepLife

_log = logging.getLogger("medusa.runner")
_ANSWERED = (FailureKind.REJECTED, FailureKind.BUG)
"""Of these failures there was a reply to the send, and it may mean that the thing exists."""
_NOT_SHOWN = Failure(FailureKind.TRANSIENT, "the platform accepted it, and it did not show up")


async def publish(life: StepLife, task: Task, spec: StepSpec) -> Receipt:
    """The step's receipt. Raises PlatformError (OUTCOME_UNKNOWN among them) or Stopped; a sent step's intent stays."""
    publisher = await life.adapter(life.ports.adapters.publisher)
    made = pipeline.made(task, life.step)
    cause: Failure | None = None
    while True:
        await life.hold()
        receipt = await _looked_for(life, publisher, cause)  # a verdict may not outlast the wait before this line
        if receipt is not None:
            return receipt
        found_at = life.now()
        async with life.turn() as waited:
            if waited and _is_stale(life, found_at):
                continue
            _raise_if_called_off(life, cause)
            _raise_if_expired(life, spec, made)
            sent = await _send(life, publisher, spec, made)
        if isinstance(sent, Receipt):
            return sent
        if isinstance(sent, LookAgain):
            await life.pause(life.now() + sent.after_s, sent.note)
            sent = _NOT_SHOWN
        receipt = await _looked_for(life, publisher, cause := sent)
        if receipt is not None:
            return receipt
        await _recover(life, sent)


async def _looked_for(life: StepLife, publisher: PublisherPort, cause: Failure | None) -> Receipt | None:
    """None: it may be sent, anew if the step has no intent any more, else these very bytes."""
    if life.step.intent is None:
        return None
    if life.at_hand.unsent.get(life.step.key) == life.step.intent:
        await life.change(pipeline.unsent(life.step))
        del life.at_hand.unsent[life.step.key]
        return None
    found = await _find(life, publisher, life.step.intent, cause)
    if isinstance(found, Receipt):
        return found
    if found is Verdict.ABSENT:
        await life.change(pipeline.unsent(life.step))
    return None


def _is_stale(life: StepLife, found_at: float) -> bool:
    """Whether what was found out before may no longer hold, now that there is a thread."""
    return life.held_back or (life.step.intent is not None and life.now() - found_at > life.ports.send_within_s)


def _raise_if_called_off(life: StepLife, cause: Failure | None) -> None:
    """Nothing is sent any more once someone asked for the end, not even what could not double."""
    life.raise_if_stopped()
    if life.stopping:
        raise PlatformError(unknown(life, cause))


async def _recover(life: StepLife, failure: Failure) -> None:
    """Wait as the policy says; a failure that ends it leaves what may be out unknown."""
    try:
        await life.recover(failure)
    except PlatformError as error:
        if life.step.intent is None:
            raise
        raise PlatformError(unknown(life, error.failure)) from None


def _raise_if_expired(life: StepLife, spec: StepSpec, made: dict[str, Receipt]) -> None:
    """What the step is made from may have been dropped by the platform while it waited.

    Only what was never sent may be made anew: what is repeated is what `find` has just called repeatable.
    """
    if life.step.intent is not None:
        return
    for name in spec.after:
        until = made[name].usable_until if name in made else None
        if until is not None and until < life.now():
            gone = Failure(FailureKind.SESSION_LOST, f"its {name} has expired on the platform", no_effect=True)
            raise PlatformError(gone)


async def _intended(life: StepLife, publisher: PublisherPort, spec: StepSpec, made: dict[str, Receipt]) -> Intent:
    """The intent, saved: from here on anything may have happened. One that is there already is repeated as it is."""
    now = life.now()
    first = life.step.first_sent_at or now
    intent = life.step.intent or replace(publisher.intend(spec, made, now), sent_at=first)
    intent = replace(intent, send_by=now + life.ports.send_within_s)
    await life.change(pipeline.intended(pipeline.trying(life.step), intent))
    return intent


async def _send(
    life: StepLife, publisher: PublisherPort, spec: StepSpec, made: dict[str, Receipt]
) -> Receipt | LookAgain | Failure:
    """Send once. A failure without effect takes back the intent, unless an earlier send of it may have had one."""
    first = life.step.intent is None
    life.at_hand.unsent.pop(life.step.key, None)  # on a clock that stands still, one that is sent may equal it
    try:
        intent = await _intended(life, publisher, spec, made)
    except StorageFailed:  # of something else, perhaps, while the intent is kept
        if first and life.step.intent:
            life.at_hand.unsent[life.step.key] = life.step.intent
        raise
    try:
        return await life.call(partial(_sent, publisher, intent), send_by=intent.send_by)
    except PlatformError as error:
        life.limits.heed(error.failure)
        if error.failure.no_effect and first:
            await life.change(pipeline.unsent(life.step))
        else:
            _log.info("step %s was sent and its reply was lost: looking for it", life.step.name)
            if error.failure.kind in _ANSWERED and not error.failure.no_effect:
                await life.change(pipeline.only_sought(life.step))
        return error.failure


def _sent(publisher: PublisherPort, intent: Intent, call: Call) -> Receipt | LookAgain:
    call.check_in_time()
    return publisher.publish(call, intent)


async def _find(life: StepLife, publisher: PublisherPort, intent: Intent, cause: Failure | None) -> Receipt | Verdict:
    """Whether it got through. Raises OUTCOME_UNKNOWN when that can't be told."""
    looks = 0
    sure_at = min(intent.send_by, life.now() + life.ports.send_within_s)  # nobody has longer, by whatever clock
    while True:
        try:
            found = await life.read(partial(publisher.find, intent=intent, looks=looks))
        except PlatformError as error:
            _log.info("step %s cannot be looked for: %s", life.step.name, error)
            raise PlatformError(unknown(life, cause or error.failure)) from None
        looks += 1
        if found is Verdict.NOT_SHOWN and intent.only_sought:
            found = Verdict.UNKNOWN
        if found in (Verdict.ABSENT, Verdict.NOT_SHOWN) and life.now() < sure_at:
            found = LookAgain(sure_at - life.now(), "making sure that nothing was published")
        if isinstance(found, LookAgain):
            if life.stopping:
                raise PlatformError(unknown(life, cause))
            await life.pause(life.now() + found.after_s, found.note)
        elif found is Verdict.UNKNOWN:
            raise PlatformError(unknown(life, cause))
        else:
            return found


def unknown(life: StepLife, cause: Failure | None) -> Failure:
    """It may be out, and nobody can tell: the user has to look."""
    because = f" ({cause.said})" if cause else ""
    first = f"{cause.todo} " if cause and cause.todo else ""
    return Failure(
        FailureKind.OUTCOME_UNKNOWN,
        f"it was sent, but whether it got through is not known{because}",
        cause.code if cause else "",
        todo=f"{first}Look at {life.ports.adapters.site(life.target)}, then say what you found: "
        f"medusa resolve {life.task_id} --posted ID, or --not-posted. "
        "Until then Medusa does not send it a second time.",
    )
