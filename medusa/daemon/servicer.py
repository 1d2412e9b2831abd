"""The API's methods, each a few lines: read the request, ask the core, answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from grpc import aio

from medusa.adapters.registry import ALL
from medusa.core import MedusaCore
from medusa.daemon import limits, requests
from medusa.daemon.convert import platform_message, problem_message, target_message, task_message, uploaded
from medusa.daemon.feed import PRESENT, Feed
from medusa.daemon.gate import caller
from medusa.daemon.intake import Intake
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.daemon.pb.medusa_pb2_grpc import MedusaServiceServicer
from medusa.domain.task import Task, TaskFilter

T = TypeVar("T")
Context = aio.ServicerContext[Any, Any]


class Servicer(MedusaServiceServicer):
    """medusa.v1.MedusaService over a core, which blocks: it is called in threads of `aside`, not in the event loop."""

    def __init__(self, core: MedusaCore, aside: Executor, intake: Intake) -> None:
        """In a running event loop. `core` can be exchanged while it serves."""
        self.core = core
        self.feed = Feed(self._told, self._task)
        self._aside = aside
        self._intake = intake

    # ------------------------------------------------------------ publishing

    async def Publish(self, request: pb.PublishRequest, context: Context) -> pb.PublishResponse:
        with requests.own_words(request):
            asked, key = requests.arguments(request), requests.key(request)
            task_id = await self._intake.publish(caller(), request.media_id, asked, key)
        return pb.PublishResponse(task=await self._present(task_id))

    async def Validate(self, request: pb.ValidateRequest, context: Context) -> pb.ValidateResponse:
        asked = requests.arguments(request.request)
        media_id = request.request.media_id
        found = await self._intake.validate(caller(), media_id, asked, online=request.online)
        return pb.ValidateResponse(problems=map(problem_message, requests.placed(found, request.request)))

    async def UploadMedia(
        self, request_iterator: AsyncIterator[pb.UploadMediaRequest], context: Context
    ) -> pb.UploadMediaResponse:
        return pb.UploadMediaResponse(media=uploaded(await self._intake.upload(caller(), request_iterator)))

    async def GetMedia(self, request: pb.GetMediaRequest, context: Context) -> pb.GetMediaResponse:
        return pb.GetMediaResponse(media=uploaded(await self._intake.standing(caller(), request.media_id)))

    # ------------------------------------------------------------ tasks

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> pb.GetTaskResponse:
        return pb.GetTaskResponse(task=await self._present(request.task_id))

    async def ListTasks(self, request: pb.ListTasksRequest, context: Context) -> pb.ListTasksResponse:
        size, wanted = requests.page_size(request), requests.task_filter(request.filter)
        tasks = await self._some(wanted, size, request.page_token or None)
        last = tasks[-1].id if len(tasks) == size else ""
        return pb.ListTasksResponse(tasks=map(self._told, tasks), next_page_token=last)

    async def CancelTask(self, request: pb.CancelTaskRequest, context: Context) -> pb.CancelTaskResponse:
        accepted = await self._run(lambda: self.core.cancel(request.task_id))
        return pb.CancelTaskResponse(task=await self._present(request.task_id), accepted=accepted)

    async def PauseTask(self, request: pb.PauseTaskRequest, context: Context) -> pb.PauseTaskResponse:
        accepted = await self._run(lambda: self.core.pause(request.task_id))
        return pb.PauseTaskResponse(task=await self._present(request.task_id), accepted=accepted)

    async def UnpauseTask(self, request: pb.UnpauseTaskRequest, context: Context) -> pb.UnpauseTaskResponse:
        accepted = await self._run(lambda: self.core.unpause(request.task_id))
        return pb.UnpauseTaskResponse(task=await self._present(request.task_id), accepted=accepted)

    async def RetryTask(self, request: pb.RetryTaskRequest, context: Context) -> pb.RetryTaskResponse:
        await self._run(lambda: self.core.retry(request.task_id))
        return pb.RetryTaskResponse(task=await self._present(request.task_id))

    async def ResolveTask(self, request: pb.ResolveTaskRequest, context: Context) -> pb.ResolveTaskResponse:
        posted, target = requests.posted(request), request.target or None
        await self._run(lambda: self.core.resolve(request.task_id, posted=posted, target=target))
        return pb.ResolveTaskResponse(task=await self._present(request.task_id))

    async def DeleteTask(self, request: pb.DeleteTaskRequest, context: Context) -> pb.DeleteTaskResponse:
        await self._run(lambda: self.core.delete(request.task_id))
        return pb.DeleteTaskResponse()

    # ------------------------------------------------------------ platforms, and how fast is sent

    async def ListPlatforms(self, request: pb.ListPlatformsRequest, context: Context) -> pb.ListPlatformsResponse:
        left = await self._run(self.core.quotas)
        targets = (target_message(target, quotas) for target, quotas in left.items())
        return pb.ListPlatformsResponse(platforms=map(platform_message, ALL.values()), targets=targets)

    async def GetLimits(self, request: pb.GetLimitsRequest, context: Context) -> pb.GetLimitsResponse:
        return pb.GetLimitsResponse(limits=await self._run(self._limits))

    async def SetLimits(self, request: pb.SetLimitsRequest, context: Context) -> pb.SetLimitsResponse:
        asked = limits.asked(request.limits, self.core.bandwidth())
        for target, rate in asked.items():
            await self._run(partial(self.core.limit_bandwidth, rate, target))
        return pb.SetLimitsResponse(limits=await self._run(self._limits))

    def _limits(self) -> list[pb.BandwidthLimit]:
        return limits.messages(self.core.bandwidth(), self.core.limited_by_hand())

    # ------------------------------------------------------------ watching

    async def WatchTask(self, request: pb.WatchTaskRequest, context: Context) -> AsyncIterator[pb.WatchTaskResponse]:
        async for reply in self.feed.watch(request.task_id, request.after_revision):
            yield reply

    async def WatchTasks(self, request: pb.WatchTasksRequest, context: Context) -> AsyncIterator[pb.WatchTasksResponse]:
        wanted = requests.task_filter(request.filter)
        async for reply in self.feed.watch_all(wanted, self._some(wanted, 0 if request.changes_only else PRESENT)):
            yield reply

    # ------------------------------------------------------------ what they have in common

    async def _present(self, task_id: str) -> pb.Task:
        return self._told(await self._task(task_id))

    async def _task(self, task_id: str) -> Task:
        return await self._run(lambda: self.core.get_task(task_id))

    async def _some(self, wanted: TaskFilter, size: int, before: str | None = None) -> tuple[Task, ...]:
        return await self._run(lambda: self.core.list_tasks(size, before, **asdict(wanted)))

    def _told(self, task: Task) -> pb.Task:
        return task_message(task, lambda target: self.core.patience(target).asked(task.request.patience).attempts)

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._aside, copy_context().run, call)
