"""What a caller asks for, as the core's arguments; and what is wrong with it, by the message's own field names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from medusa.daemon.convert import NANOS, plain
from medusa.daemon.media_store import Header
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import InvalidRequest
from medusa.domain.policy import OnFailure
from medusa.domain.task import TaskFilter, TaskStatus
from medusa.domain.values import Problem

KEY_LENGTH: Final = 255
NAME_BYTES: Final = 255
MEDIA_ID: Final = re.compile(r"[0-9a-f-]{32,64}")
PAGE: Final = 100
PAGE_MOST: Final = 1000
ON_FAILURE: Final = {
    pb.FAILURE_POLICY_UNSPECIFIED: OnFailure.STOP,
    pb.FAILURE_POLICY_FAIL_FAST: OnFailure.STOP,
    pb.FAILURE_POLICY_GO_ON: OnFailure.GO_ON,
}
STATUSES: Final = {pb.TaskState.Value(f"TASK_STATE_{status.name}"): status for status in TaskStatus}


def arguments(request: pb.PublishRequest) -> dict[str, Any]:
    """What `MedusaCore.publish_async` and `validate` are asked."""
    if request.failure_policy not in ON_FAILURE:
        raise InvalidRequest([Problem("failure_policy", "is no policy that is known here")])
    return {
        "media_file": request.media_path or None,
        "platforms": list(request.targets),
        "metadata": plain(request.metadata, "metadata"),
        "retry": _patience(request.retry) or None,
        "on_failure": ON_FAILURE[request.failure_policy].value,
    }


def _patience(retry: pb.RetryPolicy) -> dict[str, float]:
    """What it says; absent and 0 are the same to a message."""
    said = {"attempts": retry.attempts}
    spans = {"base_s": retry.base, "cap_s": retry.cap, "give_up_after_s": retry.give_up_after}
    found = {**said, **{name: span.seconds + span.nanos / NANOS for name, span in spans.items()}}
    return {name: value for name, value in found.items() if value}


def key(request: pb.PublishRequest) -> str | None:
    """The idempotency key, if there is one. Raises InvalidRequest."""
    if len(request.idempotency_key) > KEY_LENGTH:
        raise InvalidRequest([Problem("idempotency_key", f"is longer than {KEY_LENGTH} characters")])
    return request.idempotency_key or None


@contextmanager
def own_words(request: pb.PublishRequest) -> Iterator[None]:
    """Problems that the core finds are raised with their place in `request`."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest(placed(error.problems, request)) from None


def placed(problems: Sequence[Problem], request: pb.PublishRequest) -> list[Problem]:
    """The problems with their place in `request`: "platforms[1]" is its "targets[1]"."""
    return [Problem(_field(problem.path, request), problem.says) for problem in problems]


def _field(path: str, request: pb.PublishRequest) -> str:
    head = path.partition(".")[0].partition("[")[0]
    if head in request.targets:
        return f"metadata.{path}"
    match head:
        case "media_file":
            return request.WhichOneof("media") or "media_path"
        case "platforms":
            return path.replace("platforms", "targets", 1)
        case "retry":
            return path.removesuffix("_s")
        case "on_failure":
            return "failure_policy"
        case "metadata" | "targets" | "idempotency_key" | "media_path" | "media_id" | "":
            return path
        case _:
            return f"metadata.{path}"


def posted(request: pb.ResolveTaskRequest) -> str | None:
    """The id under which it was found, or None when it is not there. Raises InvalidRequest when nothing is said."""
    match request.WhichOneof("found"):
        case "posted_id" if request.posted_id:
            return request.posted_id
        case "not_posted":
            return None
        case _:
            raise InvalidRequest([Problem("posted_id", "say the id under which it is there, or not_posted")])


def page_size(request: pb.ListTasksRequest) -> int:
    """How many tasks a page has. Raises InvalidRequest."""
    if not 0 <= request.page_size <= PAGE_MOST:
        raise InvalidRequest([Problem("page_size", f"must be 0 to {PAGE_MOST}")])
    return request.page_size or PAGE


def task_filter(chosen: pb.TaskFilter) -> TaskFilter:
    """Which tasks are asked for. Raises InvalidRequest."""
    if chosen.state not in (pb.TASK_STATE_UNSPECIFIED, *STATUSES):
        raise InvalidRequest([Problem("filter.state", "is no state that is known here")])
    return TaskFilter(STATUSES.get(chosen.state), chosen.target or None, _since(chosen))


def _since(chosen: pb.TaskFilter) -> float | None:
    """Epoch seconds."""
    if not chosen.HasField("created_since"):
        return None
    try:
        return chosen.created_since.ToMicroseconds() / 1e6
    except ValueError:
        raise InvalidRequest([Problem("filter.created_since", "is no time of the years 1 to 9999")]) from None


def media_header(header: pb.MediaHeader) -> Header:
    """What is said of a file. Raises InvalidRequest with all that is wrong with it."""
    wrong = {
        "media_id": not MEDIA_ID.fullmatch(header.media_id) and "must be 32 to 64 characters of 0-9, a-f and -",
        "file_name": _unfit(header.file_name),
        "size_bytes": header.size_bytes < 1 and "must be 1 or more",
        "sha256": len(header.sha256) not in (0, 32) and "must be 32 bytes, or absent",
        "offset": not 0 <= header.offset <= max(header.size_bytes, 0) and "must be 0 to size_bytes",
    }
    problems = [Problem(f"header.{field}", says) for field, says in wrong.items() if says]
    if problems:
        raise InvalidRequest(problems)
    return Header(header.media_id, header.file_name, header.size_bytes, header.sha256.hex())


def _unfit(name: str) -> str:
    if not name or name in (".", "..") or "/" in name or not name.isprintable():
        return "must be a file's name with its suffix, without a folder"
    return f"is longer than {NAME_BYTES} bytes" if len(name.encode()) > NAME_BYTES else ""
