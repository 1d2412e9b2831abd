"""Each question to the daemon, for those who wait and those who await: what is sent, and what its reply says."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from medusa.daemon.client import asked, told
from medusa.daemon.convert import TASK_STATES
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.bandwidth import rate as bandwidth_of
from medusa.domain.failures import InvalidRequest
from medusa.domain.quota import Quota
from medusa.domain.request import Target
from medusa.domain.task import Task, TaskStatus
from medusa.domain.values import Problem

T = TypeVar("T")
USUAL_S: Final = 30.0
PAGE: Final = 100
ONLINE_S: Final = 300.0
"""Platforms may take their time to say whether an account is sound."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One question and how its answer is read."""

    rpc: str
    request: Message | Iterator[Message]
    read: Callable[[Any], T]
    repeatable: bool = False
    """It does no harm twice: it may be sent again when its reply was lost."""
    targets: Collection[str] = ()
    """What it was asked for: places of problems are within."""
    timeout_s: float | None = USUAL_S
    """How long it may take; None: as long as it takes."""


def publish(request: pb.PublishRequest) -> Call[str]:
    """The new task's id; with an idempotency key, that cannot become two tasks."""
    repeatable = bool(request.idempotency_key)
    return Call("Publish", request, lambda reply: str(reply.task.id), repeatable, request.targets)


def validate(request: pb.PublishRequest, *, online: bool) -> Call[tuple[Problem, ...]]:
    """All that is wrong with a request."""
    targets = request.targets

    def read(reply: pb.ValidateResponse) -> tuple[Problem, ...]:
        return tuple(Problem(asked.place(one.field, targets), one.description) for one in reply.problems)

    question = pb.ValidateRequest(request=request, online=online)
    return Call("Validate", question, read, True, targets, ONLINE_S if online else USUAL_S)


def get_task(task_id: str) -> Call[Task]:
    """Where a task stands."""
    return Call("GetTask", pb.GetTaskRequest(task_id=task_id), lambda reply: told.task(reply.task), True)


def list_tasks(limit: int, before: str | None, chosen: pb.TaskFilter) -> Call[tuple[Task, ...]]:
    """The newest tasks, at most PAGE, that are older than one of them."""
    question = pb.ListTasksRequest(page_size=min(limit, PAGE), page_token=before or "", filter=chosen)
    return Call("ListTasks", question, lambda reply: tuple(map(told.task, reply.tasks)), True)


def chosen(status: TaskStatus | None, target: str | None, since: float | None) -> pb.TaskFilter:
    """A filter; None: any."""
    moment = Timestamp()
    if since is not None:
        moment.FromDatetime(datetime.fromtimestamp(since, UTC))
    return pb.TaskFilter(
        state=TASK_STATES[status] if status else pb.TASK_STATE_UNSPECIFIED,
        target=target or "",
        created_since=None if since is None else moment,
    )


def media(media_id: str) -> Call[pb.UploadedMedia]:
    """Where an upload stands."""
    return Call("GetMedia", pb.GetMediaRequest(media_id=media_id), lambda reply: reply.media, True)


def send_media(requests: Iterator[pb.UploadMediaRequest]) -> Call[None]:
    """Nothing: where it stands is asked for."""
    return Call("UploadMedia", requests, _nothing, timeout_s=None)


def cancel(task_id: str) -> Call[bool]:
    """Whether it had not ended."""
    return Call("CancelTask", pb.CancelTaskRequest(task_id=task_id), _accepted)


def pause(task_id: str) -> Call[bool]:
    """Whether it had not ended."""
    return Call("PauseTask", pb.PauseTaskRequest(task_id=task_id), _accepted)


def unpause(task_id: str) -> Call[bool]:
    """Whether it had not ended."""
    return Call("UnpauseTask", pb.UnpauseTaskRequest(task_id=task_id), _accepted)


def retry(task_id: str) -> Call[None]:
    """Nothing: it is under way again."""
    return Call("RetryTask", pb.RetryTaskRequest(task_id=task_id), _nothing)


def resolve(task_id: str, posted: str | None, target: str | None) -> Call[None]:
    """Nothing: it is under way again."""
    question = pb.ResolveTaskRequest(task_id=task_id, target=target or "")
    if posted is None:
        question.not_posted.SetInParent()
    else:
        question.posted_id = posted
    return Call("ResolveTask", question, _nothing)


def delete(task_id: str) -> Call[None]:
    """Nothing: it is forgotten."""
    return Call("DeleteTask", pb.DeleteTaskRequest(task_id=task_id), _nothing)


def quotas() -> Call[dict[Target, tuple[Quota, ...]]]:
    """What each target may still do."""
    return Call("ListPlatforms", pb.ListPlatformsRequest(), told.quotas, True)


def bandwidth() -> Call[dict[str | None, float]]:
    """The limits that hold now."""
    return Call("GetLimits", pb.GetLimitsRequest(), _rates, True)


def limit_bandwidth(rate: str | float | None, target: str | None) -> Call[None]:
    """Nothing: it holds. Raises InvalidRequest for what is no rate."""
    limit = pb.BandwidthLimit(target=target or "", configured=rate is None)
    if rate is not None:
        try:
            exact = bandwidth_of(rate)
        except ValueError as error:
            raise InvalidRequest([Problem("rate", str(error))]) from error
        limit.bytes_per_second = round(exact) if math.isfinite(exact) else 0
    return Call("SetLimits", pb.SetLimitsRequest(limits=[limit]), _nothing)


def _rates(reply: pb.GetLimitsResponse) -> dict[str | None, float]:
    return {one.target or None: float(one.bytes_per_second or math.inf) for one in reply.limits}


def _accepted(reply: Any) -> bool:
    return bool(reply.accepted)


def _nothing(_: object) -> None:
    return None
