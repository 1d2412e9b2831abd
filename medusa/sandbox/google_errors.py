"""Google's error replies (facts: google, 4. Errors and quota)."""

from __future__ import annotations

from medusa.sandbox.exchange import Reply

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class GoogleError(Exception):
    """A refusal. `reason` is what clients branch on: ``errors[0].reason``."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        domain: str = "youtube.video",
        location: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.domain = status, reason, message, domain
        self.location, self.headers = location, headers or {}

    def reply(self) -> Reply:
        """``{"error": {"code", "message", "errors": [{"message", "domain", "reason"}]}}``."""
        first = {"message": self.message, "domain": self.domain, "reason": self.reason}
        if self.location is not None:
            first["location"], first["locationType"] = self.location
        error: dict[str, object] = {"code": self.status, "message": self.message, "errors": [first]}
        if self.domain == "global" and self.status in _STATUS:
            error["status"] = _STATUS[self.status]
        return Reply(self.status, {"error": error}, self.headers)


def bad_request(message: str, reason: str = "badRequest") -> GoogleError:
    """What Google's front end says before a method sees the request."""
    return GoogleError(400, reason, message, domain="global")


def not_found() -> GoogleError:
    """No such path, method or upload session."""
    return GoogleError(404, "notFound", "Not Found", domain="global")


def unauthorized() -> GoogleError:
    """A token that is unknown, expired or revoked."""
    return GoogleError(
        401,
        "authError",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        domain="global",
        location=("Authorization", "header"),
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'},
    )


def missing_token() -> GoogleError:
    """No credentials at all."""
    return GoogleError(
        401,
        "required",
        "Login Required.",
        domain="global",
        location=("Authorization", "header"),
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'},
    )


def insufficient_scope() -> GoogleError:
    """The token's scopes do not cover the method."""
    return GoogleError(
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        domain="global",
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'},
    )
