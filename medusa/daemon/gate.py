"""Who gets in: knows the caller of each call, looks whether it may, and counts what it has open."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import grpc
from grpc import aio

from medusa.config import DaemonSettings
from medusa.daemon.errors import Refused, exhausted, unavailable
from medusa.daemon.failures import FREE, FailedAttempts, network
from medusa.daemon.scopes import BEGINS, LOCAL, Caller, Scope, needed
from medusa.daemon.tokens import holder

_CALLER: ContextVar[Caller] = ContextVar("caller", default=LOCAL)
"""Of the present call, which has a context of its own."""
BEARER: Final = "bearer "
RETRY_S: Final = 1
_log = logging.getLogger("medusa.daemon.access")
Context = aio.ServicerContext[Any, Any]


class Gate:
    """Used in the event loop only. `reload` lets other tokens and subjects in from the next call on."""

    def __init__(self, settings: DaemonSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._failed = FailedAttempts()
        self._open: Counter[str] = Counter()
        self._draining = False

    def reload(self, settings: DaemonSettings) -> None:
        """From now on these hold."""
        self._settings = settings

    def drain(self) -> None:
        """From now on nobody begins new work."""
        self._draining = True

    @contextmanager
    def admitted(self, method: str, context: Context) -> Iterator[None]:
        """For as long as the call lasts. Raises Refused."""
        needs = needed(method)
        if needs is Scope.ANYONE:
            yield
            return
        caller = self._known(method, context)
        if caller.scope < needs:
            says = f"this needs the scope {needs.name.lower()}"
            refused = Refused(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING", says)
            self._note(f"caller {caller.name}", method, refused)
            raise refused
        if self._draining and method in BEGINS:
            raise unavailable("SHUTTING_DOWN", "the daemon is shutting down")
        with self._counted(caller):
            _CALLER.set(caller)
            yield

    @contextmanager
    def _counted(self, caller: Caller) -> Iterator[None]:
        if self._open[caller.name] >= self._settings.bounds.streams:
            raise exhausted(f"{caller.name} has {self._settings.bounds.streams} calls open", RETRY_S)
        self._open[caller.name] += 1
        try:
            yield
        finally:
            self._open[caller.name] -= 1
            if not self._open[caller.name]:
                del self._open[caller.name]

    # ------------------------------------------------------------ who it is

    def _known(self, method: str, context: Context) -> Caller:
        try:
            return self._caller(context)
        except Refused as refused:
            count, left_s = self._note(network(context.peer()), method, refused)
            if count > FREE:
                raise exhausted("too many failed attempts", int(left_s) + 1) from None
            raise

    def _note(self, who: str, method: str, refused: Refused) -> tuple[int, float]:
        """Log it, unless there are too many: how many there are, and for how many seconds they count."""
        count, left_s = self._failed.add(who)
        if count <= FREE:
            last = "; further ones are not logged for a while" if count == FREE else ""
            _log.warning("%s from %s refused: %s%s", method, who, refused, last)
        return count, left_s

    def _caller(self, context: Context) -> Caller:
        token = bearer(context.invocation_metadata() or ())
        if token is not None:
            return self._of_token(token)
        local = context.peer().startswith("unix:")
        if local or not (self._settings.tokens or self._settings.subjects):  # then it listens on loopback only
            return LOCAL
        names = subject(context.auth_context())
        if names:
            return self._of_subject(names)
        raise _unknown("TOKEN_MISSING", 'no token: send the metadata "authorization: Bearer TOKEN"')

    def _of_token(self, token: str) -> Caller:
        found = holder(token, self._settings.tokens)
        if found is None:
            raise _unknown("TOKEN_INVALID", "the token is not known")
        expires = found.expires_at()
        if expires is not None and expires <= self._now():
            raise _unknown("TOKEN_INVALID", f"the token has expired on {found.expires}")
        return Caller(found.name, _highest(found.scopes))

    def _of_subject(self, names: Sequence[str]) -> Caller:
        for one in self._settings.subjects:
            if one.name in names:
                return Caller(one.name, _highest(one.scopes))
        raise _unknown("SUBJECT_UNKNOWN", "the certificate's subject is not among those that are let in")


def caller() -> str:
    """The name of who makes the present call."""
    return _CALLER.get().name


def bearer(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token of a call's metadata; None when there is none. "" for what is no bearer token."""
    for key, value in metadata:
        if key == "authorization":
            text = value if isinstance(value, str) else value.decode("latin-1")
            return text[len(BEARER) :].strip() if text.lower().startswith(BEARER) else ""
    return None


def subject(authentication: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a verified client certificate: its subject alternative names or, if it has none, its common name."""
    values = authentication.get("x509_subject_alternative_name") or authentication.get("x509_common_name") or ()
    return tuple(value.decode("utf-8", "replace") for value in values)


def _highest(scopes: Sequence[str]) -> Scope:
    return max((Scope[name.upper()] for name in scopes), default=Scope.READ)


def _unknown(reason: str, says: str) -> Refused:
    return Refused(grpc.StatusCode.UNAUTHENTICATED, reason, says)
