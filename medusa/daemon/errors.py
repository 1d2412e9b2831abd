"""What goes wrong, as a google.rpc.Status: one place that maps Medusa's errors, and whoever raises knows no gRPC."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from medusa.domain.failures import (
    IdempotencyConflict,
    InvalidRequest,
    MedusaError,
    TaskConflict,
    TaskNotFound,
)
from medusa.domain.values import Problem

DOMAIN: Final = "medusa"
SAID_BYTES: Final = 500
"""Status and details travel in trailers, of which a client takes 8 KiB by default, percent and base64 encoded."""
DETAIL_BYTES: Final = 3500
RETRY_S: Final = 2
_log = logging.getLogger("medusa.daemon")


class Refused(MedusaError):
    """A call that ends with `code`; `reason` is the stable word of its ErrorInfo."""

    def __init__(self, code: grpc.StatusCode, reason: str, says: str, *details: Message) -> None:
        self.code = code
        self.reason = reason
        self.details = details
        super().__init__(says)

    def status(self) -> status_pb2.Status:
        """The whole of it, for the trailer."""
        info = error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN)
        number = code_pb2.Code.Value(self.code.name)
        return status_pb2.Status(code=number, message=clipped(str(self)), details=_packed((info, *self.details)))


class InUse(MedusaError):
    """Another daemon, or another program, has what this one needs."""


class CannotListen(MedusaError):
    """An address cannot be used."""


def refusal(error: MedusaError) -> Refused:
    """How a call ends that raised `error`."""
    match error:
        case Refused():
            return error
        case InvalidRequest():
            return invalid(error.problems)
        case TaskNotFound():
            return not_found("medusa.v1.Task", error.task_id, "TASK_NOT_FOUND", str(error))
        case IdempotencyConflict():
            return Refused(grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", str(error))
        case TaskConflict():
            return Refused(grpc.StatusCode.FAILED_PRECONDITION, "TASK_CONFLICT", str(error))
        case _:
            _log.error("a call fails: %s", error)  # it may name files, which are nothing for callers
            return unavailable("STORAGE_FAILED", "tasks cannot be kept just now: the daemon's log says why")


def invalid(problems: Iterable[Problem]) -> Refused:
    """INVALID_ARGUMENT, with as many of the problems as fit into a trailer."""
    told = list(problems)
    bad = error_details_pb2.BadRequest()
    for place, problem in enumerate(told):
        bad.field_violations.add(field=clipped(problem.path), description=clipped(problem.says))
        if bad.ByteSize() > DETAIL_BYTES:
            del bad.field_violations[-1]
            bad.field_violations.add(description=f"and {len(told) - place} more")
            break
    says = "; ".join(map(str, told)) or "the request is not valid"
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", says, bad)


def not_found(kind: str, name: str, reason: str, says: str) -> Refused:
    """NOT_FOUND: there is no `kind` of this name."""
    resource = error_details_pb2.ResourceInfo(resource_type=kind, resource_name=clipped(name))
    return Refused(grpc.StatusCode.NOT_FOUND, reason, says, resource)


def unavailable(reason: str, says: str, retry_s: int = RETRY_S) -> Refused:
    """UNAVAILABLE: the same call may succeed in `retry_s` seconds."""
    return Refused(grpc.StatusCode.UNAVAILABLE, reason, says, retry_after(retry_s))


def exhausted(says: str, retry_s: int) -> Refused:
    """RESOURCE_EXHAUSTED: a limit is reached, and there may be room in `retry_s` seconds."""
    return Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_REACHED", says, retry_after(retry_s))


def retry_after(seconds: int) -> error_details_pb2.RetryInfo:
    """When to try again."""
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))


def clipped(text: str) -> str:
    """The text, or its beginning, in at most SAID_BYTES bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    return encoded[: SAID_BYTES - 3].decode("utf-8", "ignore") + "..." if len(encoded) > SAID_BYTES else text


def _packed(details: Iterable[Message]) -> Iterable[Packed]:
    for detail in details:
        packed = Packed()
        packed.Pack(detail)
        yield packed
