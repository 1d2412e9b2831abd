"""Each exchange as a span of OpenTelemetry."""

from __future__ import annotations

from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from medusa.adapters.http.exchange import Http
from medusa.adapters.http.message import Reply, Request
from medusa.domain.ports import Call


class TracedHttp(Http):
    """Http that says of each exchange where it went and how it ended. It tells only the host of a URL."""

    def exchange(self, call: Call, request: Request) -> Reply:
        tracer = trace.get_tracer("medusa")
        about = {"http.request.method": request.method, "server.address": urlsplit(request.url).hostname or ""}
        with tracer.start_as_current_span(
            request.method,
            kind=SpanKind.CLIENT,
            attributes=about,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                reply = super().exchange(call, request)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise
            span.set_attribute("http.response.status_code", reply.status)
            return reply
