"""Which way a request goes: straight to its host, or through what is set up in between."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

_NAMES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def is_direct(url: str) -> bool:
    """Whether `url` is an ordinary address that no proxy stands in front of.

    Everything else is left to requests: it knows proxies, names beyond ASCII, and how to refuse what is no address.
    """
    try:
        parts = urlsplit(url)
        ordinary = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
        if not ordinary or not parts.netloc.isascii() or parts.port == 0:
            return False
    except ValueError:
        return False
    return not _has_proxies() or not _proxy(url)


def _has_proxies() -> bool:
    """Cheap to ask; requests is slow to import. (Elsewhere than on Linux the system itself may name proxies.)"""
    return sys.platform != "linux" or any(name.lower() in _NAMES for name in os.environ)


def _proxy(url: str) -> str | None:
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url, no_proxy=None))
