"""What Prometheus may read: tasks by state, bytes, step durations, failures, waits, streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from medusa.daemon.errors import CannotListen
from medusa.domain.failures import MedusaError
from medusa.domain.task import Step, StepState, Task

SECONDS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600)
NOWHERE: Final = "none"
"""The platform of a step that belongs to no target."""


class Metrics:
    """`observe` is told of each change of a task; `counts` and `streams` are asked when someone reads."""

    def __init__(self, counts: Callable[[], Mapping[str, int]], streams: Callable[[], int]) -> None:
        self._since = time.time()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_Present(counts, streams))
        self._bytes = self._counter("medusa_sent_bytes", "Bytes that have arrived at a platform.", "platform")
        self._failures = self._counter("medusa_step_failures", "Steps that failed, by kind.", "platform", "kind")
        self._retries = self._counter("medusa_retries", "Calls that failed and are tried again.", "platform")
        self._seconds = Histogram(
            "medusa_step_seconds",
            "From a step's start to its end.",
            ("platform", "step", "state"),
            registry=self.registry,
            buckets=SECONDS,
        )
        self._waits = Gauge(
            "medusa_waiting_steps", "Steps that wait for a platform.", ("platform",), registry=self.registry
        )

    def observe(self, before: Task | None, task: Task) -> None:
        """Count what has changed between two snapshots of a task."""
        known = {step.key: step for step in before.steps} if before else {}
        if before is None and task.created_at < self._since:  # what an earlier process has done is not ours to count
            known = {step.key: replace(step, note="") for step in task.steps}
        for step in task.steps:
            platform = task.target(step.target).platform if step.target else NOWHERE
            self._observe(platform, known.get(step.key), step)

    def serve(self, address: str) -> str:
        """Answer at "HOST:PORT"; the URL, with the port that it got. Raises CannotListen."""
        host, _, port = address.rpartition(":")
        try:
            server, _ = start_http_server(int(port), host.strip("[]"), self.registry)
        except OSError as error:
            raise CannotListen(f"{address}: {(error.strerror or type(error).__name__).lower()}") from None
        return f"http://{host}:{server.server_port}/metrics"

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _observe(self, platform: str, before: Step | None, step: Step) -> None:
        sent = step.done - (before.done if before else 0)
        if sent > 0 and step.total:
            self._bytes.labels(platform).inc(sent)
        if before and step.trouble.attempts > before.trouble.attempts:
            self._retries.labels(platform).inc()
        change = _waits(step) - (_waits(before) if before else 0)
        if change:
            self._waits.labels(platform).inc(change)
        if step.ended and not (before and before.ended):
            self._count_end(platform, step)

    def _count_end(self, platform: str, step: Step) -> None:
        if step.failure:
            self._failures.labels(platform, step.failure.kind).inc()
        if step.started_at is not None and step.ended_at is not None:
            seconds = max(0.0, step.ended_at - step.started_at)
            self._seconds.labels(platform, step.name, step.state).observe(seconds)


class _Present(Collector):
    """What is not counted but asked for at each reading."""

    def __init__(self, counts: Callable[[], Mapping[str, int]], streams: Callable[[], int]) -> None:
        self._counts = counts
        self._streams = streams

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily("medusa_streams", "Streams that watch tasks.", self._streams())
        try:
            counts = self._counts()
        except MedusaError:  # the disk is in trouble: what is not known is left out
            return
        tasks = GaugeMetricFamily("medusa_tasks", "Tasks that are kept, by state.", labels=("state",))
        for state, count in counts.items():
            tasks.add_metric((state,), count)
        yield tasks
        yield GaugeMetricFamily("medusa_queue_depth", "Tasks that wait to be begun.", counts.get("pending", 0))


def _waits(step: Step) -> int:
    return int(step.state is StepState.RUNNING and step.wait_until is not None and bool(step.note))
