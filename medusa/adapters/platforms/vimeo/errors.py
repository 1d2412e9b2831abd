"""Vimeo's refusals as Failures (facts: Vimeo, Errors and Rate limits)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from medusa.adapters.http import Reply
from medusa.adapters.platforms.vimeo.auth import NEW_TOKEN
from medusa.domain.failures import Failure, FailureKind

KINDS: Final[Mapping[int, FailureKind]] = {
    8000: FailureKind.AUTH,
    8001: FailureKind.AUTH,
    8002: FailureKind.AUTH,
    8003: FailureKind.AUTH,
    3428: FailureKind.QUOTA,
    4101: FailureKind.QUOTA,
    4102: FailureKind.QUOTA,
    4103: FailureKind.QUOTA,
    4104: FailureKind.QUOTA,
    4000: FailureKind.TRANSIENT,
    4003: FailureKind.TRANSIENT,
    4005: FailureKind.TRANSIENT,
    7000: FailureKind.TRANSIENT,
    7100: FailureKind.TRANSIENT,
}
"""By `error_code`; for any other the HTTP status decides."""

_OTHER_PRIVACY: Final = "Choose another privacy, or a plan of Vimeo's that has this one."
TODO: Final[Mapping[int, str]] = {
    2409: _OTHER_PRIVACY,
    2410: _OTHER_PRIVACY,
    2411: _OTHER_PRIVACY,
    2412: _OTHER_PRIVACY,
    3427: _OTHER_PRIVACY,
    3400: "Confirm the account's e-mail address on vimeo.com.",
    4101: "Delete videos there, or take a larger plan.",
    4102: "Wait for the next week, or take a larger plan.",
}
"""By `error_code`: what the user can do about it."""

LOCKOUT_S: Final = 60.0
"""A 429 locks out for this long at most (facts: Vimeo, Rate limits): used when the reply does not say."""
EPOCH_FROM: Final = 1e9
"""A smaller number in X-RateLimit-Reset cannot be an epoch: taken as seconds from now."""
SAID_LIMIT: Final = 500


def failure(reply: Reply, now: float, scope: str) -> Failure:
    """What a reply means that is not the success that was hoped for, whatever its status and its body."""
    body = reply.json()
    document = body if isinstance(body, Mapping) else {}
    number = document.get("error_code")
    code = number if isinstance(number, int) else 0
    kind = _kind(reply.status, code)
    limited = kind is FailureKind.RATE_LIMITED
    return Failure(
        kind,
        _said(document, reply)[:SAID_LIMIT],
        str(code) if code else f"HTTP {reply.status}",
        no_effect=400 <= reply.status < 500 and reply.status != 408,
        not_before=(resets_at(reply.headers, now) or now + LOCKOUT_S) if limited else None,
        scope=scope if limited else "",
        todo=NEW_TOKEN if kind is FailureKind.AUTH else TODO.get(code, ""),
    )


def unreadable(reply: Reply, what: str) -> Failure:
    """A success that cannot be understood. TRANSIENT, since everything at Vimeo can be asked about or done again."""
    shown = f": {reply.excerpt}" if reply.body else " (the reply was empty)"
    return Failure(FailureKind.TRANSIENT, f"Vimeo's reply does not tell {what}{shown}", f"HTTP {reply.status}")


def resets_at(headers: Mapping[str, str], now: float) -> float | None:
    """Epoch seconds at which calls are allowed again: X-RateLimit-Reset as epoch or ISO 8601, else Retry-After."""
    found = _moment(headers.get("x-ratelimit-reset", ""), now)
    return found if found is not None else _moment(headers.get("retry-after", ""), now)


def moment(text: object) -> float | None:
    """An ISO 8601 time as epoch seconds; None when it is none. One without a zone is taken as UTC."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _moment(text: str, now: float) -> float | None:
    if not text.isascii() or not text.isdigit():
        return moment(text)
    number = float(text)
    return number if number >= EPOCH_FROM else now + number


def _kind(status: int, code: int) -> FailureKind:
    if status == 429:
        return FailureKind.RATE_LIMITED
    if code in KINDS:
        return KINDS[code]
    if status == 401:
        return FailureKind.AUTH
    if status >= 500 or status in (408, 423):
        return FailureKind.TRANSIENT
    if status >= 400:
        return FailureKind.REJECTED
    return FailureKind.BUG if status >= 300 or code else FailureKind.TRANSIENT


def _said(document: Mapping[str, Any], reply: Reply) -> str:
    """Vimeo's words: `error` is for its users and often vague, so what it says for developers comes with it."""
    said = _text(document.get("error"))
    details = _invalid(document.get("invalid_parameters")) or _text(
        document.get("developer_message") or document.get("error_description")
    )
    if said and details and details != said:
        return f"{said} ({details})"
    if said or details:
        return said or details
    if not reply.body or reply.body.lstrip().startswith(b"<"):
        return f"HTTP {reply.status}, and {'a web page' if reply.body else 'nothing'} instead of an explanation"
    return f"HTTP {reply.status}: {reply.excerpt}"


def _invalid(parameters: object) -> str:
    """`invalid_parameters` as "privacy.view: this value is not allowed; ..."."""
    listed = parameters if isinstance(parameters, list) else []
    said = []
    for one in listed:
        if isinstance(one, Mapping):
            words = _text(one.get("error")) or _text(one.get("developer_message")) or "is not valid"
            said.append(f"{_text(one.get('field')) or 'a parameter'}: {words}")
    return "; ".join(said)


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
