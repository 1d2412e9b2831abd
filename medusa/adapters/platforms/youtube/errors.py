"""YouTube's error replies as Failures, by their `reason` (facts: errors and quota)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from medusa.adapters.http import Reply
from medusa.adapters.platforms.youtube.quota import next_reset
from medusa.domain.failures import Failure, FailureKind

DAY_S = 86_400.0
RATE_LIMIT_S = 30.0
"""How long to hold back when Google does not say: it documents no Retry-After."""
SAID_CHARACTERS = 500
_LINK = re.compile(r"</?a\b[^>]*>")
"""Some messages link a word to Google's documentation (facts: errors and quota)."""
_TRANSIENT = frozenset({"backendError", "internalError", "notReady"})
_RATE = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "servingLimitExceeded"})
_USER_RATE = "userRateLimitExceeded"
PROJECT_DAY = frozenset({"quotaExceeded", "dailyLimitExceeded"})
"""The day's quota is used up."""
_CHANNEL_DAY = frozenset({"uploadLimitExceeded", "uploadRateLimitExceeded"})
_LOGIN = frozenset({"authError", "expired", "required", "insufficientPermissions"})
_ACCOUNT: Final[Mapping[str, str]] = {
    "youtubeSignupRequired": "Create a channel for this Google account, or log in with one that has a channel: {login}",
    "authenticatedUserAccountClosed": "Log in with another account: {login}",
    "authenticatedUserAccountSuspended": "Log in with another account: {login}",
    "channelClosed": "Log in with another account: {login}",
    "channelSuspended": "Log in with another account: {login}",
    "accountDelegationForbidden": "Log in with another account: {login}",
    "accessNotConfigured": "Enable the YouTube Data API v3 for the project in the Google Cloud console.",
}
"""What is wrong with the account or the project, and what the user can do about it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf calls are made: whom limits hold back, and who has to log in."""

    target: str
    account: str
    """Scope of the logged-in user's limits."""
    project: str
    """Scope of the Google Cloud project's limits."""

    @property
    def login(self) -> str:
        """The command that logs the user in."""
        return f"medusa auth login {self.target}"

    @property
    def log_in(self) -> str:
        """The same as a sentence."""
        return f"Run: {self.login}"


def failure_of(reply: Reply, caller: Caller, now: float) -> Failure:
    """The failure that an unexpected reply is. `now`: epoch seconds."""
    status, reason, said = _read(reply)
    kind = _kind(status, reason)
    return Failure(
        kind,
        said,
        reason or f"HTTP {status}",
        no_effect=400 <= status < 500,
        not_before=_not_before(kind, reason, reply, now),
        scope=_scope(kind, reason, caller),
        todo=_todo(kind, reason, caller),
    )


def reason_of(reply: Reply) -> str:
    """`errors[0].reason` of an error reply; "" when there is none."""
    return _read(reply)[1]


def not_understood(reply: Reply, what: str) -> Failure:
    """A successful reply that lacks what it must hold. To ask again is safe, so it is no reason to stop."""
    excerpt = f": {reply.excerpt}" if reply.excerpt else " (it says nothing)"
    return Failure(FailureKind.TRANSIENT, f"the reply holds no {what}{excerpt}", f"HTTP {reply.status}")


def _read(reply: Reply) -> tuple[int, str, str]:
    """(status, reason, message); an error may come with status 200, or as HTML, or as nothing."""
    document = reply.json()
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return reply.status, "", reply.excerpt or f"HTTP {reply.status}, without a message"
    code, errors = error.get("code"), error.get("errors")
    status = code if reply.ok and isinstance(code, int) else reply.status
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    said = str(error.get("message") or first.get("message") or f"HTTP {status}, without a message")
    return status, str(first.get("reason") or error.get("status") or ""), _LINK.sub("", said)[:SAID_CHARACTERS]


def _kind(status: int, reason: str) -> FailureKind:
    if reason in _RATE:
        return FailureKind.RATE_LIMITED
    if reason in PROJECT_DAY or reason in _CHANNEL_DAY:
        return FailureKind.QUOTA
    if reason in _LOGIN or reason in _ACCOUNT or status == 401:
        return FailureKind.AUTH
    if reason in _TRANSIENT or status >= 500 or status == 408:
        return FailureKind.TRANSIENT
    if status == 429:
        return FailureKind.RATE_LIMITED
    return FailureKind.REJECTED if 400 <= status < 500 else FailureKind.BUG


def _not_before(kind: FailureKind, reason: str, reply: Reply, now: float) -> float | None:
    told = _retry_after(reply, now)
    if kind is FailureKind.RATE_LIMITED:
        return told or now + RATE_LIMIT_S
    if kind is FailureKind.QUOTA:
        return next_reset(now) if reason in PROJECT_DAY else told or now + DAY_S
    return told


def _retry_after(reply: Reply, now: float) -> float | None:
    """Seconds or a date, if the header is there."""
    text = reply.headers.get("retry-after", "")
    if text.isdecimal():
        return now + int(text)
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _scope(kind: FailureKind, reason: str, caller: Caller) -> str:
    """Whom the limit holds back. Rate limits hold back all calls; a used-up allowance only what it is for."""
    if kind is FailureKind.RATE_LIMITED:
        return caller.account if reason == _USER_RATE else caller.project
    if kind is FailureKind.QUOTA:
        return f"{caller.project}:day" if reason in PROJECT_DAY else f"{caller.account}:{reason}"
    return ""


def _todo(kind: FailureKind, reason: str, caller: Caller) -> str:
    if reason in _ACCOUNT:
        return _ACCOUNT[reason].format(login=caller.login)
    if reason == "insufficientPermissions":
        return f"{caller.log_in}, and leave all permissions ticked."
    if kind is FailureKind.AUTH:
        return caller.log_in
    if reason in PROJECT_DAY:
        return "The quota is that of the Google Cloud project; it starts anew at midnight, Pacific time."
    if reason in _CHANNEL_DAY:
        return "YouTube limits how much a channel may upload; try again in a day."
    if reason == "invalidVideoMetadata":
        return 'If no category was asked for, ask for one, such as "22".'  # whether one is needed is unverified
    return ""
