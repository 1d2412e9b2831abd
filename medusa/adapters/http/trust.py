"""Whom we believe to be who they say."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path


def certificates() -> str | bool:
    """What to trust, for requests: it knows the first two of these variables; OpenSSL's own comes after them."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        if os.environ.get(name):
            return os.environ[name]
    return True


@lru_cache(maxsize=8)
def tls_context(trusted: str | bool) -> ssl.SSLContext:
    """A client's context that trusts what `certificates` has named, a file or a folder. Raises OSError.

    Made once for each, since reading a bundle takes tens of milliseconds.
    """
    if trusted is True:
        import certifi

        trusted = certifi.where()
    place = Path(str(trusted))
    context = ssl.create_default_context(
        cafile=None if place.is_dir() else str(place), capath=str(place) if place.is_dir() else None
    )
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION  # so that writing never has to wait for something to read
    return context
