"""Every request as it came, in order, with secrets masked."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

KEPT = 20_000
"""Records kept; the oldest go first."""

_NAMES = (
    "access_token|refresh_token|client_secret|code|code_verifier|upload_id|oauth_token|input_token"
    "|appsecret_proof|token|key"
)
_IN_FORM = re.compile(rf"(?i)((?:^|[?&])(?:{_NAMES})=)[^&#]*")
_IN_JSON = re.compile(rf'(?i)("(?:{_NAMES})"\s*:\s*")(?:[^"\\]|\\.)*')
_CANDIDATE = re.compile(r"[A-Za-z0-9_-]{16,}")
_MASK = "***"


@dataclass(slots=True)
class Record:
    """One request: open from its arrival, completed when it has ended."""

    n: int
    at: float
    platform: str
    method: str
    path: str
    headers: dict[str, str]
    connection: int
    operation: str = ""
    body: object = None
    received: int = 0
    status: int | None = None
    fault: str | None = None


class Secrets:
    """The secret strings that a sandbox has made, so that none of them is ever shown."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def add(self, text: str) -> str:
        """Remember the random parts of `text` and return it."""
        self._known.update(_CANDIDATE.findall(text))
        return text

    def mask(self, text: str) -> str:
        """`text` with every secret replaced by ``***``: those known by value, and those known by their field's name."""
        text = _IN_FORM.sub(rf"\1{_MASK}", text)
        text = _IN_JSON.sub(rf"\1{_MASK}", text)
        return _CANDIDATE.sub(lambda found: _MASK if found[0] in self._known else found[0], text)


class Log:
    """The requests of one sandbox; admin requests are not among them."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._records: deque[Record] = deque(maxlen=KEPT)
        self._count = 0
        self._named = threading.Condition()

    def open(
        self, *, at: float, platform: str, method: str, path: str, headers: Mapping[str, str], connection: int
    ) -> Record:
        """Add a record for a request that has just arrived."""
        self._count += 1
        lower = {name.lower(): value for name, value in headers.items()}
        record = Record(self._count, at, platform, method, path, lower, connection)
        self._records.append(record)
        return record

    def name(self, record: Record, operation: str) -> None:
        """What the request turned out to be; wakes who waits for it."""
        with self._named:
            record.operation = operation
            self._named.notify_all()

    def wait_for(self, platform: str, operation: str, count: int, timeout: float) -> None:
        """From any thread: until so many requests of this operation ("*": of any) have arrived. Raises TimeoutError."""

        def fits(record: Record) -> bool:
            return platform in ("*", record.platform) and operation in ("*", record.operation)

        def arrived() -> bool:
            return sum(map(fits, tuple(self._records))) >= count

        with self._named:
            if not self._named.wait_for(arrived, timeout):
                raise TimeoutError(f"no {operation} reached {platform} within {timeout:g} s")

    def listed(self) -> list[dict[str, object]]:
        """All records as JSON, oldest first, masked."""
        return [asdict(self._masked(record)) for record in self._records]

    def clear(self) -> None:
        """Forget all records; the numbers go on."""
        self._records.clear()

    def _masked(self, record: Record) -> Record:
        headers = {name: self._header(name, value) for name, value in record.headers.items()}
        return replace(record, path=self._secrets.mask(record.path), headers=headers, body=self._deep(record.body))

    def _header(self, name: str, value: str) -> str:
        if name in ("authorization", "proxy-authorization", "cookie"):
            scheme, space, _ = value.partition(" ")
            return f"{scheme} {_MASK}" if space else _MASK
        return self._secrets.mask(value)

    def _deep(self, value: object) -> object:
        if isinstance(value, str):
            return self._secrets.mask(value)
        if isinstance(value, Mapping):
            return {name: _hidden(name) or self._deep(item) for name, item in value.items()}
        return value


def _hidden(name: object) -> str | None:
    return _MASK if re.fullmatch(_NAMES, str(name), re.IGNORECASE) else None
