"""What the rules and the runner need from outside.

Adapters are synchronous, run in threads, and never sleep, retry, refresh a token, follow a redirect or call back: the
runner alone decides on those, so that they live once. Every method that talks to a platform raises PlatformError with a
Failure, and nothing else, when the call did not succeed; MediaError and Stopped out of a Body pass through untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from typing import Any, Protocol, TypeVar

from medusa.domain.quota import Quota
from medusa.domain.request import Asked, Target
from medusa.domain.task import Step, Task, TaskStatus
from medusa.domain.values import (
    Checkpoint,
    Intent,
    Json,
    LookAgain,
    Media,
    Problem,
    Receipt,
    Span,
    StepSpec,
    Verdict,
)

T_co = TypeVar("T_co", covariant=True)


class Body(Protocol):
    """One Span of the media, to be read once, front to back. Counts, limits and stops; the adapter just reads."""

    def __len__(self) -> int:
        """Bytes in all, so that an HTTP library never falls back to chunked encoding."""
        ...

    def readinto(self, view: memoryview, /) -> int:
        """Fill `view` with the next bytes; 0 at the end. Raises Stopped or MediaChanged, never OSError."""
        ...


class Call(Protocol):
    """What the runner lends an adapter for one call."""

    def body(self, span: Span) -> Body:
        """The media's bytes [start, stop)."""
        ...

    def now(self) -> float:
        """Epoch seconds."""
        ...

    def budget(self, scope: str, left: float, resets_at: float) -> None:
        """A rate header seen on any reply: `left` in [0, 1] of what `scope` may do until `resets_at`, epoch s."""
        ...

    def in_flight(self, unsent: Callable[[], int]) -> None:
        """`unsent` tells, to any thread, how many of the read bytes still wait in this machine to be acknowledged."""
        ...

    def check_in_time(self) -> None:
        """Asked when a request's first byte is about to go out. Raises PlatformError when it is too late.

        A worker that froze and woke must not send what another has taken over meanwhile.
        """
        ...

    def rivals(self) -> tuple[Step, ...]:
        """The account's other steps, of whatever task, that may be out and have no receipt yet.

        What looks like theirs may be theirs; a visible step without an intent cannot be read, and may have made
        anything. Ask this before `taken`: who gets its receipt meanwhile is then in one.
        """
        ...

    def taken(self, id_: str) -> bool:
        """Whether another step is known to have published this: then it is not what this one is looking for."""
        ...

    def on_cancel(self, close: Callable[[], None]) -> None:
        """`close` is called, from another thread, if the call is cancelled; at once if it has been already."""
        ...


class RulesPort(Protocol):
    """A platform's limits and its plan for a target: pure, light to import, no network."""

    def plan(self, asked: Asked) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
        """The steps for one target, the first of which is "preflight", or all that is wrong with what was asked.

        Problems' paths are relative to the target: "title", "tags[2]". Of media, only suffixes are judged here.
        """
        ...

    def files(self, fields: Json) -> Iterator[tuple[str, str]]:
        """(place, path) of each file that these metadata name, however wrong the rest is: ("captions[0].file", ...)."""
        ...

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        """What is wrong with the media for this platform, now that they were looked at (size, kind, duration)."""
        ...


class UploaderPort(Protocol):
    """Everything that nobody outside sees yet, for hosts and posts alike: preflight, bytes, thumbnail, poll."""

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        """Where the step begins: at once, without any exchange. `made`: receipts of the target's steps by name."""
        ...

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """Go on from `at` by at most *one* exchange that changes anything on the platform."""
        ...

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """Where the platform says that the step stands, after an interruption. Read-only.

        Where the platform cannot be asked it gives an earlier, safe checkpoint. A lost session whose thing may exist
        all the same is looked for; SESSION_LOST is raised when it is not found. That may be only if `at.commits`,
        which here says that the last block was handed out.
        """
        ...

    def abandon(self, call: Call, at: Checkpoint) -> None:
        """Best effort: remove what an unfinished step has left on the platform."""
        ...


class PublisherPort(Protocol):
    """Everything that goes public."""

    def intend(self, spec: StepSpec, made: Mapping[str, Receipt], now: float) -> Intent:
        """Exactly what will be sent. Pure."""
        ...

    def publish(self, call: Call, intent: Intent) -> Receipt | LookAgain:
        """Send it: one exchange on a fresh connection. LookAgain when it was accepted and shows later."""
        ...

    def find(self, call: Call, intent: Intent, looks: int) -> Receipt | LookAgain | Verdict:
        """Whether it is there. Read-only. `looks`: how often it was looked for already.

        A failure that stays a failure after the policy's retries counts as UNKNOWN.
        """
        ...


class RenewablePort(Protocol):
    """Of an adapter whose credentials can be renewed without the user."""

    def renew(self, call: Call) -> None:
        """Make the credentials fresh and keep them for all processes. Raises AUTH when the user must log in again."""
        ...


class AccountsPort(Protocol):
    """What all tasks of an account share, in all processes."""

    def renew(self, account: str, stale: Json, refresh: Callable[[Json], Json]) -> Json:
        """The account's credentials: newer ones if they are no longer `stale`, else `refresh(stale)`, saved.

        One refresh at a time; `refresh` may raise, and then nothing is saved.
        """
        ...

    def block(self, scope: str, until: float) -> None:
        """Hold back all calls of `scope` until then (epoch seconds). A later time wins."""
        ...

    def blocked_until(self, scopes: Iterable[str]) -> float:
        """The latest time until which any of these scopes is held back; 0.0 when none is."""
        ...

    def spend(self, owner: str, what: str, units: int, period_end: float, limit: int | None = None) -> bool:
        """Book `units` of the allowance `what` of `owner` in the period that ends then (epoch seconds).

        False, and nothing is booked, if that made more than `limit` in all, whoever else books at the same time.
        Whoever books in one period gives the same end.
        """
        ...

    def throttle(self, target: str, rate: float | None) -> None:
        """Limit what is sent to `target`, or to all together when it is "", in place of what the configuration says.

        `rate`: bytes a second, infinity for no limit; None: as the configuration says.
        """
        ...

    def throttles(self) -> Mapping[str, float]:
        """The limits that were set so."""
        ...

    def spent(self, owner: str, what: str, now: float) -> tuple[int, float]:
        """What is booked in the present period, and its end; (0, 0.0) when nothing is."""
        ...


class ProbePort(Protocol):
    """Finds, opens and looks at files."""

    def find(self, media: Media) -> Media:
        """The media at its absolute path, where there is a regular file that may be read here. Raises MediaError."""
        ...

    def open(self, media: Media) -> FileIO:
        """Its file, open at its first byte: a regular one, beneath `media.beneath`.

        Raises MediaError; MediaChanged when it is not the file of `media.etag` any more.
        """
        ...

    def look(self, media: Media) -> Media:
        """The media with size, etag and what its content shows. Raises MediaError."""
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """Which tasks have changed."""

    ids: frozenset[str] = frozenset()
    others: bool = False
    """Any other may have changed as well: another process has written."""


class ChangesPort(Protocol):
    """All changes of tasks since it was made, for one reader, who then looks at the tasks."""

    def wait(self, timeout: float | None) -> Changed:
        """What has changed since the last call, as soon as something has; nothing when `timeout` s have passed."""
        ...

    def close(self) -> None:
        """Collect no more, and let a reader go who waits; what was collected is still told."""
        ...


class Pending(Protocol[T_co]):
    """A change that was begun, and cannot be called off. Usable from any thread, as a concurrent.futures.Future is."""

    def done(self) -> bool:
        """Whether it is kept for good, or will never be."""
        ...

    def result(self, timeout: float | None = None) -> T_co:
        """What has come of it, once it is done. Raises what kept it from being kept; TimeoutError after so many s."""
        ...

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The same without raising it; None when it is kept."""
        ...

    def add_done_callback(self, callback: Callable[[Any], object], /) -> None:
        """`callback` is called with it once it is done: in whatever thread, in the order of the calls of this."""
        ...


class TaskRepositoryPort(Protocol):
    """Where tasks are kept. Every method may be called from any thread.

    What a method changes is kept for good when it returns. Where there is no task with the given id, a method raises
    TaskNotFound, unless it says otherwise; MedusaError when the place itself fails (disk full, locked for long), and
    then nothing has changed.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes can reach these tasks too."""
        ...

    def create(self, task: Task, key: str | None = None, fingerprint: str = "") -> str:
        """Keep a new task; its id.

        With the `key` of a task that is kept already nothing is created: the id of that task, if it was made with the
        same `fingerprint`. Raises TaskConflict if it was not, or if there is a task with this id.
        """
        ...

    def get(self, task_id: str) -> Task:
        """The task as it stands."""
        ...

    def carried(self, task_id: str) -> Task:
        """`get` for its only writer: what was asked for in other processes is in it once `called_off` has told."""
        ...

    def recent(
        self,
        limit: int = 100,
        before: str | None = None,
        *,
        status: TaskStatus | None = None,
        target: str | None = None,
        since: float | None = None,
    ) -> tuple[Task, ...]:
        """Tasks, newest first, at most `limit`, older than the task `before`.

        Only those in that status, with that target, created at that time (epoch seconds) or later.
        """
        ...

    def revisions(self, task_ids: Collection[str], newest: int = 0) -> dict[str, int]:
        """Id -> revision of those of these tasks that are there, and of so many of the newest."""
        ...

    def counts(self) -> dict[str, int]:
        """How many tasks there are of each status."""
        ...

    def unfinished(self) -> tuple[str, ...]:
        """Ids of the tasks to go on with, oldest first: not ended, not at rest, not held by another who lives."""
        ...

    def in_doubt(self) -> tuple[Step, ...]:
        """The steps of all tasks that may be out and have no receipt. Of one that cannot be read, intent and checkpoint
        are missing."""
        ...

    def publisher_of(self, id_: str) -> str | None:
        """The key of the step that has published this: the id is that of its receipt. None when none is known."""
        ...

    def called_off(self) -> Mapping[str, bool]:
        """Ids of the tasks taken here that are to be cancelled (True) or to rest (False), and have not ended."""
        ...

    def save_step(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> None:
        """Replace the step of the same key; its spec stays. With `announce` the revision grows and watchers wake.

        Raises TaskLost when `epoch` is older than the task's: another writer has it. Ignored when the task is gone.
        Once a task has ended, what gives access to an account is forgotten, except where `retry` needs it.
        """
        ...

    def save_step_soon(self, task_id: str, step: Step, epoch: int, announce: bool = True) -> Pending[None]:
        """`save_step` without waiting: done once the step is kept for good, in the order in which they were begun."""
        ...

    def ask_cancel(self, task_id: str) -> bool:
        """Remember that the task is to be cancelled. False when it has ended already."""
        ...

    def set_paused(self, task_id: str, paused: bool) -> bool:
        """Remember that the task is to rest, or no longer. False when it has ended already."""
        ...

    def take(self, task_id: str, *, force: bool = False) -> int:
        """Become the task's only writer: a new epoch. Whoever had taken it here before is fenced off.

        Raises TaskConflict, naming the holder, while another one that lives holds it; `force` takes it all the same.
        """
        ...

    def take_soon(self, task_id: str) -> Pending[int]:
        """`take` without waiting."""
        ...

    def release(self, task_id: str) -> None:
        """Let others take the task. Ignored when it is not held here."""
        ...

    def release_soon(self, task_id: str) -> Pending[None]:
        """`release` without waiting."""
        ...

    def reopen(self, task: Task) -> Task:
        """Let a task that has ended go on with the steps of `task`: a new epoch, and its revision goes on.

        Raises TaskConflict when it has not ended, is held by another, or has changed since `task` was read.
        """
        ...

    def delete(self, task_id: str) -> None:
        """Forget the task. Raises TaskConflict when it has not ended."""
        ...

    def wait(self, task_id: str, after_revision: int, timeout: float | None) -> Task | None:
        """The task as soon as its revision is above `after_revision`; None when `timeout` seconds have passed."""
        ...

    def changes(self) -> ChangesPort:
        """All changes from now on: new tasks, greater revisions, tasks that are deleted."""
        ...

    def close(self) -> None:
        """Release all that is held here. Nothing may be called afterwards."""
        ...


class AdaptersPort(Protocol):
    """The configured targets' adapters, made on first use."""

    def target(self, key: str) -> Target:
        """The configured target. Raises KeyError."""
        ...

    def rules(self, key: str) -> RulesPort:
        """The rules of the target's platform."""
        ...

    def made(self, key: str) -> bool:
        """Whether its adapter is at hand; making it may take a while."""
        ...

    def uploader(self, key: str) -> UploaderPort: ...

    def publisher(self, key: str) -> PublisherPort: ...

    def renewable(self, key: str) -> RenewablePort | None: ...

    def scopes(self, key: str) -> tuple[str, ...]:
        """The scopes whose limits hold this target back."""
        ...

    def quotas(self, key: str, now: float) -> tuple[Quota, ...]:
        """The target's quotas as they stand."""
        ...

    def site(self, key: str) -> str:
        """Where a person sees what the target has published: a URL."""
        ...

    def found(self, key: str, spec: StepSpec, said: str) -> Receipt:
        """For what a step of the target has published, of what a person says: its id, or an address that names it.

        With a URL where one follows from the id. Raises InvalidRequest when there can be no such thing.
        """
        ...

    def shows(self, key: str) -> bool:
        """Whether the platform can be asked by FOUND_STEP if there is such a thing."""
        ...

    def keys(self) -> Iterator[str]: ...


class EnginePort(Protocol):
    """Who runs tasks, when, and where."""

    def submit(self, task_id: str) -> None:
        """Run the task, soon. Returns at once."""
        ...

    def cancel(self, task_id: str) -> None:
        """Stop the task if it runs here. Returns at once."""
        ...

    def close(self, timeout: float | None = None) -> None:
        """Stop all tasks, keep their checkpoints, end all threads."""
        ...
