"""AsyncMedusaClient: the methods of MedusaCore, answered by a daemon, for a running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import grpc
from google.protobuf.message import Message

from medusa.daemon.client import calls, operations
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
_END: Final = object()


class AsyncMedusaClient(Client):
    """MedusaClient with coroutines in place of its methods, for the event loop in which it is made."""

    def _connect(self) -> None:
        self._channel = self._endpoint.aio_channel()
        self._stub: Any = MedusaServiceStub(self._channel)

    # ------------------------------------------------------------ publishing

    async def publish_async(
        self,
        media_file: MediaFile | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        retry: Mapping[str, float] | None = None,
        on_failure: Literal["stop", "go_on"] = "stop",
    ) -> str:
        """As `MedusaClient.publish_async`."""
        policies = {"retry": retry, "on_failure": on_failure}
        return await self._do(self._publishing.publish(media_file, platforms, metadata, idempotency_key, **policies))

    async def validate(
        self,
        media_file: MediaFile | None = None,
        platforms: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        *,
        online: bool = False,
        retry: Mapping[str, float] | None = None,
        on_failure: Literal["stop", "go_on"] = "stop",
    ) -> tuple[Problem, ...]:
        """As `MedusaClient.validate`."""
        policies = {"retry": retry, "on_failure": on_failure}
        return await self._do(self._publishing.validate(media_file, platforms, metadata, online=online, **policies))

    # ------------------------------------------------------------ steering

    async def cancel(self, task_id: str) -> bool:
        """As `MedusaCore.cancel`."""
        return await self._ask(calls.cancel(task_id))

    async def pause(self, task_id: str) -> bool:
        """As `MedusaCore.pause`."""
        return await self._ask(calls.pause(task_id))

    async def unpause(self, task_id: str) -> bool:
        """As `MedusaCore.unpause`."""
        return await self._ask(calls.unpause(task_id))

    async def retry(self, task_id: str) -> None:
        """As `MedusaCore.retry`."""
        await self._ask(calls.retry(task_id))

    async def resolve(self, task_id: str, *, posted: str | None, target: str | None = None) -> None:
        """As `MedusaCore.resolve`."""
        await self._ask(calls.resolve(task_id, posted, target))

    async def delete(self, task_id: str) -> None:
        """As `MedusaCore.delete`."""
        await self._ask(calls.delete(task_id))

    async def quotas(self) -> dict[Target, tuple[Quota, ...]]:
        """As `MedusaCore.quotas`, for the daemon's targets."""
        return await self._ask(calls.quotas())

    async def limit_bandwidth(self, rate: str | float | None, target: str | None = None) -> None:
        """As `MedusaCore.limit_bandwidth`."""
        await self._ask(calls.limit_bandwidth(rate, target))

    async def bandwidth(self) -> dict[str | None, float]:
        """As `MedusaCore.bandwidth`."""
        return await self._ask(calls.bandwidth())

    # ------------------------------------------------------------ watching

    async def get_task_status(self, task_id: str) -> dict[str, Any]:
        """As `MedusaCore.get_task_status`."""
        return status_reply(await self.get_task(task_id))

    async def get_task(self, task_id: str) -> Task:
        """As `MedusaClient.get_task`."""
        return await self._ask(calls.get_task(task_id))

    async def list_tasks(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]:
        """As `MedusaCore.list_tasks`."""
        return await self._do(operations.list_tasks(limit, before, calls.chosen(status, target, since)))

    async def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]:  # noqa: ASYNC109  # as the core's
        """As `MedusaCore.wait`."""
        following = Following(task_id, timeout=timeout)
        task = following.at(await self.get_task(task_id))
        if not task.ended:
            async for newer in self._follow(following):
                task = newer
        return status_reply(task)

    def watch(self, task_id: str, after_revision: int = 0) -> AsyncIterator[Task]:
        """As `MedusaClient.watch`, as an asynchronous iterator."""
        return self._follow(Following(task_id, after_revision))

    async def _follow(self, following: Following) -> AsyncIterator[Task]:
        patience = self._patience()
        while True:
            following.check()
            self._check_open()
            stream = self._stub.WatchTask(following.request, timeout=following.left, metadata=self._endpoint.metadata)
            try:
                async for reply in stream:
                    self._reached = True
                    patience.moved()
                    yield following.seen(reply)
                return
            except grpc.RpcError as error:
                following.check()
                await asyncio.sleep(self._pause(error, patience))
            finally:
                stream.cancel()

    # ------------------------------------------------------------ life

    async def close(self) -> None:
        """Close the connection: calls that are under way end. The daemon's tasks go on."""
        self._closed = True
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ------------------------------------------------------------ asking

    async def _do(self, operation: Operation[T]) -> T:
        running = Running(operation)
        while (todo := running.todo) is not None:
            try:
                came = await self._ask(todo) if isinstance(todo, Call) else await asyncio.to_thread(todo)
            except MedusaError as error:
                running.failed(error)
            else:
                running.came(came)
        return running.result

    async def _ask(self, call: Call[T]) -> T:
        patience = self._patience()
        request = call.request if isinstance(call.request, Message) else _aside(call.request)
        while True:
            self._check_open()
            try:
                invoke = getattr(self._stub, call.rpc)
                reply = await invoke(request, timeout=call.timeout_s, metadata=self._endpoint.metadata)
            except grpc.RpcError as error:
                await asyncio.sleep(self._pause(error, patience if call.repeatable else None, call.targets))
            else:
                self._reached = True
                return call.read(reply)


async def _aside(messages: Iterator[Message]) -> AsyncIterator[Message]:
    """Messages that are made by reading a file, which must not hold up the event loop."""
    while (message := await asyncio.to_thread(next, messages, _END)) is not _END:
        assert isinstance(message, Message)
        yield message
