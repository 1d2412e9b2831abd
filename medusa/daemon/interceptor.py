"""Around every call: errors become statuses, so that no method has to think of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, cast

import grpc
from grpc import aio

from medusa.daemon.errors import Refused, refusal
from medusa.domain.failures import MedusaError

DETAILS_KEY: Final = "grpc-status-details-bin"
OURS: Final = "/medusa.v1."
_log = logging.getLogger("medusa.daemon")


class StatusInterceptor(aio.ServerInterceptor):
    """Ends a call that raised with the status of its error. What nobody expected is logged, and told to no caller."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(OURS):
            return cast("grpc.RpcMethodHandler[Any, Any]", handler)
        kind = next(kind for kind in _WRAPPED if getattr(handler, kind))
        wrapped = _WRAPPED[kind](getattr(handler, kind), method)
        return cast("grpc.RpcMethodHandler[Any, Any]", handler._replace(**{kind: wrapped}))


def _unary(behavior: Callable[[Any, Any], Awaitable[Any]], method: str) -> Callable[[Any, Any], Awaitable[Any]]:
    async def answered(request: Any, context: aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await behavior(request, context)
        except Exception as error:
            await _end(context, error, method)

    return answered


def _stream(
    behavior: Callable[[Any, Any], AsyncIterator[Any]], method: str
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def answered(request: Any, context: aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            async for message in behavior(request, context):
                yield message
        except Exception as error:
            await _end(context, error, method)

    return answered


_WRAPPED: Final[dict[str, Callable[[Any, str], Any]]] = {
    "unary_unary": _unary,
    "stream_unary": _unary,
    "unary_stream": _stream,
}


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
