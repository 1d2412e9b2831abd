"""The daemon's messages -> the domain's values, as far as they say them: what was asked for stays with the daemon."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from medusa.daemon.convert import FAILURE_KINDS, FAILURE_POLICIES, NANOS, STEP_STATES
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import OnFailure, Trouble
from medusa.domain.quota import Quota
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, StepState, Task
from medusa.domain.values import Media, Receipt, StepSpec

_STATES: Final[dict[int, StepState]] = {number: state for state, number in STEP_STATES.items()}
_POLICIES: Final[dict[int, OnFailure]] = {number: policy for policy, number in FAILURE_POLICIES.items()}
_KINDS: Final[dict[int, FailureKind]] = {number: kind for kind, number in FAILURE_KINDS.items()}


def task(told: pb.Task) -> Task:
    """A snapshot. Its request knows targets and media, no metadata; the media's `uri` is its name."""
    media = _media(told.media) if told.HasField("media") else None
    return Task(
        told.id,
        PublishRequest(tuple(map(target, told.targets)), media=media, on_failure=_POLICIES[told.failure_policy]),
        tuple(map(_step, told.steps)),
        created_at=_epoch(told.create_time),
        revision=told.revision,
        cancel_asked=told.cancel_requested,
        paused=told.paused,
        updated_at=_epoch(told.update_time),
    )


def target(told: pb.Target) -> Target:
    """A configured destination."""
    return Target(told.key, told.platform, told.display_name)


def quotas(told: pb.ListPlatformsResponse) -> dict[Target, tuple[Quota, ...]]:
    """The configured targets, and what each may still do; whose account it is stays with the daemon."""
    return {target(one): tuple(map(_quota, one.quotas)) for one in told.targets}


def _quota(told: pb.Quota) -> Quota:
    return Quota("", told.name, told.limit, _epoch(told.reset_time), told.limit - told.remaining)


def _media(told: pb.Media) -> Media:
    named = Media.named(told.name)
    return Media(
        uri=told.name,
        size=told.size_bytes,
        mime=told.mime_type,
        kind=named.kind,
        duration_s=told.duration.seconds + told.duration.nanos / NANOS if told.HasField("duration") else None,
        width=told.width or None,
        height=told.height or None,
    )


def _step(told: pb.Step) -> Step:
    spec = StepSpec(
        told.name,
        told.key,
        visible=told.visible,
        required=told.required,
        verb=told.verb,
        yields=told.yields,
    )
    return Step(
        spec,
        told.target or None,
        state=_STATES[told.state],
        attempt=told.calls,
        trouble=Trouble(attempts=max(told.attempt - 1, 0)),
        done=told.bytes_done,
        total=told.bytes_total,
        rate=told.bytes_per_second,
        note=told.wait.reason,
        wait_until=_moment(told.wait, "until"),
        receipt=Receipt(told.receipt.id or None, told.receipt.url or None) if told.HasField("receipt") else None,
        failure=_failure(told.failure) if told.HasField("failure") else None,
        warnings=tuple(told.warnings),
        started_at=_moment(told, "start_time"),
        ended_at=_moment(told, "end_time"),
    )


def _failure(told: pb.Failure) -> Failure:
    return Failure(
        _KINDS[told.kind],
        told.message,
        told.code,
        unreached=told.unreached,
        not_before=_moment(told, "retry_time"),
        todo=told.advice,
    )


def _moment(told: Message, field: str) -> float | None:
    return _epoch(getattr(told, field)) if told.HasField(field) else None


def _epoch(moment: Timestamp) -> float:
    return float(moment.seconds + moment.nanos / NANOS)
