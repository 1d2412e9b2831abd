"""Vimeo's credentials: one token of one app, sent as it is. There is no refresh grant (facts: Vimeo, Auth)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from medusa.domain.failures import Failure, FailureKind

SCOPES: Final = ("public", "private", "edit", "upload")
"""What an upload needs (facts: Vimeo, Auth)."""
NEW_TOKEN: Final = (
    f"Make a token with the scopes {', '.join(SCOPES)} and delete at https://developer.vimeo.com/apps, and put it into "
    "the configuration as access_token."
)


def bearer(token: str) -> Mapping[str, str]:
    """The header that every call of the API carries; the hosts that take bytes get none."""
    return {"Authorization": f"bearer {token}"}


def lacking(verified: Mapping[str, Any]) -> Failure | None:
    """Why the token of this /oauth/verify reply cannot upload, if it cannot; one that names no scopes passes."""
    named = verified.get("scope")
    if not isinstance(named, str):
        return None
    missing = [scope for scope in SCOPES if scope not in named.split()]
    if not missing:
        return None
    said = f"the access token lacks the scope{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    return Failure(FailureKind.AUTH, said, "scope", no_effect=True, todo=NEW_TOKEN)
