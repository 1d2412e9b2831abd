"""A logged-in user's credentials: read from their file, renewed by one exchange (facts: OAuth)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from google.auth.exceptions import GoogleAuthError
from google.oauth2.credentials import Credentials

from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.youtube.errors import Caller
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import AccountsPort, Call
from medusa.domain.values import Json

SCOPE = "https://www.googleapis.com/auth/"
UPLOADING: Final = frozenset({f"{SCOPE}youtube.upload", f"{SCOPE}youtube", f"{SCOPE}youtube.force-ssl"})
"""Any of these lets a token upload videos; youtube.force-ssl also covers all else that is done here."""
EARLY_S = 10.0
"""A token is taken for expired so long before, lest it expire on its way."""
LIFE_S = 3599
"""How long a token lives if its reply does not say in a sensible way (facts: OAuth)."""
_NEEDED = ("refresh_token", "client_id", "client_secret")
_BRIEF_ERRORS = frozenset({"server_error", "temporarily_unavailable", "internal_failure"})


class AuthorizedUser:
    """The credentials of one target. The file's absolute path is the account's key for AccountsPort."""

    def __init__(self, path: Path, token_uri: str, accounts: AccountsPort) -> None:
        self._path = path.absolute()
        self._token_uri = token_uri
        self._accounts = accounts
        self._info: Json | None = None

    def token(self, caller: Caller, now: float) -> str:
        """The access token. Raises AUTH when there is none, or none that is still good at `now` (epoch seconds)."""
        credentials = self._credentials(self._read(caller), caller)
        expiry = credentials.expiry
        if not credentials.token or expiry is None or now >= expiry.replace(tzinfo=UTC).timestamp() - EARLY_S:
            raise PlatformError(_login_needed("the access token has expired", "expired", caller))
        return str(credentials.token)

    def may_upload(self, caller: Caller) -> bool:
        """Whether the scopes that were granted allow uploads; they do if the file does not name them."""
        named = self._read(caller).get("scopes")
        granted = named.split() if isinstance(named, str) else named
        return not granted or not isinstance(granted, list) or any(scope in granted for scope in UPLOADING)

    def renew(self, call: Call, http: Http, caller: Caller) -> None:
        """A fresh access token, saved for all processes. Raises AUTH when the user must log in again."""

        def refresh(stale: Json) -> Json:
            credentials = self._credentials(stale, caller)
            reply = http.exchange(call, _refresh_request(self._token_uri, credentials))
            return {**stale, **_granted(reply, call.now(), caller)}

        stale = self._read(caller)
        try:
            self._info = self._accounts.renew(str(self._path), stale, refresh)
        except (OSError, ValueError):
            said = f"the credentials file {self._path} cannot be read or written"
            raise PlatformError(_login_needed(said, "bad credentials", caller)) from None

    def _read(self, caller: Caller) -> Json:
        """The file's content as it was when it was first read, or renewed since."""
        if self._info is None:
            self._info = _parsed(self._path, caller)
        return self._info

    def _credentials(self, info: Json, caller: Caller) -> Credentials:
        read: Callable[[Json], Credentials] = Credentials.from_authorized_user_info
        try:
            return read(info)
        except (GoogleAuthError, ValueError, TypeError, AttributeError):
            raise PlatformError(_unusable(self._path, caller)) from None


def _parsed(path: Path, caller: Caller) -> Json:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = f"nobody is logged in: there is no credentials file {path}"
        raise PlatformError(_login_needed(said, "no credentials", caller)) from None
    except OSError as error:
        said = f"the credentials file {path} cannot be read: {(error.strerror or 'unknown error').lower()}"
        raise PlatformError(_login_needed(said, "no credentials", caller)) from None
    except ValueError:
        raise PlatformError(_unusable(path, caller)) from None
    if not isinstance(info, dict) or not all(isinstance(info.get(name), str) for name in _NEEDED):
        raise PlatformError(_unusable(path, caller))
    return info


def _unusable(path: Path, caller: Caller) -> Failure:
    needed = f"a JSON object with {', '.join(_NEEDED)}"
    return _login_needed(f"the credentials file {path} is not {needed}", "bad credentials", caller)


def _login_needed(said: str, code: str, caller: Caller) -> Failure:
    return Failure(FailureKind.AUTH, said, code, no_effect=True, todo=caller.log_in)


# ---------------------------------------------------------------- the token endpoint


def _refresh_request(token_uri: str, credentials: Credentials) -> Request:
    """One exchange of a refresh token. (google-auth's own refresh sleeps and retries, which only the runner does.)"""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": credentials.refresh_token,
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    secrets = (form["refresh_token"], form["client_secret"])
    return Request("POST", token_uri, headers, urlencode(form).encode(), secrets=secrets)


def _granted(reply: Reply, now: float, caller: Caller) -> dict[str, Any]:
    """What of the credentials is new; a refresh token never is. Raises PlatformError when nothing was granted."""
    document = reply.json()
    document = document if isinstance(document, dict) else {}
    token = document.get("access_token")
    if not reply.ok or not isinstance(token, str):
        raise PlatformError(_refused(reply, document, caller))
    lives = str(document.get("expires_in"))
    expiry = datetime.fromtimestamp(now + (int(lives) if lives.isdecimal() and len(lives) < 9 else LIFE_S), UTC)
    return {"token": token, "expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _refused(reply: Reply, document: Mapping[str, Any], caller: Caller) -> Failure:
    """invalid_grant, invalid_client and their like mean a new login; anything else may pass."""
    error = document.get("error")
    passing = reply.ok or reply.status >= 500 or reply.status in (408, 429)
    if passing or not isinstance(error, str) or error in _BRIEF_ERRORS:
        code = error if isinstance(error, str) else f"HTTP {reply.status}"
        return Failure(FailureKind.TRANSIENT, "Google gave no new access token", code, no_effect=True)
    said = str(document.get("error_description") or error)
    hint = ' (Google ends the logins of an app in "Testing" after 7 days.)' if error == "invalid_grant" else ""
    return Failure(FailureKind.AUTH, said, error, no_effect=True, todo=f"{caller.log_in}{hint}")
