"""What people paste from a browser's address bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """A web page's address, taken apart."""

    host: str
    """In small letters, without "www." or "m."."""
    path: tuple[str, ...]
    """Its parts; empty ones are left out."""
    query: Mapping[str, str]


def meant(said: str, named: Callable[[Address], str]) -> str:
    """The id that a person means: the one that an address names, or what was said itself, when it is no address."""
    at = _address(said)
    return named(at) if at else said


def _address(said: str) -> Address | None:
    """The address that this is, with or without its scheme; None when it is none."""
    try:
        parts = urlsplit(said if "://" in said else f"https://{said}")
    except ValueError:
        return None
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    if "." not in host or parts.scheme not in ("https", "http"):
        return None
    return Address(host, tuple(part for part in parts.path.split("/") if part), dict(parse_qsl(parts.query)))
