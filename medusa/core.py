"""MedusaCore: the in-process face."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

from medusa.domain import bandwidth, pipeline, policy
from medusa.domain.bandwidth import EVERY_TARGET
from medusa.domain.failures import MISSING_CODE, ConfigError, InvalidRequest, MediaError, TaskConflict
from medusa.domain.likeness import likeness
from medusa.domain.policy import OnFailure, Patience
from medusa.domain.quota import Quota, shortage
from medusa.domain.reopening import resolved, retried
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import FOUND_STEP, MEDIA_STEP, PREFLIGHT_STEP, Step, StepState, Task, TaskStatus, status_reply
from medusa.domain.values import Media, Problem, Receipt, StepSpec

if TYPE_CHECKING:
    from medusa.container import Container
    from medusa.domain.policy import RetryPolicy
    from medusa.domain.ports import ChangesPort, TaskRepositoryPort

MediaFile = str | PathLike[str]
RELEASE_S: Final = 5.0
"""How long a task that has ended may still be held by the process that ran it."""


class MedusaCore:
    """Publishes media on the configured platforms. Usable from any thread; tasks run in threads of its own.

    `config_file`: path of a medusa_config.json; `config`: its content as a mapping, instead. Raises ConfigError with
    everything that is wrong with it. Never opens a browser: missing credentials are an error that names the command.
    `resume`: whether to go on with what other processes have left in the file of tasks, at start and from then on;
    None: as the config says.
    `tasks_file`: keeps the tasks where the config names no file for them; without it, they live in memory then.
    `media_roots`: folders; with any, requests may name only files that lie beneath them, relative ones in the first.
    """

    def __init__(
        self,
        config_file: MediaFile | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        resume: bool | None = None,
        tasks_file: Path | None = None,
        media_roots: Sequence[MediaFile] = (),
    ) -> None:
        if (config_file is None) == (config is None):
            raise ConfigError([Problem("", "give either config_file=... or config={...}")])
        from medusa import container

        self._container: Container = container.Container(
            settings=container.settings(config if config is not None else fspath(config_file or ""), tasks_file),
            media_roots=tuple(Path(root).absolute() for root in media_roots),
        )
        self._targets = self._container.targets()
        self._repository: TaskRepositoryPort = self._container.repository()
        self._probe = self._container.probe()
        self._engine = self._container.engine()
        engine = self._container.settings().engine
        if self._repository.shared and (engine.resume if resume is None else resume):
            self._engine.resume(serve=True)

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
        caller: str = "",
    ) -> str:
        """Begin to publish and return the new task's id at once; the work goes on in threads.

        `platforms`: targets, keys of the config; uploads run side by side, posts follow. `metadata`: target -> what it
        is asked for. Raises InvalidRequest with all that is wrong with the request; then no task comes to be. What is
        wrong with the media, or what only a platform can tell, ends the task as failed.

        With an `idempotency_key` that a task was made with before, nothing new begins: the id of that task comes back,
        which goes on if a killed process has left it, or TaskConflict is raised if it was asked for something else.
        `retry`: how long to keep trying, where that differs from the config: `attempts`, `base_s`, `cap_s`,
        `give_up_after_s`. `on_failure`: "go_on" lets the other targets go on when one fails, but for those whose text
        needs what that one gives; the task fails all the same.
        `caller` is kept with the task: who asks, where several do.
        """
        self._engine.check_usable()
        _check_key(idempotency_key)
        task = self._plan(media_file, platforms, metadata, retry, on_failure)
        task = replace(task, request=replace(task.request, caller=caller))
        kept = self._repository.create(task, idempotency_key, _fingerprint(task.request))
        self._engine.submit(kept)  # an earlier one goes on, should nobody run it any more
        return kept

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
        """Everything that is wrong with what `publish_async` would be asked; sends nothing.

        A quota that the whole of it does not fit into is among it, unless the target waits for the reset. `online` also
        looks at the media and asks each platform what its preflight asks: credentials, rights, space.
        """
        self._engine.check_process()
        try:
            task = self._plan(media_file, platforms, metadata, retry, on_failure)
        except InvalidRequest as error:
            return error.problems
        looked = self._rehearse(task) if online else ()
        told = {problem.path for problem in looked}
        return (*looked, *(problem for problem in self._shortages(task) if problem.path not in told))

    def quotas(self) -> dict[Target, tuple[Quota, ...]]:
        """All configured targets, with what the account of each may still do in the present period, if that is counted.

        It is what this file of tasks knows, or this process without one: others may use the same account.
        """
        self._engine.check_process()
        now = time.time()
        keys = self._targets.keys()
        return {self._targets.target(key): self._targets.quotas(key, now) for key in keys}

    def cancel(self, task_id: str) -> bool:
        """Ask for a task's end: uploads stop within a second, a post that is on the wire is awaited and recorded.

        False when the task has ended already. Raises TaskNotFound.
        """
        self._engine.check_process()
        asked = self._repository.ask_cancel(task_id)
        if asked:
            self._engine.cancel(task_id)
            self._engine.submit(task_id)  # one that nobody runs, a paused one for example, ends all the same
        return asked

    def pause(self, task_id: str) -> bool:
        """Let a task rest: uploads stop and keep their place. False when it has ended. Raises TaskNotFound.

        What may be taking effect, a post on the wire or an upload's last block, is followed to its end first.
        """
        self._engine.check_usable()
        paused = self._repository.set_paused(task_id, True)
        self._engine.cancel(task_id)
        if paused:
            self._engine.submit(task_id)  # should nobody run it any more, what ran comes to rest all the same
        return paused

    def unpause(self, task_id: str) -> bool:
        """Go on with a paused task, at the byte. False when it has ended. Raises TaskNotFound."""
        self._engine.check_usable()
        going = self._repository.set_paused(task_id, False)
        if going:
            self._engine.submit(task_id)
        return going

    def retry(self, task_id: str) -> None:
        """Go on with a task that failed or was cancelled: only what has not succeeded, uploads at the byte.

        Raises TaskConflict when there is nothing to retry, TaskNotFound.
        """
        self._engine.check_usable()
        self._reopen(task_id, retried)

    def resolve(self, task_id: str, *, posted: str | None, target: str | None = None) -> None:
        """Settle by hand a step whose outcome is unknown, and go on.

        `posted`: the id under which you found it on the platform, or its address; None when it is not there and is to
        be sent anew. `target`: whose step it is, where those of several are unknown. Raises TaskConflict when there is
        no such step, InvalidRequest when nothing on that platform can have such an id, when the platform shows that
        nothing has it, or when another task has published it, TaskNotFound.
        """
        self._engine.check_usable()
        self._reopen(task_id, lambda task: resolved(task, posted, self._found_by_hand, target))

    def _found_by_hand(self, target: str, spec: StepSpec, said: str) -> Receipt:
        receipt = self._targets.found(target, spec, said)
        publisher = self._repository.publisher_of(receipt.id or "")
        if publisher not in (None, spec.key):
            task_id = str(publisher).partition(":")[0]
            raise InvalidRequest([Problem("posted", f"{said!r} is what task {task_id} has published")])
        if missing := self._missing(target, receipt.id):
            raise InvalidRequest([Problem("posted", f"{said!r} cannot be it: {missing}")])
        return receipt

    def _missing(self, target: str, id_: str | None) -> str:
        """What proves that there is no such thing; "" also where that cannot be asked now."""
        if not self._targets.shows(target):
            return ""
        task_id = uuid.uuid4().hex
        look = Step(StepSpec(FOUND_STEP, f"{task_id}:{target}:{FOUND_STEP}", {"id": id_}), target)
        looked = self._ended_apart(Task(task_id, PublishRequest((self._targets.target(target),)), (look,), time.time()))
        (ended,) = looked.steps
        return looked.told(ended) if ended.failure and ended.failure.code == MISSING_CODE else ""

    def _reopen(self, task_id: str, opened: Callable[[Task], Task]) -> None:
        deadline = time.monotonic() + RELEASE_S
        while True:
            task = opened(self._repository.get(task_id))  # raises if it has not even ended
            self._engine.settle(task_id)
            try:
                self._repository.reopen(task)
                break
            except TaskConflict:  # whoever ran it, in this process or another, lets go of it in a moment
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._engine.submit(task_id)

    def resume(self) -> None:
        """Go on with what other processes have left unfinished; by default that is done at start, and from then on."""
        self._engine.resume()

    def delete(self, task_id: str) -> None:
        """Forget a task that has ended. Raises TaskConflict when it has not, TaskNotFound."""
        self._engine.check_usable()
        self._repository.delete(task_id)

    # ------------------------------------------------------------ watching

    def get_task_status(self, task_id: str) -> dict[str, Any]:
        """One of four replies: pending, in_progress (message), completed (results), failed (error, failed_platform).

        Raises TaskNotFound for an id that is unknown or was dropped.
        """
        return status_reply(self.get_task(task_id))

    def get_task(self, task_id: str) -> Task:
        """The task with all its steps, as it stands. Raises TaskNotFound."""
        self._engine.check_process()
        return self._repository.get(task_id)

    def list_tasks(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]:
        """Tasks, newest first, at most `limit`, older than the task `before`.

        Only those in that status, with that target, created at that time (epoch seconds) or later. Raises TaskNotFound
        when there is no task `before`.
        """
        self._engine.check_process()
        return self._repository.recent(limit, before, status=status, target=target, since=since)

    def counts(self) -> dict[str, int]:
        """How many tasks there are of each status."""
        self._engine.check_process()
        return self._repository.counts()

    def wait(self, task_id: str, timeout: float | None = None) -> dict[str, Any]:
        """The task's last status reply, once it has ended. Raises TimeoutError after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        task = self.get_task(task_id)
        while not task.ended:
            left = None if deadline is None else deadline - time.monotonic()
            newer = self._repository.wait(task_id, task.revision, left) if left is None or left > 0 else None
            if newer is None:
                raise TimeoutError(f"task {task_id} has not ended within {timeout:g} s: {task.message}")
            task = newer
        return status_reply(task)

    def watch(self, task_id: str, after_revision: int = 0) -> Iterator[Task]:
        """Snapshots of the task: the present one, then each newer one, until it has ended.

        The revision grows strictly; a slow reader skips intermediate snapshots, and always gets the last. Raises
        TaskNotFound.
        """
        revision = after_revision
        while True:
            task = self.get_task(task_id)
            if task.revision <= revision and not task.ended:
                newer = self._repository.wait(task_id, revision, None)
                task = newer or task
            if task.revision > revision:
                revision = task.revision
                yield task
            if task.ended:
                return

    async def watch_async(self, task_id: str, after_revision: int = 0) -> AsyncIterator[Task]:
        """`watch` for a running event loop, which is not blocked."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Task | BaseException | None] = asyncio.Queue()
        left = threading.Event()

        def follow() -> None:
            last: BaseException | None = None
            try:
                for task in self.watch(task_id, after_revision):
                    if left.is_set():
                        return
                    loop.call_soon_threadsafe(arrived.put_nowait, task)
            except Exception as error:
                last = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.put_nowait, last)

        self.get_task(task_id)
        threading.Thread(target=follow, name="medusa-watch", daemon=True).start()
        try:
            while (task := await arrived.get()) is not None:
                if isinstance(task, BaseException):
                    raise task
                yield task
        finally:
            left.set()

    def changes(self) -> ChangesPort:
        """All changes of tasks from now on, for one reader: what `watch` is for one task."""
        return self._repository.changes()

    def revisions(self, task_ids: Collection[str], newest: int = 0) -> dict[str, int]:
        """Id -> revision of those of these tasks that are there, and of so many of the newest."""
        return self._repository.revisions(task_ids, newest)

    def patience(self, target: str | None) -> RetryPolicy:
        """How long Medusa keeps trying for a target; None: for what belongs to no target."""
        settings = self._container.settings()
        configured = settings.targets.get(target) if target else None
        return configured.retry if configured else settings.retry

    # ------------------------------------------------------------ bandwidth

    def limit_bandwidth(self, rate: str | float | None, target: str | None = None) -> None:
        """Limit how fast is sent to a target, or to all together; it holds at once, and for tasks under way.

        `rate`: "2 MiB/s", "10 Mbit/s", "unlimited", a number of bytes a second, or None for what the config says.
        With a file of tasks it is kept there and holds for every process on it. Raises InvalidRequest.
        """
        self._engine.check_usable()
        problems = [Problem("target", self._unknown_target(target))] if target and target not in self._keys() else []
        try:
            bytes_per_s = None if rate is None else bandwidth.rate(rate)
        except ValueError as error:
            problems.append(Problem("rate", str(error)))
        if problems:
            raise InvalidRequest(problems)
        self._container.accounts().throttle(target or EVERY_TARGET, bytes_per_s)
        self._container.throttle().changed()

    def bandwidth(self) -> dict[str | None, float]:
        """The limits that hold now, bytes a second: for all targets together under None, and for each target.

        Infinity where there is none.
        """
        self._engine.check_process()
        rates = self._container.throttle().rates(self._keys())
        return {target or None: rate for target, rate in rates.items()}

    def limited_by_hand(self) -> frozenset[str | None]:
        """Of the limits that `bandwidth` tells, those that `limit_bandwidth` has set."""
        return frozenset(target or None for target in self._container.accounts().throttles())

    def _keys(self) -> tuple[str, ...]:
        return tuple(self._targets.keys())

    # ------------------------------------------------------------ life

    def drain(self, timeout: float | None = None) -> bool:
        """Bring all tasks to rest: uploads stop and keep their place, what may be public is followed to its end.

        Whether that took no more than `timeout` seconds. Whoever opens the file of tasks next goes on with them.
        """
        return self._engine.drain(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Wait until the running tasks have ended, at most `timeout` seconds, and end the threads."""
        self._engine.close(timeout)
        self._repository.close()
        self._container.http().close()

    def __enter__(self) -> MedusaCore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the running tasks; leave them where they stand when an exception flies."""
        self.close(0.0 if kind else None)

    # ------------------------------------------------------------ planning

    def _plan(self, media_file: object, platforms: object, metadata: object, retry: object, on_failure: object) -> Task:
        problems: list[Problem] = []
        targets = self._resolve(platforms, problems)
        asked = self._asked(metadata, targets, problems)
        media = self._media(media_file, problems)
        patience, wrong = policy.patience(retry, "retry")
        problems += wrong
        request = PublishRequest(targets, asked, media, patience=patience, on_failure=_on_failure(on_failure, problems))
        task_id = uuid.uuid4().hex
        steps: tuple[Step, ...] = ()
        try:
            steps = pipeline.plan(task_id, request, {target.key: self._targets.rules(target.key) for target in targets})
        except InvalidRequest as error:
            problems += error.problems
        for target in targets:
            for place, path in self._targets.rules(target.key).files(asked.get(target.key, {})):
                self._found(f"{target.key}.{place}", Media.named(path), problems)
        if media and steps and not any(step.spec.media and step.spec.media.uri == media.uri for step in steps):
            problems.append(Problem("media_file", "none of these targets publishes it: ask one to, or leave it out"))
        if not problems:
            steps = tuple(self._placed(step, problems) for step in steps)
        if problems:
            raise InvalidRequest(problems)
        now = time.time()
        return Task(task_id, request, steps, created_at=now, updated_at=now)

    def _media(self, media_file: object, problems: list[Problem]) -> Media | None:
        if media_file is None:
            return None
        if not isinstance(media_file, str | PathLike):
            problems.append(Problem("media_file", "give a path"))
            return None
        return self._found("media_file", Media.named(str(fspath(media_file))), problems)

    def _placed(self, step: Step, problems: list[Problem]) -> Step:
        """The step with its file at an absolute path, and bound to the folder that it must lie in."""
        own = step.spec.media
        if own is None:
            return step
        return replace(step, spec=replace(step.spec, media=self._found(f"{step.target}.{step.name}", own, problems)))

    def _found(self, place: str, media: Media, problems: list[Problem]) -> Media:
        try:
            return self._probe.find(media)
        except MediaError as error:
            problems.append(Problem(place, str(error)))
            return media

    def _resolve(self, platforms: object, problems: list[Problem]) -> tuple[Target, ...]:
        if isinstance(platforms, str) or not isinstance(platforms, Sequence):
            problems.append(Problem("platforms", 'give a list of targets, for example ["youtube", "facebook"]'))
            return ()
        if not platforms:
            problems.append(Problem("platforms", f"name at least one target (configured: {self._configured()})"))
        found: dict[str, Target] = {}
        configured = set(self._targets.keys())
        for place, key in enumerate(platforms):
            path = f"platforms[{place}]"
            if isinstance(key, str) and key in found:
                problems.append(Problem(path, f"{key} is named twice"))
            elif isinstance(key, str) and key in configured:
                found[key] = self._targets.target(key)
            else:
                problems.append(Problem(path, self._unknown_target(key)))
        return tuple(found.values())

    def _asked(self, metadata: object, targets: tuple[Target, ...], problems: list[Problem]) -> dict[str, Any]:
        if metadata is None:
            return {}
        if not isinstance(metadata, Mapping):
            problems.append(Problem("metadata", "give an object: target -> what it is asked for"))
            return {}
        known = {target.key for target in targets}
        asked: dict[str, Any] = {}
        for key, fields in metadata.items():
            if key not in known:
                named = ", ".join(sorted(known)) or "none"
                problems.append(Problem(f"metadata.{key}", f"{key} is not in platforms (there: {named})"))
            elif not isinstance(fields, Mapping):
                problems.append(Problem(key, "give an object"))
            else:
                asked[key] = dict(fields)
        return asked

    def _unknown_target(self, key: object) -> str:
        near = likeness(str(key), self._targets.keys())
        return f"unknown target {str(key)!r}{near} (configured: {self._configured()})"

    def _configured(self) -> str:
        return ", ".join(self._targets.keys()) or "none"

    def _shortages(self, task: Task) -> Iterator[Problem]:
        now = time.time()
        for target in task.request.targets:
            short = shortage(task.of(target.key), self._targets.quotas(target.key, now))
            patience = self._container.settings().targets[target.key].retry.quota
            if short and not (patience.wait and short.quota.resets_at - now <= patience.at_most_s):
                yield Problem(target.key, str(short))

    def _rehearse(self, task: Task) -> tuple[Problem, ...]:
        """Run the steps that only look: what fails in them is what is wrong."""
        ended = self._ended_apart(replace(task, steps=tuple(map(_rehearsed, task.steps))))
        return tuple(
            Problem(step.target or "media_file", ended.told(step))
            for step in ended.steps
            if step.state is StepState.FAILED
        )

    def _ended_apart(self, task: Task) -> Task:
        """The task, carried out where nobody else sees it."""
        repository, engine = self._container.rehearsal()
        repository.create(task)
        engine.submit(task.id)
        engine.close()
        return repository.get(task.id)


def _check_key(given: object) -> None:
    """Raises InvalidRequest for one that is no text, or empty, as from a variable that was not set."""
    if given is not None and (not isinstance(given, str) or not given):
        raise InvalidRequest([Problem("idempotency_key", "must be text, and not empty")])


def _fingerprint(request: PublishRequest) -> str:
    """Equal for requests that ask for the same."""
    asked: list[object] = [[target.key for target in request.targets], request.metadata]
    asked.append(request.media and request.media.uri)
    if request.patience != Patience() or request.on_failure is not OnFailure.STOP:
        asked += [asdict(request.patience), request.on_failure]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _on_failure(asked: object, problems: list[Problem]) -> OnFailure:
    if asked not in tuple(OnFailure):
        problems.append(Problem("on_failure", f"must be one of {', '.join(OnFailure)}"))
        return OnFailure.STOP
    return OnFailure(str(asked))


def _rehearsed(step: Step) -> Step:
    """A step that looks, so that its failure stops no other; any other step is there for its media only."""
    only = replace(step, spec=replace(step.spec, required=False))
    return only if step.name in (MEDIA_STEP, PREFLIGHT_STEP) else pipeline.skipped(only, time.time())
