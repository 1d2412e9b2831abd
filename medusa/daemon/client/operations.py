"""What takes more than one call, stated once for those who wait and those who await.

An operation yields what is to be done, a call of the daemon or a piece of blocking work, and is sent what came of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from medusa.daemon.client import asked, calls
from medusa.daemon.client.calls import Call
from medusa.daemon.client.errors import DaemonUnreachable, MediaNotFound
from medusa.daemon.client.uploading import Sent, Upload
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import InvalidRequest, MedusaError
from medusa.domain.task import Task
from medusa.domain.values import Problem

T = TypeVar("T")
Todo = Call[Any] | Callable[[], Any]
Operation = Generator[Todo, Any, T]
BREAKS: Final = 5
"""So many streams in a row may break before a byte of an upload has arrived."""


class Running(Generic[T]):
    """An operation under way, as whoever carries it out sees it."""

    result: T
    """What came of it, once there is nothing left to do."""

    def __init__(self, operation: Operation[T]) -> None:
        self._operation = operation
        self.todo: Todo | None = None
        """What is to be done next; None: nothing."""
        self.came(None)

    def came(self, outcome: object) -> None:
        """It was done."""
        self._go_on(lambda: self._operation.send(outcome))

    def failed(self, error: MedusaError) -> None:
        """It was not done. Raises the error unless the operation can go on all the same."""
        self._go_on(lambda: self._operation.throw(error))

    def _go_on(self, step: Callable[[], Todo]) -> None:
        try:
            self.todo = step()
        except StopIteration as ended:
            self.todo, self.result = None, ended.value


class Publishing:
    """What is asked for by `publish_async` and `validate`."""

    def __init__(self, *, upload: bool | None, remote: bool, sent: Sent) -> None:
        """`upload`: hand media files over as bytes; None: where the daemon cannot read them, being `remote` or not."""
        self._sent = sent
        self._first = remote if upload is None else upload
        self._otherwise = upload is None

    def publish(
        self,
        media_file: object,
        platforms: Sequence[str],
        metadata: Mapping[str, Any] | None,
        key: str | None,
        **policies: Any,
    ) -> Operation[str]:
        """The task's id. Each call has a key, so that it makes one task however often it is sent.

        `policies`: `retry` and `on_failure`, as MedusaCore takes them.
        """
        request = asked.request(platforms, metadata, key or uuid.uuid4().hex, **policies)
        return (yield from self._with_media(request, media_file, lambda: _published(request)))

    def validate(
        self,
        media_file: object,
        platforms: Sequence[str],
        metadata: Mapping[str, Any] | None,
        *,
        online: bool,
        **policies: Any,
    ) -> Operation[tuple[Problem, ...]]:
        """All that is wrong with a request."""
        try:
            request = asked.request(platforms, metadata, **policies)
            yield from self._with_media(request, media_file, lambda: _validated(request, online=online))
        except InvalidRequest as error:
            return error.problems
        return ()

    def _with_media(
        self, request: pb.PublishRequest, media_file: object, ask: Callable[[], Operation[T]]
    ) -> Operation[T]:
        """What `ask` gives once the request names its media: by its path or, where that is refused, by its bytes."""
        if media_file is None:
            return (yield from ask())
        path = asked.path_of(media_file)
        if not self._first:
            request.media_path = path
            try:
                return (yield from ask())
            except InvalidRequest as error:
                if not self._otherwise:
                    raise
                if not Path(path).is_file():
                    raise _without_file(error, path) from error
                _check_all_but_the_file(error)
        upload: Upload = yield lambda: Upload.of(path)
        yield from _handed_over(upload, self._sent)
        request.media_id = upload.media_id
        return (yield from ask())


def _published(request: pb.PublishRequest) -> Operation[str]:
    task_id: str = yield calls.publish(request)
    return task_id


def _validated(request: pb.PublishRequest, *, online: bool) -> Operation[None]:
    found: tuple[Problem, ...] = yield calls.validate(request, online=online)
    if found:
        raise InvalidRequest(found)


def _check_all_but_the_file(error: InvalidRequest) -> None:
    """Raises what is wrong whether or not the file is handed over."""
    others = [problem for problem in error.problems if problem.path != "media_file"]
    if others:
        raise InvalidRequest(others) from error


def _without_file(error: InvalidRequest, path: str) -> InvalidRequest:
    """The daemon's refusal of a path which, if that is so, does not exist on this side either."""
    if Path(path).exists():
        return error
    absent = f"there is no file {path}"
    return InvalidRequest(
        [
            Problem(one.path, f"{one.says}, and there is no such file to hand over")
            if one.path == "media_file" and one.says != absent
            else one
            for one in error.problems
        ]
    )


def _handed_over(upload: Upload, sent: Sent) -> Operation[None]:
    """Send the bytes that the daemon has not, over as many streams as it takes."""
    breaks, reached = 0, -1
    while True:
        media: pb.UploadedMedia = yield from _standing(upload)
        if media.complete:
            return
        breaks, reached = (breaks if media.offset <= reached else 0), media.offset
        try:
            yield calls.send_media(upload.requests(media.offset, sent))
        except DaemonUnreachable:
            breaks += 1
            if breaks > BREAKS:
                raise


def _standing(upload: Upload) -> Operation[pb.UploadedMedia]:
    try:
        media: pb.UploadedMedia = yield calls.media(upload.media_id)
    except MediaNotFound:
        return pb.UploadedMedia()
    return media


def list_tasks(limit: int, before: str | None, chosen: pb.TaskFilter) -> Operation[tuple[Task, ...]]:
    """As many tasks as asked for, by pages."""
    found: tuple[Task, ...] = ()
    while len(found) < limit:
        page: tuple[Task, ...] = yield calls.list_tasks(limit - len(found), before, chosen)
        found += page
        if len(page) < min(limit, calls.PAGE):
            break
        before = page[-1].id
    return found
