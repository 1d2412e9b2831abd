"""One request and its reply, and what a platform has to be: the interface between the core and the platforms.

A platform is a class that takes a `World` and satisfies `Platform`. It declares `Route`s; for each request on one of
them the core opens a log record, finds the operation, takes the faults that match, and calls `Route.handle`, unless a
fault says otherwise. What the core does for all platforms alike: status, cut, stall, slow, lost_reply, html, empty,
truncated, rate_limit (by `Platform.rate_limited`), token_revoked (by `Platform.unauthorized`), delay. The others
(session_gone, error_in_200, partial, store_unit, processing_failed, processing_stuck) the platform does itself: it asks
`received.fault("session_gone")`. The faults of the pseudo operation "processing" it takes itself, when an upload is
complete: `world.faults.take(self.name, "processing")`.

Reading a body: `body`, `json`, `form` for small ones, `stream` for bytes of any size, `fields` and then `parts` for
multipart with a big part. All of them raise `Cut` when the client goes away or a fault cuts the line: the platform
settles what it has kept (`Sink.interrupted`) and lets it fly.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from medusa.sandbox.multipart import MalformedBody, Part
from medusa.sandbox.received import Cut, Received
from medusa.sandbox.world import World

__all__ = [
    "Cut",
    "MalformedBody",
    "Operation",
    "Part",
    "Platform",
    "Published",
    "Received",
    "Reply",
    "Route",
    "World",
]

Operation = str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back. `body`: dict or list as JSON, str as text, bytes, a Path as a file (with ranges)."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is an aiohttp pattern: "/videos/{id}". `operation` is its name for faults and log, or finds it."""

    method: str
    path: str
    operation: Operation | Callable[[Received], Awaitable[Operation]]
    handle: Callable[[Received], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Published:
    """Something that a person would see, for the page. URLs are absolute; None where there is none.

    `link` is the URL whose card a post shows; if a platform of this sandbox recognises it, the card shows that thing.
    """

    kind: str  # "video", "reel", "post", "photo", ...
    id: str
    at: float
    title: str = ""
    text: str = ""
    url: str | None = None
    thumbnail: str | None = None  # as uploaded, also a photo's picture; None: the page shows a frame of the video
    video: str | None = None
    link: str | None = None
    privacy: str = "public"
    status: str = ""  # "uploading", "processing", "failed: codec"; "" when there is nothing to say
    scheduled_for: float | None = None
    author: str = ""
    size: int | None = None  # bytes
    facts: Mapping[str, str] = field(default_factory=dict)  # shown small: {"Tags": "demo, test"}
    comments: Sequence[str] = ()


class Platform(Protocol):
    """One imitated platform; the five attributes stand on the class."""

    name: str  # "youtube"
    display_name: str  # "YouTube"
    operations: Sequence[Operation]  # all that faults may name, "processing" too
    options: ClassVar[Mapping[str, object]]  # its own switches with their defaults; no name twice in a sandbox

    def __init__(self, world: World) -> None: ...
    def routes(self) -> Sequence[Route]: ...
    def owns(self, path: str) -> bool:
        """Whether a request that no route matches is this platform's to refuse (by `unknown_route`)."""
        ...

    def state(self) -> dict[str, object]:
        """What exists, as JSON, for /_sandbox/state: no secrets."""
        ...

    def published(self, origin: str) -> Sequence[Published]: ...
    def recognise(self, url: str) -> str | None:
        """The id of the thing of this platform, existing or not, that `url` shows to a person."""
        ...

    def rate_limited(self, received: Received) -> Reply:
        """Its real reply with its real headers; `received.fault("rate_limit").retry_after` may say how long."""
        ...

    def unauthorized(self, received: Received) -> Reply: ...
    def unknown_route(self, received: Received) -> Reply: ...
    def malformed(self, received: Received, problem: str) -> Reply:
        """Its reply to a body that cannot be parsed (MalformedBody that the handler let fly)."""
        ...

    def error(self, received: Received, status: int) -> Reply:
        """Its usual body for an error of its own with this status, for the fault "status" without a body."""
        ...

    def target(self, origin: str, directory: Path) -> dict[str, object]:
        """The config block of a Medusa target for it; may write files (0600) in `directory`."""
        ...

    def reset(self) -> None:
        """Forget what was uploaded and posted; accounts and tokens stay."""
        ...
