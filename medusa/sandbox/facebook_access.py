"""Who may call the Graph, in which version, and how often (facts: Meta, sections 1, 5 and 6)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from medusa.sandbox.exchange import Received, World
from medusa.sandbox.facebook_graph import GraphError, Params
from medusa.sandbox.facebook_wall import APP, PAGE

DAY = 86_400.0
CURRENT = 26
ENDS = {
    21: datetime(2027, 1, 21, tzinfo=UTC),
    22: datetime(2027, 5, 20, tzinfo=UTC),
    23: datetime(2027, 10, 8, tzinfo=UTC),
    24: datetime(2028, 2, 18, tzinfo=UTC),
    25: datetime(2028, 7, 29, tzinfo=UTC),
}
"""Facts: the versions table. v20.0 and older are gone; v26.0 has no end yet."""

ENDINGS = {
    "expired": (463, "Error validating access token: Session has expired."),
    "password_changed": (
        460,
        "Error validating access token: The session has been invalidated because the user changed their password "
        "or Facebook has changed the session for security reasons.",
    ),
    "removed": (458, "Error validating access token: The user has not authorized application."),
    "lost_role": (492, "Error validating access token: The user no longer has a role on the Page."),
}
OPTIONS: Mapping[str, object] = {
    "facebook_token": "valid",  # or one of ENDINGS
    "facebook_token_s": 0.0,  # lifetime of the Page token from the sandbox's start; 0: none, as Page tokens have
    "facebook_scopes": "pages_show_list pages_read_engagement pages_read_user_content pages_manage_posts publish_video",
    "facebook_self_debug": True,  # whether a Page token may inspect itself by /debug_token (unverified)
    "facebook_dead_version": "refuse",  # or "oldest": a dead version falls to the oldest live one (unverified)
    "facebook_engaged_users": 100,
    "facebook_calls_per_user": 4800,  # a day, for each engaged user
    "facebook_app_calls": 100_000,  # an hour, for all Pages of the app; facts name no number
    "facebook_unknown_parameters": "refuse",  # or "ignore" (unverified)
}


class Access:
    """The Page token and the app's, the version gate and the rate limit."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.page_token = world.secret("EAA", 60)
        self.app_token = f"{APP['id']}|{world.secret()}"
        self._issued_at = world.clock.now()
        self._day = 0.0
        self._calls = 0

    def forget(self) -> None:
        """No call made yet."""
        self._calls = 0

    def check_version(self, received: Received) -> None:
        """Facts: the version gate. Raises GraphError."""
        version = received.params.get("version", f"v{CURRENT}.0")
        number, now = int(re.sub(r"\D.*", "", version[1:]) or 0), self._world.clock.now()
        if number > CURRENT or not version.endswith(".0"):
            raise GraphError(2500, f"Unknown path components: /{version}")
        alive = number == CURRENT or (number in ENDS and now < ENDS[number].timestamp())
        if not alive and self._world.options.text("facebook_dead_version") != "oldest":
            says = f"(#2635) You are calling a deprecated version of the API. Please update to v{CURRENT}.0."
            raise GraphError(2635, says)

    def check_page_token(self, received: Received, params: Params) -> None:
        """The call must carry the Page's own, living token. Raises GraphError."""
        token = given_token(received, params)
        if not token:
            raise GraphError(104, "An access token is required to request this resource.")
        if token == self.app_token:
            raise GraphError(210, "(#210) A page access token is required to request this resource.")
        if token != self.page_token:
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        if (ending := self._ending()) is not None:
            subcode, says = ENDINGS[ending]
            raise GraphError(190, says, subcode=subcode)

    def ended(self) -> GraphError:
        """What a token that was revoked just now meets."""
        subcode, says = ENDINGS[self._ending() or "password_changed"]
        return GraphError(190, says, subcode=subcode)

    def need(self, scope: str) -> None:
        """Raises GraphError unless the token has the scope."""
        if scope not in self._scopes():
            says = f"(#200) Requires {scope} permission to manage the object"
            raise GraphError(200, says, status=403)

    def accepts(self, token: str) -> bool:
        """Whether this is the Page's token, and alive."""
        return token == self.page_token and self._ending() is None

    def may_post(self, params: Params, known: frozenset[str]) -> None:
        """Raises GraphError unless the token may post and the parameters are known."""
        self.need("pages_manage_posts")
        self.check_parameters(params, known)

    def check_parameters(self, params: Params, known: frozenset[str]) -> None:
        """Raises GraphError for a name that no document knows, unless told to ignore such."""
        if self._world.options.text("facebook_unknown_parameters") != "ignore":
            params.check(known)

    def debugged(self, received: Received, params: Params) -> dict[str, object]:
        """What /debug_token says about `input_token` (facts: shape partly unverified). Raises GraphError."""
        caller, asked = given_token(received, params), params.needed("input_token")
        itself = caller == asked == self.page_token and self._world.options.flag("facebook_self_debug")
        if caller != self.app_token and not itself:
            raise GraphError(100, "(#100) You must provide an app access token or a token of the app's developer")
        if asked != self.page_token:
            error = {"code": 190, "message": "Invalid OAuth access token."}
            return {"error": error, "is_valid": False, "scopes": []}
        if (ending := self._ending()) is not None:
            subcode, says = ENDINGS[ending]
            error_ = {"code": 190, "message": says, "subcode": subcode}
            return {**self._described(), "error": error_, "is_valid": False}
        return {**self._described(), "is_valid": True}

    def count(self) -> bool:
        """Count one call; whether it is within the Page's limit (facts: 4800 x engaged users in 24 h)."""
        today = self._world.clock.now() // DAY
        if today != self._day:
            self._day, self._calls = today, 0
        self._calls += 1
        return self._calls <= self._limit()

    def headers(self, received: Received, regain_s: float = 0.0) -> dict[str, str]:
        """Usage in percent, on every reply after the first; minutes until access comes back, when throttled."""
        told = received.fault("usage")
        if self._calls < 2 and not regain_s and not told:
            return {}
        percent = {"app": self._app_percent(), "page": 100 if regain_s else self._page_percent()}
        if told:
            percent[told.of] = told.percent
            regain_s = regain_s or (told.retry_after or 0.0 if told.of == "page" else 0.0)
        minutes = {"estimated_time_to_regain_access": math.ceil(regain_s / 60)}
        pages = {"type": "pages", **_meter(percent["page"]), **minutes}
        return {
            "X-App-Usage": json.dumps(_meter(percent["app"])),
            "X-Business-Use-Case-Usage": json.dumps({PAGE["id"]: [pages]}),
        }

    def day_left(self) -> float:
        """Seconds until the limit starts anew."""
        now = self._world.clock.now()
        return (now // DAY + 1) * DAY - now

    def _limit(self) -> int:
        options = self._world.options
        return options.integer("facebook_calls_per_user") * options.integer("facebook_engaged_users")

    def _page_percent(self) -> int:
        return min(100, 100 * self._calls // max(1, self._limit()))

    def _app_percent(self) -> int:
        return min(100, 100 * self._calls // max(1, self._world.options.integer("facebook_app_calls")))

    def _scopes(self) -> list[str]:
        return self._world.options.text("facebook_scopes").split()

    def _expires_at(self) -> float:
        lifetime = self._world.options.number("facebook_token_s")
        return self._issued_at + lifetime if lifetime else 0.0

    def _ending(self) -> str | None:
        """Why the token is dead; None while it lives."""
        state = self._world.options.text("facebook_token")
        if state in ENDINGS:
            return state
        expires = self._expires_at()
        return "expired" if expires and self._world.clock.now() >= expires else None

    def _described(self) -> dict[str, object]:
        return {
            "app_id": APP["id"],
            "type": "PAGE",
            "application": APP["name"],
            "expires_at": int(self._expires_at()),
            "issued_at": int(self._issued_at),
            "data_access_expires_at": int(self._issued_at + 90 * DAY),
            "profile_id": PAGE["id"],
            "user_id": "10220001112223334",
            "scopes": self._scopes(),
        }


def _meter(percent: int) -> dict[str, int]:
    """What the headers count, all in percent."""
    return {"call_count": percent, "total_cputime": percent // 4, "total_time": percent // 4}


def throttled() -> GraphError:
    """80001: too many calls for this Page."""
    says = (
        "There have been too many calls to this Page account. Wait a bit and try again. For more info, please refer "
        "to https://developers.facebook.com/docs/graph-api/overview/rate-limiting."
    )
    return GraphError(80001, f"(#80001) {says}")


def given_token(received: Received, params: Params) -> str:
    """Facts: as the parameter access_token, or in the header as Bearer or OAuth."""
    scheme, _, token = received.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "oauth") else params.text("access_token")
