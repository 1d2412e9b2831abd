"""Around every call: who may not make it is refused, and errors become statuses, so that no method thinks of them."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, cast

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from medusa.daemon.errors import Refused, invalid, refusal
from medusa.daemon.gate import Context, Gate
from medusa.domain.failures import MedusaError
from medusa.domain.values import Problem

DETAILS_KEY: Final = "grpc-status-details-bin"
_log = logging.getLogger("medusa.daemon")


class CallInterceptor(aio.ServerInterceptor):
    """Lets a call in through the gate, and ends one that raised with the status of its error.

    What nobody expected is logged, and told to no caller. Messages are parsed here and not by gRPC, to which bytes that
    are none would be an error of the server's own.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        kind = next(kind for kind in _KINDS if getattr(handler, kind))
        behavior, read = getattr(handler, kind), _reader(handler)
        wrapped = (_stream if inspect.isasyncgenfunction(behavior) else _single)(behavior, read, method, self._gate)
        changed = handler._replace(**{kind: wrapped}, request_deserializer=None)
        return cast("grpc.RpcMethodHandler[Any, Any]", changed)


_KINDS: Final = ("unary_unary", "stream_unary", "unary_stream", "stream_stream")


def _reader(handler: Any) -> Callable[[Any], Any]:
    """From the bytes of a request, or of each of a stream, to its message. Raises Refused."""

    def one(raw: bytes) -> Any:
        try:
            return handler.request_deserializer(raw)
        except DecodeError:
            raise invalid([Problem("", "the bytes are no message of this method")]) from None

    async def each(raw: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for message in raw:
            yield one(message)

    return each if handler.request_streaming else one


def _single(
    behavior: Callable[[Any, Context], Awaitable[Any]], read: Callable[[Any], Any], method: str, gate: Gate
) -> Callable[..., Any]:
    async def answered(request: Any, context: Context) -> Any:
        try:
            with gate.admitted(method, context):
                return await behavior(read(request), context)
        except Exception as error:
            await _end(context, error, method)

    return answered


def _stream(
    behavior: Callable[[Any, Context], AsyncIterator[Any]], read: Callable[[Any], Any], method: str, gate: Gate
) -> Callable[..., Any]:
    async def answered(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with gate.admitted(method, context):
                async for message in behavior(read(request), context):
                    yield message
        except Exception as error:
            await _end(context, error, method)

    return answered


async def _end(context: aio.ServicerContext[Any, Any], error: Exception, method: str) -> None:
    if isinstance(error, aio.AbortError):
        raise error
    if isinstance(error, MedusaError):
        refused = refusal(error)
    else:
        _log.exception("%s failed", method)
        refused = Refused(grpc.StatusCode.INTERNAL, "INTERNAL", "an error of Medusa's own; it is in the daemon's log")
    status = refused.status()
    await context.abort(refused.code, status.message, ((DETAILS_KEY, status.SerializeToString()),))
