"""Whom we believe to be who they say."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from OpenSSL import SSL


def certificates() -> str | bool:
    """What to trust, for requests: it knows the first two of these variables; OpenSSL's own comes after them."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if os.environ.get(name):
            return os.environ[name]
    return True


def tls_context(trusted: str | bool) -> SSL.Context:
    """A client's context that trusts what `certificates` has named, a file or a folder. Raises OSError."""
    place = Path(_bundled() if trusted is True else str(trusted)).resolve(strict=True)
    return _context(place, place.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _context(place: Path, _changed_ns: int) -> SSL.Context:
    """Made once until the bundle is renewed, since reading it takes tens of milliseconds."""
    from medusa.adapters.http.tls import client_context

    return client_context(None, str(place)) if place.is_dir() else client_context(str(place), None)


def _bundled() -> str:
    import certifi

    return certifi.where()
