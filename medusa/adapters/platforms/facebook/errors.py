"""What an error reply of Facebook means for the runner (facts: Meta 5, 2.3, 2.4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from medusa.adapters.http import Reply
from medusa.adapters.platforms.facebook.account import Scopes
from medusa.adapters.platforms.facebook.usage import regained_at
from medusa.domain.failures import Failure, FailureKind

UNKNOWN: Final = frozenset({1, 2})
"""Unknown error, service down: after a visible send anything may have happened."""
PERMISSION: Final = frozenset({3, 10, *range(200, 300)})
APP_THROTTLED: Final = frozenset({4, 341})
ENDPOINT_THROTTLED: Final = 613
THROTTLED: Final = frozenset({*APP_THROTTLED, 17, 32, ENDPOINT_THROTTLED, *range(80000, 80015)})
TOKEN: Final = frozenset({102, 190})
PARAMETER: Final = 100
POLICY: Final = 368
DUPLICATE: Final = 506
SCRAPE_FAILED: Final = 1609005
"""Facebook could not read the link's page: another try may do."""
LINK_REFUSED: Final = 1609008
ALREADY_POSTED: Final = 1404082
"""Subcode of POLICY: the post may be live."""
TOO_FAST: Final = 1390008
"""Subcode of POLICY."""
OBJECT_MISSING: Final = (PARAMETER, 33)
"""Also said of what was made a moment ago, and of what the token may not see."""
UPLOAD_OFFSET: Final = 1363037
"""Subcode: a window of the upload was not the one expected; `error_data` names that."""
UPLOAD_AGAIN: Final = frozenset({1363019, 1363021, 1363030, 1363033, 1363041})
"""Subcodes: send the same window again."""
UPLOAD_UNKNOWN: Final = frozenset({6000, 6001})
UPLOAD_FORBIDDEN: Final = 1363042

SAID_CHARS: Final = 500
"""Characters of Facebook's own words that are kept."""

LOG_IN_AGAIN: Final = (
    "Get a new Page access token (GET /me/accounts with a long-lived user token lists them) and put it into the "
    'config as "access_token".'
)
MORE_SCOPES: Final = (
    "The token needs the scopes pages_manage_posts and pages_read_engagement, and its user the task CREATE_CONTENT "
    "on the Page."
)


@dataclass(frozen=True, slots=True)
class GraphError:
    """The Graph API's error envelope."""

    code: int
    subcode: int
    said: str
    """Message, the text meant for users, and the trace id that Meta's support asks for."""
    transient: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)
    """`error_data`, whether it came as an object or as JSON text."""

    @property
    def name(self) -> str:
        """For people: "190/463"; "" when there is no code."""
        if not self.code:
            return ""
        return f"{self.code}/{self.subcode}" if self.subcode else str(self.code)

    def numbers_are(self, both: tuple[int, int]) -> bool:
        """Whether these are its code and subcode."""
        return (self.code, self.subcode) == both

    @property
    def numbers(self) -> frozenset[int]:
        return frozenset({self.code, self.subcode})

    @property
    def repeats(self) -> bool:
        """Facebook takes the post for a second one of the same kind, be the first one this post itself or another."""
        return self.code == DUPLICATE or self.subcode == ALREADY_POSTED


def graph_error(reply: Reply) -> GraphError | None:
    """The error in a reply, also in one with status 200; None when there is none in Graph's envelope."""
    document = reply.json()
    error = document.get("error") if isinstance(document, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    return GraphError(
        _number(error.get("code")),
        _number(error.get("error_subcode")),
        _said(error),
        error.get("is_transient") is True,
        _details(error.get("error_data")),
    )


def failure(reply: Reply, scopes: Scopes, now: float) -> Failure:
    """Why a reply is no success. `no_effect` only where Facebook surely refused before it did anything."""
    error = graph_error(reply)
    if error is None:
        return _bare(reply)
    found = _sorted(error, reply, scopes, now)
    refused = 400 <= reply.status < 500 and _surely_refused(error)
    return replace(found, no_effect=refused)


def rupload_failure(reply: Reply) -> Failure:
    """The same for the host that takes a reel's bytes, which has an envelope of its own: `debug_info`."""
    document = reply.json()
    info = document.get("debug_info") if isinstance(document, Mapping) else None
    if not isinstance(info, Mapping):
        return _bare(reply)
    kind = str(info.get("type", ""))
    said = str(info.get("message") or kind)[:SAID_CHARS]
    if reply.status == 401:
        return Failure(FailureKind.AUTH, said, kind, no_effect=True, todo=LOG_IN_AGAIN)
    if info.get("retriable") is True or kind in ("OffsetInvalidError", "PartialRequestError"):
        return Failure(FailureKind.TRANSIENT, said, kind)
    if kind == "ProcessingFailedError":
        return Failure(FailureKind.SESSION_LOST, said, kind)
    return Failure(FailureKind.REJECTED, said, kind)


def not_understood(reply: Reply, *, again: bool) -> Failure:
    """A success that cannot be read. `again`: what was asked for may be asked for again without harm."""
    kind = FailureKind.TRANSIENT if again else FailureKind.BUG
    return Failure(kind, f"its reply was not understood: {reply.excerpt or '(empty)'}", f"HTTP {reply.status}")


def _sorted(error: GraphError, reply: Reply, scopes: Scopes, now: float) -> Failure:
    """The failure without a word on whether it had an effect. A subcode says more than a code."""
    said, name = error.said, error.name or f"HTTP {reply.status}"
    if error.code in THROTTLED:
        until = regained_at(reply.headers, now)
        scope = scopes.app if error.code in APP_THROTTLED else scopes.page
        narrow = error.code == ENDPOINT_THROTTLED
        return Failure(FailureKind.RATE_LIMITED, said, name, not_before=until, scope=scope, endpoint=narrow)
    if error.code in TOKEN:
        return Failure(FailureKind.AUTH, said, name, todo=LOG_IN_AGAIN)
    if error.code in PERMISSION or error.subcode == UPLOAD_FORBIDDEN:
        return Failure(FailureKind.AUTH, said, name, todo=MORE_SCOPES)
    if error.transient or _may_pass(error):
        return Failure(FailureKind.TRANSIENT, said, name)
    return Failure(FailureKind.REJECTED, said, name, todo=_todo(error))


def _may_pass(error: GraphError) -> bool:
    passing = {*UNKNOWN, *UPLOAD_UNKNOWN, *UPLOAD_AGAIN, UPLOAD_OFFSET, SCRAPE_FAILED}
    if error.code in UPLOAD_UNKNOWN and error.subcode:
        return error.subcode in passing
    return not passing.isdisjoint(error.numbers)


def _surely_refused(error: GraphError) -> bool:
    if error.code == POLICY:
        return error.subcode != ALREADY_POSTED
    if error.code in PERMISSION | THROTTLED | TOKEN | {PARAMETER}:
        return True
    return not error.numbers.isdisjoint({SCRAPE_FAILED, LINK_REFUSED})


def _todo(error: GraphError) -> str:
    if error.repeats:
        return "Facebook refuses the same post twice in a row: look at the Page, and change the text to post it again."
    if error.subcode == TOO_FAST:
        return "Wait some hours before this Page posts again."
    if error.code == POLICY:
        return "Facebook has restricted what this Page or user may do: look at the Page's support inbox."
    return ""


def _bare(reply: Reply) -> Failure:
    """A reply without Graph's envelope: a proxy's, or a page of HTML."""
    said, name = reply.excerpt or "(an empty reply)", f"HTTP {reply.status}"
    if reply.status >= 500 or reply.status in (408, 429):
        return Failure(FailureKind.TRANSIENT, said, name)
    if reply.status == 401:
        return Failure(FailureKind.AUTH, said, name, no_effect=True, todo=LOG_IN_AGAIN)
    if reply.status >= 400:
        return Failure(FailureKind.REJECTED, said, name)
    return not_understood(reply, again=False)


def _said(error: Mapping[str, Any]) -> str:
    said = str(error.get("message") or "Facebook gave no reason")
    for key in ("error_user_title", "error_user_msg"):
        told = str(error.get(key) or "")
        if told not in said:
            said = f"{said} {told}" if said.endswith((".", "!", "?")) else f"{said}: {told}"
    trace = error.get("fbtrace_id")
    return said[:SAID_CHARS] + (f" (fbtrace_id {trace})" if trace else "")


def _details(given: object) -> Mapping[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    return given if isinstance(given, Mapping) else {}


def _number(given: object) -> int:
    """Codes are numbers; a missing or odd one is 0."""
    try:
        return int(str(given))
    except ValueError:
        return 0
