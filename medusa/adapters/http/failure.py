"""What a broken exchange means."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

from medusa.adapters.http.route import BadProxy
from medusa.adapters.http.trust import NoCertificates, named_by
from medusa.domain.failures import Failure, FailureKind

_CUT = {"RemoteDisconnected", "IncompleteRead", "BadStatusLine", "ProtocolError", "RemoteProtocolError"}


def transport_failure(error: BaseException, host: str, began: bool) -> Failure:
    """A transport error as a Failure; `began`: bytes of the request may have been written. `host` may tell the way.

    Its text is made from the kind of the cause alone: libraries quote URLs in their messages.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_refused(cause, host)
        if isinstance(cause, NoCertificates):
            return _misnamed(
                cause, "certificates", "Correct that variable, or unset it to trust what came with Medusa."
            )
        if isinstance(cause, BadProxy):
            return _misnamed(cause, "proxy", "Correct that variable, or unset it if there is no proxy.")
    if not began and isinstance(error, ValueError):  # no such address or header can be written
        return _UNSENDABLE
    if not began:
        said = f"could not connect to {host}: {_why(causes, began)}"
        return Failure(FailureKind.TRANSIENT, said, "unreachable", no_effect=True, unreached=True)
    return Failure(
        FailureKind.TRANSIENT, f"the connection to {host} was lost: {_why(causes, began)}", "connection lost"
    )


_UNSENDABLE = Failure(
    FailureKind.REJECTED,
    "the request cannot be sent: its address, or a value such as a token, holds characters that HTTP does not allow",
    "unsendable",
    no_effect=True,
)


def _certificate_refused(cause: ssl.SSLCertVerificationError, host: str) -> Failure:
    named = named_by()
    todo = f"add it to what {named} names" if named else "name its file in SSL_CERT_FILE"
    return Failure(
        FailureKind.REJECTED,
        f"the certificate of {host} was refused: {cause.verify_message}",
        "certificate",
        no_effect=True,
        todo=f"If this network has a certificate authority of its own, {todo}.",
    )


def _misnamed(cause: NoCertificates | BadProxy, code: str, todo: str) -> Failure:
    return Failure(FailureKind.REJECTED, str(cause), code, no_effect=True, todo=todo)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps, however its library does it."""
    seen: list[BaseException] = []
    pending: list[Any] = [error]
    while pending:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one
        pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _why(causes: list[BaseException], began: bool) -> str:
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name could not be resolved"
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, TimeoutError):
            return _reason(cause)
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    if kinds & {"TimeoutError", "Timeout"}:  # the system's, urllib3's, requests'
        return "it did not answer in time"
    if "ProxyError" in kinds and not began:
        return "the proxy refused"
    if kinds & _CUT:
        return "it closed the connection before its reply was complete"
    return "the connection failed"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'no reason given'})"
    return (error.strerror or "the connection failed").lower()
