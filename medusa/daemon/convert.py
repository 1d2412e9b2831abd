"""The domain's values as messages, and what a request asks for as plain values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from medusa.daemon.media_store import Standing
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import Failure, FailureKind, InvalidRequest
from medusa.domain.platform import Platform
from medusa.domain.policy import OnFailure
from medusa.domain.quota import Quota
from medusa.domain.request import Target
from medusa.domain.task import Step, StepState, Task, TaskStatus, status_reply
from medusa.domain.values import Media, Problem, Receipt

NANOS: Final = 10**9
EXACT: Final = 2**53
"""Beyond it a double holds no longer every integer."""
Attempts = Callable[[str | None], int]
"""How many attempts in a row a step of this target has; 0 when that is not known."""

TASK_STATES: Final = {status: pb.TaskState.Value(f"TASK_STATE_{status.name}") for status in TaskStatus}
STEP_STATES: Final = {state: pb.StepState.Value(f"STEP_STATE_{state.name}") for state in StepState}
FAILURE_POLICIES: Final = {
    OnFailure.STOP: pb.FAILURE_POLICY_FAIL_FAST,
    OnFailure.GO_ON: pb.FAILURE_POLICY_GO_ON,
}
FAILURE_KINDS: Final = {kind: pb.FailureKind.Value(f"FAILURE_KIND_{kind.name}") for kind in FailureKind}


def task_message(task: Task, attempts: Attempts) -> pb.Task:
    """A snapshot of the task."""
    reply = status_reply(task)
    return pb.Task(
        id=task.id,
        revision=task.revision,
        state=TASK_STATES[task.status],
        message=task.message,
        results=task.results,
        error=reply.get("error", ""),
        failed_target=reply.get("failed_platform") or "",
        warnings=task.warnings,
        targets=map(target_message, task.request.targets),
        media=_media(task.request.media) if task.request.media else None,
        steps=(_step(step, attempts(step.target)) for step in task.steps),
        create_time=timestamp(task.created_at),
        update_time=timestamp(task.updated_at),
        cancel_requested=task.cancel_asked,
        paused=task.paused,
        failure_policy=FAILURE_POLICIES[task.request.on_failure],
    )


def problem_message(problem: Problem) -> pb.Problem:
    """One thing that is wrong with a request."""
    return pb.Problem(field=problem.path, description=problem.says)


def platform_message(platform: Platform) -> pb.Platform:
    """What a platform can do."""
    return pb.Platform(
        name=platform.name,
        display_name=platform.display,
        abilities=platform.abilities,
        limits=platform.limits,
        gives=platform.gives,
    )


def target_message(target: Target, quotas: Iterable[Quota] = ()) -> pb.Target:
    """A configured destination, and what its account may still do."""
    return pb.Target(key=target.key, platform=target.platform, display_name=target.display, quotas=map(_quota, quotas))


def _quota(quota: Quota) -> pb.Quota:
    return pb.Quota(
        name=quota.name, limit=quota.limit, remaining=quota.remaining, reset_time=timestamp(quota.resets_at)
    )


def uploaded(standing: Standing) -> pb.UploadedMedia:
    """How far an upload is."""
    header = standing.upload.header
    return pb.UploadedMedia(
        media_id=header.media_id,
        file_name=header.file_name,
        size_bytes=header.size,
        offset=standing.offset,
        complete=standing.complete,
        expire_time=timestamp(standing.expires_at),
    )


def _media(media: Media) -> pb.Media:
    return pb.Media(
        name=media.name,
        size_bytes=media.size,
        mime_type=media.mime,
        duration=None if media.duration_s is None else duration(media.duration_s),
        width=media.width or 0,
        height=media.height or 0,
    )


def _step(step: Step, max_attempts: int) -> pb.Step:
    return pb.Step(
        key=step.key,
        name=step.name,
        target=step.target or "",
        state=STEP_STATES[step.state],
        verb=step.spec.verb,
        visible=step.spec.visible,
        required=step.spec.required,
        attempt=step.trouble.attempts + 1 if step.attempt else 0,
        max_attempts=max_attempts,
        calls=step.attempt,
        bytes_done=step.done,
        bytes_total=step.total,
        bytes_per_second=step.rate,
        eta=None if step.eta_s is None else duration(step.eta_s),
        wait=_wait(step) if step.note and not step.ended else None,
        receipt=_receipt(step.known) if step.known else None,
        failure=_failure(step.failure) if step.failure else None,
        warnings=(*step.warnings, *(step.receipt.warnings if step.receipt else ())),
        start_time=timestamp(step.started_at),
        end_time=timestamp(step.ended_at),
        yields=step.spec.yields,
    )


def _wait(step: Step) -> pb.Wait:
    return pb.Wait(reason=step.note, until=timestamp(step.wait_until))


def _receipt(receipt: Receipt) -> pb.Receipt:
    return pb.Receipt(id=receipt.id or "", url=receipt.url or "")


def _failure(failure: Failure) -> pb.Failure:
    return pb.Failure(
        kind=FAILURE_KINDS[failure.kind],
        message=failure.said,
        code=failure.code,
        advice=failure.todo,
        retry_time=timestamp(failure.not_before),
        unreached=failure.unreached,
    )


def timestamp(epoch_s: float | None) -> Timestamp | None:
    """A moment; None stays None."""
    if epoch_s is None:
        return None
    seconds, fraction = divmod(epoch_s, 1)
    return Timestamp(seconds=int(seconds), nanos=int(fraction * NANOS))


def duration(seconds: float) -> Duration:
    """A length of time that is not negative."""
    whole, fraction = divmod(seconds, 1)
    return Duration(seconds=int(whole), nanos=int(fraction * NANOS))


def plain(struct: Struct, path: str = "") -> dict[str, Any]:
    """The values of a Struct that stands at `path`. It knows no integers: a number without a fraction becomes one.

    Raises InvalidRequest for what JSON does not know.
    """
    return {key: _value(value, f"{path}.{key}" if path else key) for key, value in struct.fields.items()}


def _value(value: Value, path: str) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            return _number(value.number_value, path)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return plain(value.struct_value, path)
        case "list_value":
            return [_value(item, f"{path}[{place}]") for place, item in enumerate(value.list_value.values)]
        case _:
            return None


def _number(number: float, path: str) -> int | float:
    if not math.isfinite(number):
        raise InvalidRequest([Problem(path, "is not a finite number")])
    return int(number) if number.is_integer() and abs(number) <= EXACT else number
