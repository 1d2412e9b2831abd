"""Each call as a span of OpenTelemetry, in which the exchanges of the task that it begins go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import grpc
from grpc import aio
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode


def configure() -> TracerProvider:
    """Send all spans of this process where OTEL_EXPORTER_OTLP_ENDPOINT says."""
    provider = TracerProvider(resource=Resource.create({"service.name": "medusad"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


class TraceInterceptor(aio.ServerInterceptor):
    """A span for each call with one request and one reply, within the caller's own trace if it has sent one."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        handler: Any = await continuation(handler_call_details)
        if handler is None or not handler.unary_unary:
            return cast("grpc.RpcMethodHandler[Any, Any] | None", handler)
        traced = _traced(handler.unary_unary, handler_call_details)
        return cast("grpc.RpcMethodHandler[Any, Any]", handler._replace(unary_unary=traced))


def _traced(behavior: Callable[[Any, Any], Awaitable[Any]], details: grpc.HandlerCallDetails) -> Callable[..., Any]:
    name = details.method.removeprefix("/")
    service, _, method = name.partition("/")
    about = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
    caller = extract({key: value for key, value in details.invocation_metadata or () if isinstance(value, str)})

    async def answered(request: Any, context: Any) -> Any:
        tracer = trace.get_tracer("medusa")
        with tracer.start_as_current_span(
            name, caller, SpanKind.SERVER, about, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                reply = await behavior(request, context)
            except BaseException:
                span.set_status(StatusCode.ERROR)
                raise
            with suppress(AttributeError):
                span.set_attribute("medusa.task", reply.task.id)
            return reply

    return answered
