"""The fake platform's requests and replies: JSON over HTTP, as a real one's would be. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from medusa.adapters.http import Reply, Request
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Body
from medusa.domain.values import Intent, Json, Receipt, Span

BASE = "https://fake.invalid"


@dataclass(frozen=True, slots=True)
class Session:
    """Where an upload stands: so many bytes have arrived, or the video that they made."""

    offset: int
    video: Receipt | None = None


def account() -> Request:
    """Who am I."""
    return Request("GET", f"{BASE}/account")


def renewal(token: str) -> Request:
    """A new token for one that is no longer taken."""
    return Request("POST", f"{BASE}/token", body=_json({"token": token}), secrets=(token,))


def create(key: str, fields: Json, size: int) -> Request:
    """Opens a session for a video of `size` bytes; `key` is kept with the video, so that it can be found by it."""
    wanted = {"key": key, "title": fields["title"], "privacy": fields["privacy"], "size": size}
    return Request("POST", f"{BASE}/uploads", body=_json(wanted))


def send(session: str, span: Span, size: int, body: Body) -> Request:
    """Bytes of a video."""
    return Request("PUT", session, {"Content-Range": f"bytes {span.start}-{span.stop - 1}/{size}"}, body)


def status(session: str) -> Request:
    """How many bytes a session has."""
    return Request("GET", session)


def drop(session: str) -> Request:
    """Forget the session and what it has received."""
    return Request("DELETE", session)


def video(video_id: str) -> Request:
    """One video."""
    return Request("GET", f"{BASE}/videos/{quote(video_id)}")


def video_with(key: str) -> Request:
    """The video that was created with this key."""
    return Request("GET", f"{BASE}/videos?{urlencode({'key': key})}")


def thumbnail(video_id: str, body: Body) -> Request:
    """A picture for a video; another one takes its place."""
    return Request("PUT", f"{BASE}/videos/{quote(video_id)}/thumbnail", body=body)


def post(intent: Intent) -> Request:
    """A post, or a comment on one."""
    headers = {"Idempotency-Key": intent.handle} if intent.handle else {}
    return Request("POST", f"{BASE}/posts", headers, _json(intent.fields), fresh=True)


def posts_since(moment: float) -> Request:
    """The account's posts and comments from this epoch second on."""
    return Request("GET", f"{BASE}/posts?{urlencode({'since': moment})}")


def signed(request: Request, token: str) -> Request:
    """The request with its credentials."""
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})


def fingerprint(fields: Json) -> str:
    """Equal for equal content."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


# ---------------------------------------------------------------- reading


def document(reply: Reply) -> Mapping[str, Any]:
    """The reply's JSON object. Raises a TRANSIENT PlatformError if a success cannot be understood."""
    found = reply.json()
    if not isinstance(found, Mapping):
        raise not_understood(reply)
    return found


def not_understood(reply: Reply) -> PlatformError:
    """A success whose body says nothing: whatever it was, asking again is safe."""
    said = f"its reply was not understood: {reply.excerpt}" if reply.excerpt else "its reply was empty"
    return PlatformError(Failure(FailureKind.TRANSIENT, said, f"HTTP {reply.status}"))


def text(found: Mapping[str, Any], name: str, reply: Reply) -> str:
    """A field that a success always has."""
    value = found.get(name)
    if not isinstance(value, str):
        raise not_understood(reply)
    return value


def session(reply: Reply) -> Session:
    """Reads the reply to bytes and to a status query: 308 while it is not complete."""
    found = document(reply)
    if reply.status != 308:
        return Session(0, thing(reply))
    offset = found.get("offset")
    if not isinstance(offset, int):
        raise not_understood(reply)
    return Session(offset)


def thing(reply: Reply) -> Receipt:
    """Reads what was made: {"id", "url"}."""
    found = document(reply)
    return Receipt(text(found, "id", reply), text(found, "url", reply))


def among(reply: Reply, wanted: str) -> Receipt | None:
    """The post with this fingerprint in a list of posts: {"posts": [{"id", "url", "fields"}]}."""
    posts = document(reply).get("posts")
    if not isinstance(posts, list) or not all(isinstance(one, Mapping) and "fields" in one for one in posts):
        raise not_understood(reply)
    for one in posts:
        if fingerprint(one["fields"]) == wanted:
            return Receipt(text(one, "id", reply), text(one, "url", reply))
    return None


def refusal(reply: Reply, now: float, scope: str) -> Failure:
    """What a reply with an error status means."""
    found = reply.json()
    error = found.get("error") if isinstance(found, Mapping) else None
    said = str(error) if error else reply.excerpt or "it gave no reason"
    code = f"HTTP {reply.status}"
    if reply.status == 401:
        return Failure(FailureKind.AUTH, said, code, no_effect=True, todo="Log in again.")
    if reply.status == 429:
        wait = reply.headers.get("retry-after", "")
        until = now + (float(wait) if wait.isdecimal() else 60.0)
        return Failure(FailureKind.RATE_LIMITED, said, code, no_effect=True, not_before=until, scope=scope)
    if 400 <= reply.status < 500:
        return Failure(FailureKind.REJECTED, said, code, no_effect=True)
    return Failure(FailureKind.TRANSIENT, said, code)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
