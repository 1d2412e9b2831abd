"""Trouble on demand: which requests go wrong, how, and how often.

A fault is a JSON object: ``platform``, ``operation`` ("*" for any, in both), ``kind``, ``times`` (1; -1 for ever),
``skip`` (let so many matching requests pass first), and the fields of its kind:

=================  ==========================================  ==================================================
kind               fields                                      what happens
=================  ==========================================  ==================================================
status             code, body, headers, early, committed       this status; `early`: before the body is read;
                                                               `committed`: after having done what was asked
cut                after                                       TCP reset after so many bytes of the body
stall              after                                       stops reading there, and never answers
slow               bytes_per_s                                 reads the body at this pace
lost_reply                                                     does what was asked, then resets without a reply
html               committed                                   502 with an HTML page
empty              committed                                   200 with an empty body
truncated                                                      does it, then the JSON breaks off in the middle
rate_limit         retry_after                                 the platform's own rate limit reply
usage              percent, retry_after, of                    it succeeds, and its usage headers say that so much
                                                               of the limit is used (Facebook: `of` "page" or "app")
token_revoked                                                  the platform's own reply to a revoked token
delay              seconds                                     the reply comes so much later (real seconds)
session_gone                                                   the upload's session is forgotten
error_in_200                                                   an error where success was expected, with status 200
partial            keep                                        stores so many bytes of a chunk, and says so
store_unit         bytes                                       an interrupted request leaves whole units of this
processing_failed  reason                                      operation "processing": ends in failure
processing_stuck                                               operation "processing": never ends
=================  ==========================================  ==================================================

`delay`, `slow`, `partial`, `store_unit` and `usage` combine with any other; of the rest only the oldest that matches
acts on a request, and a later one does not count that request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields

Number = (int, float)
_FIELDS: dict[str, tuple[str, ...]] = {
    "status": ("code", "body", "headers", "early", "committed"),
    "cut": ("after",),
    "stall": ("after",),
    "slow": ("bytes_per_s",),
    "lost_reply": (),
    "html": ("committed",),
    "empty": ("committed",),
    "truncated": (),
    "rate_limit": ("retry_after",),
    "usage": ("percent", "retry_after", "of"),
    "token_revoked": (),
    "delay": ("seconds",),
    "session_gone": (),
    "error_in_200": (),
    "partial": ("keep",),
    "store_unit": ("bytes",),
    "processing_failed": ("reason",),
    "processing_stuck": (),
}
_REQUIRED = {
    "status": "code",
    "slow": "bytes_per_s",
    "delay": "seconds",
    "partial": "keep",
    "store_unit": "bytes",
    "usage": "percent",
    "processing_failed": "reason",
}
PROCESSING = "processing"
"""The operation that is no request: what a platform does with an upload that is complete."""
_PROCESSING = frozenset({"processing_failed", "processing_stuck"})
_COMBINE = frozenset({"delay", "slow", "partial", "store_unit", "usage"})
_TYPES: dict[str, type | tuple[type, ...]] = {
    "code": int,
    "body": object,
    "headers": Mapping,
    "early": bool,
    "committed": bool,
    "after": int,
    "bytes_per_s": Number,
    "retry_after": Number,
    "seconds": Number,
    "keep": int,
    "bytes": int,
    "reason": str,
    "percent": int,
    "of": str,
    "times": int,
    "skip": int,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as it was asked for; fields that its kind does not use keep their defaults."""

    id: int
    platform: str
    operation: str
    kind: str
    code: int = 500
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    early: bool = False
    committed: bool = False
    after: int = 0
    bytes_per_s: float = 0.0
    retry_after: float | None = None
    seconds: float = 0.0
    keep: int = 0
    bytes: int = 0
    reason: str = ""
    percent: int = 0
    of: str = "page"


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int
    skip: int

    def fires(self) -> bool:
        """Count one matching request; whether the fault acts on it."""
        if self.skip > 0:
            self.skip -= 1
            return False
        self.left -= self.left > 0
        return True


class Faults:
    """The faults that wait for their requests, oldest first."""

    def __init__(self, known: Callable[[str, str], bool]) -> None:
        """`known(platform, operation)`: whether a fault on it could ever act ("*" included)."""
        self._known = known
        self._armed: list[_Armed] = []
        self._last_id = 0

    def add(self, spec: Mapping[str, object]) -> int:
        """Arm a fault and return its id. Raises ValueError, with all that is wrong, if the spec is not one."""
        asked = {"platform": "*", "operation": "*", "times": 1, "skip": 0, **spec}
        platform, operation = str(asked.pop("platform")), str(asked.pop("operation"))
        kind = str(asked.pop("kind", ""))
        if wrong := list(self._mistakes(kind, platform, operation, asked)):
            raise ValueError("; ".join(wrong))
        times, skip = asked.pop("times"), asked.pop("skip")
        assert isinstance(times, int)
        assert isinstance(skip, int)
        self._last_id += 1
        fault = Fault(self._last_id, platform, operation, kind, **asked)  # type: ignore[arg-type]  # checked above
        self._armed.append(_Armed(fault, times, skip))
        return fault.id

    def take(self, platform: str, operation: str) -> tuple[Fault, ...]:
        """The faults that act on this request; they are used up by it."""
        taken: list[Fault] = []
        decided = False
        for armed in self._armed:
            fault = armed.fault
            if fault.platform not in ("*", platform) or fault.operation not in ("*", operation):
                continue
            if (fault.kind in _PROCESSING) != (operation == PROCESSING):
                continue
            combines = fault.kind in _COMBINE
            if (combines or not decided) and armed.fires():
                taken.append(fault)
                decided = decided or not combines
        self._armed = [armed for armed in self._armed if armed.left != 0]
        return tuple(taken)

    def listed(self) -> list[dict[str, object]]:
        """Each armed fault as JSON, with how often it will still act and how many requests it lets pass."""
        return [
            {
                **{item.name: getattr(armed.fault, item.name) for item in fields(armed.fault)},
                "times": armed.left,
                "skip": armed.skip,
            }
            for armed in self._armed
        ]

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def _mistakes(self, kind: str, platform: str, operation: str, asked: Mapping[str, object]) -> Iterator[str]:
        if not self._known(platform, operation):
            yield f"no platform {platform!r} with an operation {operation!r}"
        if kind not in _FIELDS:
            yield f"unknown kind of fault {kind!r}; known: {', '.join(_FIELDS)}"
            return
        if operation not in ("*", PROCESSING) and kind in _PROCESSING:
            yield f"a fault {kind!r} acts on the operation {PROCESSING!r} only"
        if operation == PROCESSING and kind not in _PROCESSING:
            yield f"a fault {kind!r} does not act on the operation {PROCESSING!r}"
        yield from _wrong_fields(kind, asked)


def _wrong_fields(kind: str, asked: Mapping[str, object]) -> Iterator[str]:
    allowed = (*_FIELDS[kind], "times", "skip")
    if unknown := [name for name in asked if name not in allowed]:
        names = ", ".join(map(repr, unknown))
        yield f"a fault {kind!r} has no field {names}; it has: {', '.join(allowed)}"
    needed = _REQUIRED.get(kind)
    if needed is not None and needed not in asked:
        yield f"a fault {kind!r} needs the field {needed!r}"
    for name in allowed:
        if name in asked and not _fits(name, asked[name]):
            yield f"field {name!r} of a fault {kind!r} cannot be {asked[name]!r}"


def _fits(name: str, value: object) -> bool:
    if name == "of":
        return value in ("page", "app")
    return isinstance(value, _TYPES[name]) and not (_TYPES[name] is int and isinstance(value, bool))
