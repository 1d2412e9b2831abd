"""Which way a request goes: straight to its host, or through what is set up in between."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
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
    return not _proxy(url)


def _has_proxies() -> bool:
    """Cheap to ask; requests is slow to import. (Elsewhere than on Linux the system itself may name proxies.)"""
    return sys.platform != "linux" or any(name.lower() in _NAMES for name in os.environ)


def _proxy(url: str) -> str | None:
    if not _has_proxies():
        return None
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url, no_proxy=None))


class BadProxy(ValueError):
    """The address of a proxy that cannot be used; the text says which variable has it, and why not."""


def proxy_to(url: str) -> str:
    """ "HOST:PORT" of the proxy that requests uses for this address, "" for none. Raises BadProxy."""
    proxy = _proxy(url)
    if not proxy:
        return ""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = parts.port
    except ValueError:
        raise BadProxy(_told(proxy, "it is no address")) from None
    if parts.scheme.startswith("socks") and find_spec("socks") is None:
        raise BadProxy(_told(proxy, "one for SOCKS needs the package PySocks"))
    if not parts.hostname or not (parts.scheme in ("http", "https") or parts.scheme.startswith("socks")):
        raise BadProxy(_told(proxy, "write it like http://HOST:PORT"))
    return f"{parts.hostname}:{port}" if port else parts.hostname


def _told(proxy: str, why: str) -> str:
    by = next((name for name, value in os.environ.items() if name.lower() in _NAMES and value == proxy), "the system")
    return f"the proxy that {by} names cannot be used: {why}"
