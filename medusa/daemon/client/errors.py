"""A status of the daemon -> the error that MedusaCore would have raised."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from medusa.daemon.client.asked import place
from medusa.domain.failures import IdempotencyConflict, InvalidRequest, MedusaError, TaskConflict, TaskNotFound
from medusa.domain.values import Problem

M = TypeVar("M", bound=Message)


class DaemonUnreachable(MedusaError):
    """No answer: nobody listens there, the line is broken, or the daemon is shutting down."""


class AccessDenied(MedusaError):
    """The daemon does not know the caller, or does not let him do this."""


class MediaNotFound(MedusaError):
    """Nothing of this file is there yet, or any more."""


class LimitReached(MedusaError):
    """The caller has as much open or stored as the daemon allows him."""

    def __init__(self, says: str, retry_after_s: float | None) -> None:
        self.retry_after_s = retry_after_s
        """Seconds after which there may be room."""
        super().__init__(says)


_DENIED: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_UNREACHED: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_HANDSHAKES: Final = {
    "WRONG_VERSION_NUMBER": "what listens there does not speak TLS",
    "Hostname Verification": "its certificate is for another name",
    "Socket closed": "it closes the connection; it may want TLS (tls_ca), or a certificate of yours (tls_cert)",
}
"""What gRPC's core says of a connection that did not come about -> what that means."""


def error_of(call: Any, address: str, targets: Collection[str] = ()) -> MedusaError:
    """The error that a failed call, an RpcError of either kind, stands for; `targets`: those it was asked for."""
    code, said, status = call.code(), call.details() or "", _status(call)
    match code:
        case grpc.StatusCode.INVALID_ARGUMENT:
            return InvalidRequest(_problems(status, said, targets))
        case grpc.StatusCode.NOT_FOUND:
            return _not_found(status, said)
        case grpc.StatusCode.ALREADY_EXISTS:
            return IdempotencyConflict(said)
        case grpc.StatusCode.FAILED_PRECONDITION:
            return TaskConflict(said)
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return LimitReached(said, retry_after_s(call))
    if code in _DENIED:
        return AccessDenied(said)
    if code in _UNREACHED and status is None:
        return DaemonUnreachable(f"no daemon answers at {address}: {_why(said)}")
    return DaemonUnreachable(said) if code in _UNREACHED else MedusaError(f"the daemon at {address}: {said}")


def retry_after_s(call: Any) -> float | None:
    """When the daemon asks to be called again, seconds from now."""
    info = _detail(_status(call), error_details_pb2.RetryInfo)
    return None if info is None else float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)


def answered(call: Any) -> bool:
    """Whether it was the daemon that said this, and not the line."""
    return _status(call) is not None


def _why(said: str) -> str:
    """What kept a call from the daemon, without the words around it."""
    meant = (says for words, says in _HANDSHAKES.items() if said.startswith("failed to connect") and words in said)
    return next(meant, said.removesuffix(": OK").rpartition(": ")[2])


def _status(call: Any) -> status_pb2.Status | None:
    try:
        return rpc_status.from_call(call)
    except (ValueError, DecodeError):  # someone in between has rewritten it
        return None


def _detail(status: status_pb2.Status | None, kind: type[M]) -> M | None:
    found = kind()
    for detail in status.details if status else ():
        if detail.Unpack(found):
            return found
    return None


def _not_found(status: status_pb2.Status | None, said: str) -> MedusaError:
    info = _detail(status, error_details_pb2.ResourceInfo)
    if info and info.resource_type == "medusa.v1.Task":
        return TaskNotFound(info.resource_name)
    return MediaNotFound(said)


def _problems(status: status_pb2.Status | None, said: str, targets: Collection[str]) -> list[Problem]:
    bad = _detail(status, error_details_pb2.BadRequest)
    if bad is None:
        return [Problem("", said)]
    return [Problem(place(one.field, targets), one.description) for one in bad.field_violations]
