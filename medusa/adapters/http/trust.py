"""Whom we believe to be who they say."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from OpenSSL import SSL


_NAMED_BY = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""requests knows the first two of these variables; OpenSSL's own comes after them."""


class NoCertificates(ValueError):
    """What should be trusted cannot be read; the text says what, and why, and which variable names it."""


def certificates() -> str | bool:
    """What to trust, for requests: a file, a folder, or True for the bundle that comes with it."""
    named = named_by()
    return os.environ[named] if named else True


def named_by() -> str:
    """The variable that names them, "" for none."""
    return next((name for name in _NAMED_BY if os.environ.get(name)), "")


def tls_context(trusted: str | bool) -> SSL.Context:
    """A client's context that trusts what `certificates` has named, a file or a folder. Raises NoCertificates."""
    named = _bundled() if trusted is True else str(trusted)
    try:
        place = Path(named).resolve(strict=True)
        return _context(place, place.stat().st_mtime_ns)
    except OSError as error:
        by = f" ({named_by()})" if named_by() else ""
        raise NoCertificates(f"the certificates in {named}{by} cannot be read: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS does not understand them"
    return (error.strerror or "no reason given").lower()


@lru_cache(maxsize=8)
def _context(place: Path, _changed_ns: int) -> SSL.Context:
    """Made once until the bundle is renewed, since reading it takes tens of milliseconds."""
    from medusa.adapters.http.tls import client_context

    return client_context(None, str(place)) if place.is_dir() else client_context(str(place), None)


def _bundled() -> str:
    import certifi

    return certifi.where()
