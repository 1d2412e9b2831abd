"""Google's consent page and token endpoint (facts: google, 5. OAuth)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

from medusa.sandbox.config import write_secret
from medusa.sandbox.exchange import Received, Reply, World

SCOPE = "https://www.googleapis.com/auth/"
CODE_S = 600.0
"""An authorization code not exchanged by then is void."""

OPTIONS: Mapping[str, object] = {
    "consent": "allow",  # what the person at the consent page does: "allow" or "deny"
    "consent_scopes": "",  # which scopes the person leaves ticked, separated by spaces; "" for all that were asked
    "youtube_scopes": f"{SCOPE}youtube.upload {SCOPE}youtube.force-ssl",  # of the tokens that config() writes
    "google_token_s": 3599.0,  # how long an access token lives
    "google_refresh_token_s": 0.0,  # how long a refresh token lives (an app in "Testing": 7 days); 0: for good
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one refresh token stands for."""

    scopes: frozenset[str]
    made_at: float


@dataclass(frozen=True, slots=True)
class _Token:
    scopes: frozenset[str]
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Code:
    redirect_uri: str
    challenge: str
    scopes: frozenset[str]
    expires_at: float
    offline: bool


class Refused(Exception):
    """The token endpoint's refusal."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.reply = Reply(status, {"error": error, "error_description": description})


def revoked() -> Reply:
    """What a dead refresh token gets."""
    return Refused(400, "invalid_grant", "Token has been expired or revoked.").reply


class GoogleAccounts:
    """One OAuth client of one project and one Google account with a channel."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.client_id = f"{secrets.randbelow(10**12):012}-{secrets.token_hex(16)}.apps.googleusercontent.com"
        self._client_secret = world.secret("GOCSPX-", 28)
        self._grants: dict[str, Grant] = {}
        self._tokens: dict[str, _Token] = {}
        self._codes: dict[str, _Code] = {}
        self._grant_types = {"refresh_token": self._refresh, "authorization_code": self._exchange}

    def scopes_of(self, token: str) -> frozenset[str] | None:
        """The scopes of an access token; None if it is unknown or has expired."""
        found = self._tokens.get(token)
        return found.scopes if found and self._world.clock.now() < found.expires_at else None

    async def consent(self, received: Received) -> Reply:
        """GET /o/oauth2/auth: the person decides at once (option "consent"), and is sent back."""
        query = received.query
        redirect_uri = query.get("redirect_uri", "")
        problem = self._consent_problem(query)
        if problem is not None:
            page = f"<!DOCTYPE html><title>Error 400: {problem}</title><h1>Access blocked: {problem}</h1>"
            return Reply(400, page, {"Content-Type": "text/html; charset=UTF-8"})
        answer = {"state": query["state"]} if "state" in query else {}
        if self._world.options.text("consent") == "deny":
            return _redirect(redirect_uri, {"error": "access_denied", **answer})
        scopes = frozenset((self._world.options.text("consent_scopes") or query["scope"]).split())
        code = self._world.secret("4_0A", 40)
        expires_at = self._world.clock.now() + CODE_S
        offline = query.get("access_type") == "offline" and self._gives_refresh_token(query)
        challenge = query.get("code_challenge", "")
        self._codes[code] = _Code(redirect_uri, challenge, scopes, expires_at, offline)
        return _redirect(redirect_uri, {**answer, "code": code, "scope": " ".join(sorted(scopes))})

    async def token(self, received: Received) -> Reply:
        """POST /token: exchanges a code (PKCE S256, one use) or a refresh token."""
        form = {name: str(value) for name, value in (await received.form()).items()}
        try:
            self._check_client(received, form)
            return self._grant_types.get(form.get("grant_type", ""), _unsupported)(form)
        except Refused as refused:
            return refused.reply

    def target(self, origin: str, directory: Path) -> dict[str, object]:
        """Write client secrets and a logged-in user's credentials; the paths, as keys of a Medusa target."""
        token_uri, auth_uri = f"{origin}/token", f"{origin}/o/oauth2/auth"
        client = {"client_id": self.client_id, "client_secret": self._client_secret}
        scopes = frozenset(self._world.options.text("youtube_scopes").split())
        secrets_file = write_secret(
            directory / "youtube_client_secrets.json",
            {
                "installed": {
                    **client,
                    "project_id": "medusa-sandbox",
                    "auth_uri": auth_uri,
                    "token_uri": token_uri,
                    "redirect_uris": ["http://localhost"],
                }
            },
        )
        token = self._issue(scopes)
        expiry = datetime.fromtimestamp(self._tokens[token].expires_at, UTC)
        credentials_file = write_secret(
            directory / "youtube_credentials.json",
            {
                "token": token,
                "refresh_token": self._remember(scopes),
                "token_uri": token_uri,
                **client,
                "scopes": sorted(scopes),
                "universe_domain": "googleapis.com",
                "account": "",
                "expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )
        return {"client_secrets_file": str(secrets_file), "credentials_file": str(credentials_file)}

    def _consent_problem(self, query: Mapping[str, str]) -> str | None:
        redirect = urlsplit(query.get("redirect_uri", ""))
        if query.get("client_id") != self.client_id:
            return "invalid_client"
        # an installed app may be sent back to loopback only, on any port
        if redirect.scheme != "http" or redirect.hostname not in ("localhost", "127.0.0.1", "::1"):
            return "redirect_uri_mismatch"
        if query.get("response_type") != "code" or not query.get("scope"):
            return "invalid_request"
        if query.get("code_challenge_method", "S256") != "S256":
            return "invalid_request"
        return None

    def _gives_refresh_token(self, query: Mapping[str, str]) -> bool:
        """A second login brings no refresh token unless consent is asked for anew (facts: google, 5)."""
        return not self._grants or "consent" in query.get("prompt", "").split()

    def _check_client(self, received: Received, form: Mapping[str, str]) -> None:
        given = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, basic = received.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(basic).decode("utf-8", "replace").partition(":")
            given = user, password
        if given[0] != self.client_id:
            raise Refused(401, "invalid_client", "The OAuth client was not found.")
        if given[1] != self._client_secret:
            raise Refused(401, "invalid_client", "Unauthorized")

    def _refresh(self, form: Mapping[str, str]) -> Reply:
        grant = self._grants.get(form.get("refresh_token", ""))
        lives = self._world.options.number("google_refresh_token_s")
        if grant is None or (lives and self._world.clock.now() >= grant.made_at + lives):
            return revoked()
        return self._granted(grant.scopes)

    def _exchange(self, form: Mapping[str, str]) -> Reply:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or self._world.clock.now() >= code.expires_at:
            raise Refused(400, "invalid_grant", "Malformed auth code.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused(400, "redirect_uri_mismatch", "Bad Request")
        if code.challenge and _s256(form.get("code_verifier", "")) != code.challenge:
            raise Refused(400, "invalid_grant", "Invalid code verifier.")
        extra = {"refresh_token": self._remember(code.scopes)} if code.offline else {}
        return self._granted(code.scopes, **extra)

    def _granted(self, scopes: frozenset[str], **extra: str) -> Reply:
        return Reply(
            200,
            {
                "access_token": self._issue(scopes),
                "expires_in": int(self._world.options.number("google_token_s")),
                "scope": " ".join(sorted(scopes)),
                "token_type": "Bearer",
                **extra,
            },
            {"Cache-Control": "no-store"},
        )

    def _issue(self, scopes: frozenset[str]) -> str:
        token = self._world.secret("ya29.a0", 64)
        lives = self._world.options.number("google_token_s")
        self._tokens[token] = _Token(scopes, self._world.clock.now() + lives)
        return token

    def _remember(self, scopes: frozenset[str]) -> str:
        refresh_token = self._world.secret("1//0", 64)
        self._grants[refresh_token] = Grant(scopes, self._world.clock.now())
        return refresh_token


def _unsupported(form: Mapping[str, str]) -> Reply:
    raise Refused(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")


def _s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _redirect(uri: str, answer: Mapping[str, str]) -> Reply:
    parts = urlsplit(uri)
    query = "&".join(filter(None, (parts.query, urlencode(answer))))
    return Reply(302, headers={"Location": urlunsplit(parts._replace(query=query))})
