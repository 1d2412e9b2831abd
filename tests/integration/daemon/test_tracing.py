"""A trace leads from a caller's span over its call to each exchange with a platform."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from medusa import MedusaCore
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.daemon.tracing import TraceInterceptor
from medusa.sandbox import Sandbox
from tests.integration.daemon.conftest import WITHIN_S, Serving

TRACE = secrets.token_hex(16)
CALLER = secrets.token_hex(8)


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def publish(stub: MedusaServiceStub, message: str, metadata: tuple[tuple[str, str], ...] = ()) -> str:
    request = pb.PublishRequest(targets=["facebook"])
    request.metadata.update({"facebook": {"message": message}})
    task_id = stub.Publish(request, metadata=metadata).task.id
    *_, last = stub.WatchTask(pb.WatchTaskRequest(task_id=task_id), timeout=WITHIN_S)
    assert last.task.state == pb.TASK_STATE_COMPLETED
    return task_id


def test_a_trace_leads_from_the_call_to_each_exchange(
    sandbox: Sandbox, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    config = {**sandbox.config(tmp_path), "medusa": {"daemon": {"traces": True}}}
    with (
        MedusaCore(config=config) as core,
        Serving(core, f"unix:{tmp_path}/medusa.sock", outer=(TraceInterceptor(),)) as serving,
        grpc.insecure_channel(serving.address) as channel,
    ):
        stub = MedusaServiceStub(channel)
        task_id = publish(stub, "Hello", (("traceparent", f"00-{TRACE}-{CALLER}-01"),))
        publish(stub, "Hello again")
    ours = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == TRACE]
    call = next(span for span in ours if span.kind is SpanKind.SERVER)
    exchanges = [span for span in ours if span.kind is SpanKind.CLIENT]
    assert call.name == "medusa.v1.MedusaService/Publish"
    assert call.attributes
    assert call.attributes["medusa.task"] == task_id
    assert parent(call) == CALLER
    assert {parent(span) for span in exchanges} == {f"{call.context.span_id:016x}"}
    posts = [span for span in spans.get_finished_spans() if span.kind is SpanKind.CLIENT and span.name == "POST"]
    assert [span in ours for span in posts] == [True, False]
    token = sandbox.config(tmp_path)["facebook"]["access_token"]
    assert not [span for span in spans.get_finished_spans() if token in span.to_json() or "/v" in str(span.attributes)]


def parent(span: ReadableSpan) -> str:
    assert span.parent
    return f"{span.parent.span_id:016x}"
