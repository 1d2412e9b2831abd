"""A line of the log for each call that changes something, and how it ended; of the others only at level debug."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import grpc
from grpc import aio

from medusa.daemon.gate import caller
from medusa.daemon.scopes import Scope, needed

REFUSED: Final = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
"""The gate logs these itself, and not without end."""
_log = logging.getLogger("medusa.calls")


class CallLog(aio.ServerInterceptor):
    """Sees calls with one reply; who watches is counted by the metrics."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler: Any = await continuation(handler_call_details)
        if handler is None or handler.response_streaming:
            return cast("grpc.RpcMethodHandler[Any, Any] | None", handler)
        kind = "stream_unary" if handler.request_streaming else "unary_unary"
        logged = _logged(getattr(handler, kind), handler_call_details.method)
        return cast("grpc.RpcMethodHandler[Any, Any]", handler._replace(**{kind: logged}))


def _logged(behavior: Callable[[Any, Any], Awaitable[Any]], method: str) -> Callable[[Any, Any], Awaitable[Any]]:
    level = logging.INFO if needed(method) >= Scope.PUBLISH else logging.DEBUG
    name = method.rpartition("/")[2]

    async def answered(request: Any, context: Any) -> Any:
        began, reply = time.monotonic(), None
        try:
            reply = await behavior(request, context)
            return reply
        finally:
            code = context.code() or grpc.StatusCode.OK
            about = {
                "caller": None if code in REFUSED else caller(),
                "code": code.name,
                "seconds": round(time.monotonic() - began, 4),
                "task": getattr(getattr(reply, "task", None), "id", None),
            }
            _log.log(logging.DEBUG if code in REFUSED else level, name, extra=about)

    return answered
