"""What the runner lends an adapter for one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from io import FileIO
from typing import Protocol

from medusa.domain.failures import Failure, FailureKind, PlatformError, Stopped
from medusa.domain.ports import Body
from medusa.domain.task import Step
from medusa.domain.values import Media, Span
from medusa.runner.body import FileBody

_LATE = Failure(FailureKind.TRANSIENT, "this machine was too slow to send it in time", "late", no_effect=True)


class Lender(Protocol):
    """Whom a call tells what happens in it. Called from the adapter's thread."""

    def now(self) -> float: ...

    def open(self, media: Media) -> FileIO: ...

    def take(self, want: int, stopped: threading.Event) -> int: ...

    def before_last_block(self) -> None: ...

    def budget(self, scope: str, left: float, resets_at: float) -> None: ...

    def rivals(self) -> tuple[Step, ...]: ...

    def taken(self, id_: str) -> bool: ...


class RunnerCall:
    """Call for one exchange or a few reads; ends at once when it is cancelled, unless it has committed."""

    def __init__(
        self, lender: Lender, media: Media | None = None, *, preemptible: bool = True, send_by: float | None = None
    ) -> None:
        """`send_by`: epoch seconds after which no request may begin."""
        self._lender = lender
        self._media = media
        self._lock = threading.Lock()
        self._preemptible = preemptible
        self._send_by = send_by
        self._cancelled = False
        self._stopped: threading.Event | None = None
        """For those who wait in a body; set with `_cancelled`."""
        self.given_up = False
        """It was ended because it took too long, not because anyone asked."""
        self._closes: list[Callable[[], None]] = []
        self._bodies: list[FileBody] = []
        self._unsent: Callable[[], int] = int

    def body(self, span: Span) -> Body:
        """The media's bytes [start, stop)."""
        if self._media is None:
            raise AssertionError("this step has no media")
        stopped = self._stopping()
        take = partial(self._lender.take, stopped=stopped)
        file = self._lender.open(self._media)
        body = FileBody(file, self._media, span, stopped, take=take, before_last=self._commit)
        self._bodies.append(body)
        return body

    def now(self) -> float:
        """Epoch seconds."""
        return self._lender.now()

    def budget(self, scope: str, left: float, resets_at: float) -> None:
        """A rate header was seen."""
        self._lender.budget(scope, left, resets_at)

    def rivals(self) -> tuple[Step, ...]:
        """The account's other steps that may be out."""
        return self._lender.rivals()

    def taken(self, id_: str) -> bool:
        """Whether another step has published this."""
        return self._lender.taken(id_)

    def in_flight(self, unsent: Callable[[], int]) -> None:
        """Remember how to learn what has not arrived yet of the bytes that were read."""
        self._unsent = unsent

    @property
    def arrived(self) -> int | None:
        """Up to here the media's bytes have arrived at the other side; None while none were asked for."""
        if not self._bodies:
            return None
        body = self._bodies[-1]
        return max(body.offset - self._unsent(), body.start)

    def check_in_time(self) -> None:
        """Raises PlatformError when it is too late to send."""
        if self._send_by is not None and self.now() > self._send_by:
            raise PlatformError(_LATE)

    def on_cancel(self, close: Callable[[], None]) -> None:
        """Remember what ends the exchange; end it at once if the call is cancelled already."""
        with self._lock:
            self._closes.append(close)
            cancelled = self._cancelled
        if cancelled:
            close()

    def cancel(self) -> None:
        """End the call, unless it can't be cut any more because what it does may be taking effect."""
        with self._lock:
            if not self._preemptible:
                return
        self._close()

    def give_up(self) -> None:
        """End a call that takes too long, whatever it does."""
        self.given_up = True
        self._close()

    def release(self) -> None:
        """The call is over: give its files back."""
        for body in self._bodies:
            body.close()

    def _stopping(self) -> threading.Event:
        with self._lock:
            if self._stopped is None:
                self._stopped = threading.Event()
            if self._cancelled:
                self._stopped.set()
            return self._stopped

    def _close(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._stopped is not None:
                self._stopped.set()
            closes = tuple(self._closes)
        for close in closes:
            close()

    def _commit(self) -> None:
        """The last block is about to be handed out."""
        self._lender.before_last_block()

    def cannot_stop(self) -> None:
        """From here on the call runs to its end. Raises Stopped when it was cancelled before."""
        with self._lock:
            if self._cancelled:
                raise Stopped
            self._preemptible = False
