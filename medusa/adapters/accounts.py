"""Credentials in files that all processes share, and the limits that hold an account's calls back."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from medusa.adapters.files import sync
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.values import Json


class FileAccounts:
    """AccountsPort: an account is the absolute path of its JSON credentials file.

    Credentials are shared by all processes; limits and what is spent are kept in this one's memory.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renewing: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._until: dict[str, float] = {}
        self._spent: dict[tuple[str, str], dict[float, int]] = {}
        self._throttles: dict[str, float] = {}

    def renew(self, account: str, stale: Json, refresh: Callable[[Json], Json]) -> Json:
        """Raises PlatformError (AUTH) if the file cannot be read or written, and whatever `refresh` raises."""
        path = Path(account).resolve()
        with self._lock:
            mine = self._renewing[path]
        with mine, _locked(path):
            kept = _read(path)
            if kept is not None and kept != stale:
                return kept
            fresh = refresh(stale)
            _write(path, fresh)
            return fresh

    def block(self, scope: str, until: float) -> None:
        with self._lock:
            self._until[scope] = max(until, self._until.get(scope, 0.0))

    def blocked_until(self, scopes: Iterable[str]) -> float:
        with self._lock:
            return max((self._until.get(scope, 0.0) for scope in scopes), default=0.0)

    def throttle(self, target: str, rate: float | None) -> None:
        with self._lock:
            self._throttles.pop(target, None)
            if rate is not None:
                self._throttles[target] = rate

    def throttles(self) -> Mapping[str, float]:
        with self._lock:
            return dict(self._throttles)

    def spend(self, owner: str, what: str, units: int, period_end: float, limit: int | None = None) -> bool:
        with self._lock:
            periods = self._spent.get((owner, what), {})
            booked = periods.get(period_end, 0) + units
            if limit is not None and booked > limit:
                return False
            later = {end: units for end, units in periods.items() if end > period_end}
            self._spent[owner, what] = {**later, period_end: booked}
            return True

    def spent(self, owner: str, what: str, now: float) -> tuple[int, float]:
        with self._lock:
            periods = self._spent.get((owner, what), {})
            end = min((end for end in periods if end > now), default=0.0)
            return periods.get(end, 0), end


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Held by one process at a time. The lock is a file beside the credentials, since they themselves are replaced.

    Some network file systems hold only processes apart, not threads: that is what the other lock is for.
    """
    with _told(path):
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _read(path: Path) -> Json | None:
    """What the file holds; None when there is none."""
    with _told(path):
        try:
            kept: Json = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return kept


def _write(path: Path, credentials: Json) -> None:
    """Replace the file whole: a reader sees the old one or the new one, also after a power cut."""
    with _told(path):
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(credentials, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync(path.parent)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A file that cannot be used, as a failure that says so."""
    try:
        yield
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no JSON"
        said = f"the credentials file {path} cannot be used: {why}"
        raise PlatformError(Failure(FailureKind.AUTH, said, "credentials file", no_effect=True)) from None
