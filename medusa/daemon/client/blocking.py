"""MedusaClient: the methods of MedusaCore, answered by a daemon."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import grpc

from medusa.daemon.client import calls, operations
from medusa.daemon.client.aio import AsyncMedusaClient
from medusa.daemon.client.base import Client, MediaFile
from medusa.daemon.client.calls import Call
from medusa.daemon.client.following import Following
from medusa.daemon.client.operations import Operation, Running
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceStub
from medusa.domain.failures import MedusaError
from medusa.domain.quota import Quota
from medusa.domain.request import Target
from medusa.domain.task import Task, TaskStatus, status_reply
from medusa.domain.values import Problem

T = TypeVar("T")


class MedusaClient(Client):
    """Asks a daemon what MedusaCore is asked, and raises what MedusaCore raises. Usable from any thread.

    `address`: "unix:/run/medusa/medusad.sock" or "host:port"; `token`: a bearer token of the daemon; `tls_ca`,
    `tls_cert`, `tls_key`: PEM files, the authority that signed the daemon's certificate and this client's own
    certificate. Off this machine a connection is always encrypted. `upload`: whether media files are handed over as
    bytes; None: unless the daemon is on a Unix socket and may read them where they are.
    `on_upload(done, total)` is told how many bytes of a file were handed over; from any thread, so that it must return
    at once and raise nothing.

    Beside the errors of MedusaCore: DaemonUnreachable, AccessDenied, LimitReached. A call that does no harm twice is
    repeated when the line breaks, and a watcher comes back by itself, so that a restart of the daemon is not noticed.
    """

    def _connect(self) -> None:
        self._channel = self._endpoint.channel()
        self._stub = MedusaServiceStub(self._channel)

    # ------------------------------------------------------------ publishing

    def publish_async(
        self,
        media_file: MediaFile | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        retry: Mapping[str, float] | None = None,
        on_failure: Literal["stop", "go_on"] = "stop",
    ) -> str:
        """As `MedusaCore.publish_async`; where the media is handed over as bytes, it returns once they are there."""
        policies = {"retry": retry, "on_failure": on_failure}
        return self._do(self._publishing.publish(media_file, platforms, metadata, idempotency_key, **policies))

    def validate(
        self,
        media_file: MediaFile | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        *,
        online: bool = False,
        retry: Mapping[str, float] | None = None,
        on_failure: Literal["stop", "go_on"] = "stop",
    ) -> tuple[Problem, ...]:
        """As `MedusaCore.validate`; where the media is handed over as bytes, that is done first."""
        policies = {"retry": retry, "on_failure": on_failure}
        return self._do(self._publishing.validate(media_file, platforms, metadata, online=online, **policies))

    # ------------------------------------------------------------ steering

    def cancel(self, task_id: str) -> bool:
        """As `MedusaCore.cancel`."""
        return self._ask(calls.cancel(task_id))

    def pause(self, task_id: str) -> bool:
        """As `MedusaCore.pause`."""
        return self._ask(calls.pause(task_id))

    def unpause(self, task_id: str) -> bool:
        """As `MedusaCore.unpause`."""
        return self._ask(calls.unpause(task_id))

    def retry(self, task_id: str) -> None:
        """As `MedusaCore.retry`."""
        self._ask(calls.retry(task_id))

    def resolve(self, task_id: str, *, posted: str | None, target: str | None = None) -> None:
        """As `MedusaCore.resolve`."""
        self._ask(calls.resolve(task_id, posted, target))

    def resume(self) -> None:
        """Nothing to ask for: a daemon goes on with its tasks by itself."""

    def delete(self, task_id: str) -> None:
        """As `MedusaCore.delete`."""
        self._ask(calls.delete(task_id))

    def quotas(self) -> dict[Target, tuple[Quota, ...]]:
        """As `MedusaCore.quotas`, for the daemon's targets."""
        return self._ask(calls.quotas())

    def limit_bandwidth(self, rate: str | float | None, target: str | None = None) -> None:
        """As `MedusaCore.limit_bandwidth`."""
        self._ask(calls.limit_bandwidth(rate, target))

    def bandwidth(self) -> dict[str | None, float]:
        """As `MedusaCore.bandwidth`."""
        return self._ask(calls.bandwidth())

    # ------------------------------------------------------------ watching

    def get_task_status(self, task_id: str) -> dict[str, Any]:
        """As `MedusaCore.get_task_status`."""
        return status_reply(self.get_task(task_id))

    def get_task(self, task_id: str) -> Task:
        """As `MedusaCore.get_task`; the metadata that was asked for stays with the daemon."""
        return self._ask(calls.get_task(task_id))

    def list_tasks(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]:
        """As `MedusaCore.list_tasks`."""
        return self._do(operations.list_tasks(limit, before, calls.chosen(status, target, since)))

    def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]:
        """As `MedusaCore.wait`."""
        following = Following(task_id, timeout=timeout)
        task = following.at(self.get_task(task_id))
        if not task.ended:
            for newer in self._follow(following):
                task = newer
        return status_reply(task)

    def watch(self, task_id: str, after_revision: int = 0) -> Iterator[Task]:
        """As `MedusaCore.watch`; a stream that breaks is opened again where it was."""
        return self._follow(Following(task_id, after_revision))

    async def watch_async(self, task_id: str, after_revision: int = 0) -> AsyncIterator[Task]:
        """`watch` for a running event loop, which is not blocked."""
        async with AsyncMedusaClient(self._endpoint.address, **self._endpoint.credentials) as client:
            async for task in client.watch(task_id, after_revision):
                yield task

    def _follow(self, following: Following) -> Iterator[Task]:
        patience = self._patience()
        while True:
            following.check()
            self._check_open()
            stream = self._stub.WatchTask(following.request, timeout=following.left, metadata=self._endpoint.metadata)
            try:
                for reply in stream:
                    self._reached = True
                    patience.moved()
                    yield following.seen(reply)
                return
            except grpc.RpcError as error:
                following.check()
                time.sleep(self._pause(error, patience))
            finally:
                stream.cancel()

    # ------------------------------------------------------------ life

    def close(self) -> None:
        """Close the connection: calls that are under way end. The daemon's tasks go on."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ asking

    def _do(self, operation: Operation[T]) -> T:
        running = Running(operation)
        while (todo := running.todo) is not None:
            try:
                came = self._ask(todo) if isinstance(todo, Call) else todo()
            except MedusaError as error:
                running.failed(error)
            else:
                running.came(came)
        return running.result

    def _ask(self, call: Call[T]) -> T:
        patience = self._patience()
        while True:
            self._check_open()
            try:
                invoke = getattr(self._stub, call.rpc)
                reply = invoke(call.request, timeout=call.timeout_s, metadata=self._endpoint.metadata)
            except grpc.RpcError as error:
                time.sleep(self._pause(error, patience if call.repeatable else None, call.targets))
            else:
                self._reached = True
                return call.read(reply)
