"""What can go wrong: a Failure is a value in a task, a MedusaError is raised to a caller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from medusa.domain.values import Problem

MEDIA_CODE = "media"
"""The code of a failure that no platform is to blame for: the file itself is bad, or is no longer the same."""
QUOTA_CODE = "quota"
"""The code of a failure that the platform was not even asked for: by our own count its quota is used up."""
MISSING_CODE = "missing"
"""The code of a failure by which a platform proves that there is no such thing."""


class FailureKind(StrEnum):
    """Sorted by what the runner does about it."""

    TRANSIENT = "transient"
    """Backs off, asks where things stand, goes on, within the policy."""
    RATE_LIMITED = "rate_limited"
    """Holds the whole scope back until `not_before`."""
    QUOTA = "quota"
    """Stops: an allowance is used up until its reset."""
    AUTH = "auth"
    """Renews the credentials once, else stops and says how to log in again."""
    REJECTED = "rejected"
    """Stops: the input is at fault."""
    SESSION_LOST = "session_lost"
    """Opens the step anew, once."""
    BUG = "bug"
    """The reply was not understood: stops."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """The runner's own verdict, never an adapter's: it may be published, and is not sent again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed, in the platform's own words. Never holds a token or a session URL."""

    kind: FailureKind
    said: str
    """The platform's message, or ours where it said nothing."""
    code: str = ""
    """The platform's own code or reason: "quotaExceeded", "190/463", "HTTP 503"."""
    no_effect: bool = False
    """Surely nothing happened: the connection was never made, or the platform refused before acting."""
    unreached: bool = False
    """No connection could be made at all: no attempt in the sense of the retry policy. Implies `no_effect`."""
    not_before: float | None = None
    """Epoch seconds before which another try is useless."""
    scope: str = ""
    """Whom a limit holds back: "youtube:channel:UC1", "facebook:page:1029". Empty: this step only."""
    todo: str = ""
    """What the user can do about it, as a sentence."""
    endpoint: bool = False
    """Of its scope the limit holds back only steps of this kind: posts, and not uploads."""


class MedusaError(Exception):
    """The root of all errors that Medusa raises."""


class InvalidRequest(MedusaError):
    """The request cannot be carried out as it stands. `problems` holds all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigError(MedusaError):
    """The configuration cannot be used. `problems` holds all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TaskNotFound(MedusaError):
    """No task has this id: it never existed, or it was dropped after it had ended."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"there is no task {task_id!r} (finished tasks are dropped after a while)")


class TaskConflict(MedusaError):
    """The task's present state does not allow this."""


class IdempotencyConflict(TaskConflict):
    """The idempotency key belongs to a task that was asked for something else."""


class TaskLost(MedusaError):
    """Another run has the task now: whoever is told so touches nothing of it any more."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"task {task_id} is carried by another run")


class StorageFailed(MedusaError):
    """The tasks can't be written or read just now: a full disk, a locked database. What was saved before stands."""

    def __init__(self, said: str, *, unsure: bool = False) -> None:
        """`unsure`: the line broke, and what was to be written may be kept all the same."""
        self.unsure = unsure
        super().__init__(said)


class PlatformError(MedusaError):
    """An adapter's way to end a call: carries the Failure."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{failure.said} ({failure.code})" if failure.code else failure.said)


class MediaError(MedusaError):
    """The media cannot be published: what is wrong with it, in words for the user."""


class MediaChanged(MediaError):
    """The file is no longer the one that the task looked at."""


class Stopped(BaseException):
    """Raised out of a Body when its step is being stopped; a BaseException so that no library swallows it."""
