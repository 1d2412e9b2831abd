"""What the exam is given about an adapter (`Rig`), what it lends it (`FakeCall`), and the wire between (`Wire`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from medusa.adapters.http import Http, Reply, Request
from medusa.domain.failures import Stopped
from medusa.domain.ports import Body, RulesPort
from medusa.domain.request import Asked
from medusa.domain.task import Step
from medusa.domain.template import render_all
from medusa.domain.values import Json, Media, MediaKind, Span, StepSpec


class Clock(Protocol):
    """A sandbox's clock is one."""

    def now(self) -> float:
        """Epoch seconds."""
        ...

    def move(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        ...


class MovedClock:
    """Stands still unless it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def move(self, seconds: float) -> None:
        self._now += seconds


# ---------------------------------------------------------------- what an adapter's exam is given


def no_reads(request: Request) -> bool:
    """For a platform all of whose reads are GET or HEAD."""
    return False


def looked_at(media: Media) -> Media:
    """What the runner's probe would add; the picture's size and the duration are made up."""
    stat = Path(media.uri).stat()
    media = replace(media, size=stat.st_size, etag=f"{stat.st_size}-{stat.st_mtime_ns}")
    if media.kind is MediaKind.VIDEO:
        return replace(media, duration_s=10.0, width=1280, height=720)
    return replace(media, width=1280, height=720) if media.kind is MediaKind.IMAGE else media


@dataclass(frozen=True)
class Rig:
    """Everything about one adapter and one plan that the exam needs to know."""

    adapter: Callable[[Http], Any]
    """A fresh adapter (UploaderPort, PublisherPort or both) that sends by the given Http."""
    rules: RulesPort
    asked: Json
    """The target's metadata."""
    existing: Callable[[], Iterable[str]]
    """What exists on the platform now, one line each, without ids and times: "video Title sha256 unlisted". A thing
    that exists twice gives its line twice; an upload that is not complete gives none."""
    reset: Callable[[], None]
    """Everything that was published is gone; accounts and tokens stay."""
    clock: Clock = field(default_factory=MovedClock)
    """The platform's own, so that moving it lets processing, lags and limits pass."""
    http: Http = field(default_factory=Http)
    media: Path | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    """Placeholders of other targets with their values."""
    used: bool = False
    """Another target uses this one's placeholder."""
    is_read: Callable[[Request], bool] = no_reads
    """Whether a request that is neither GET nor HEAD changes nothing all the same (YouTube's status query)."""
    may_be_unknown: frozenset[str] = frozenset()
    """Visible steps whose `find` may say UNKNOWN after a loss: the platform cannot be asked."""
    secrets: tuple[str, ...] = ()
    """Tokens and client secrets: never to be seen in a failure's text."""
    look: Callable[[Media], Media] = looked_at

    def plan(self) -> tuple[StepSpec, ...]:
        """The steps as the runner hands them over: media looked at, placeholders filled in."""
        media = Media.named(str(self.media)) if self.media else None
        planned = self.rules.plan(Asked("task:target", "target", self.asked, media, self.known, self.used))
        problems = [item for item in planned if not isinstance(item, StepSpec)]
        assert not problems, f"the rig's request is refused: {'; '.join(map(str, problems))}"
        return tuple(self._settled(spec) for spec in planned if isinstance(spec, StepSpec))

    def _settled(self, spec: StepSpec) -> StepSpec:
        media = self.look(spec.media) if spec.media else None
        return replace(spec, fields=render_all(spec.fields, self.known), media=media)


# ---------------------------------------------------------------- one call of the adapter


class FileBody:
    """One span of a file, read once, front to back."""

    def __init__(self, path: Path, span: Span, cancelled: Callable[[], bool]) -> None:
        self._path, self._span, self._cancelled = path, span, cancelled
        self._at = span.start

    def __len__(self) -> int:
        return len(self._span)

    def readinto(self, view: memoryview, /) -> int:
        if self._cancelled():
            raise Stopped
        with self._path.open("rb") as file:
            file.seek(self._at)
            count = file.readinto(view[: self._span.stop - self._at])
        self._at += count
        return count


class FakeCall:
    """What the runner lends, over a real file. `doing` names the port's method, `step` the step it is for."""

    def __init__(
        self,
        now: Callable[[], float],
        media: Path | None = None,
        want: Span | None = None,
        step: str = "",
        doing: str = "",
    ) -> None:
        self.now = now
        self.step, self.doing = step, doing
        self.budgets: list[tuple[str, float, float]] = []
        self._media, self.want = media, want
        self._cancelled = False
        self._closers: list[Callable[[], None]] = []

    def body(self, span: Span) -> Body:
        assert self._media is not None, f"{self.doing} of {self.step} reads media, but its spec names none"
        assert span == self.want, f"{self.doing} of {self.step} reads {span}, but its checkpoint wants {self.want}"
        assert 0 <= span.start <= span.stop <= self._media.stat().st_size, f"{span} lies outside the media"
        return FileBody(self._media, span, lambda: self._cancelled)

    def budget(self, scope: str, left: float, resets_at: float) -> None:
        assert scope, "a budget has a scope"
        assert 0.0 <= left <= 1.0, f"a budget is a share of 1, not {left}"
        self.budgets.append((scope, left, resets_at))

    def rivals(self) -> tuple[Step, ...]:
        return ()

    def taken(self, id_: str) -> bool:
        return False

    def in_flight(self, unsent: Callable[[], int]) -> None:
        self.unsent = unsent

    def check_in_time(self) -> None: ...

    def on_cancel(self, close: Callable[[], None]) -> None:
        self._closers.append(close)
        if self._cancelled:
            close()

    def cancel(self) -> None:
        """As the runner does it, from any thread."""
        self._cancelled = True
        for close in self._closers:
            close()


# ---------------------------------------------------------------- the wire, and what happens on it

Send = Callable[[Request], Reply]
Accident = Callable[[Send, Request], Reply]
"""Stands in the place of one exchange: may send the request or not, change it, change the reply, raise."""


@dataclass(frozen=True)
class Sent:
    """One exchange: what was sent and during which call."""

    call: FakeCall
    request: Request
    changes: bool
    """It may change something on the platform."""

    def __str__(self) -> str:
        return f"{self.request.method} {urlsplit(self.request.url).path} ({self.call.doing} of {self.call.step})"


class Wire(Http):
    """Sends by another Http, notes every exchange, and lets accidents happen to chosen ones."""

    def __init__(self, rig: Rig, accidents: Mapping[int, Accident] | None = None) -> None:
        self.sent: list[Sent] = []
        self._rig = rig
        self._accidents = accidents or {}

    def exchange(self, call: Any, request: Request) -> Reply:
        reads = request.method in ("GET", "HEAD") or self._rig.is_read(request)
        accident = self._accidents.get(len(self.sent))
        self.sent.append(Sent(call, request, not reads))

        def send(request: Request) -> Reply:
            return self._rig.http.exchange(call, request)

        return accident(send, request) if accident else send(request)

    def close(self) -> None:
        """The rig's Http is not ours to close."""
