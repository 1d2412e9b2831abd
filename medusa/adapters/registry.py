"""The platforms: one line each. A platform's code is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from medusa.domain.platform import Platform

PLATFORMS: Final[Mapping[str, str]] = {
    "youtube": "medusa.adapters.platforms.youtube",
    "vimeo": "medusa.adapters.platforms.vimeo",
    "facebook": "medusa.adapters.platforms.facebook",
}
"""Name -> the package whose PLATFORM describes it."""


def platform(name: str) -> Platform:
    """The description of one platform: light to import, no client code. Raises KeyError."""
    described: Platform = import_module(PLATFORMS[name]).PLATFORM
    return described


def resolve(reference: str) -> Any:
    """What "package.module:name" refers to."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def adapter_class(platform: Platform) -> type:
    """The class that talks to the platform. Imports its client code."""
    found: type = resolve(platform.adapter)
    return found


class _OnDemand(Mapping[str, Platform]):
    """All platforms by name; looking at the names imports nothing."""

    def __getitem__(self, name: str) -> Platform:
        return platform(name)

    def __iter__(self) -> Iterator[str]:
        return iter(PLATFORMS)

    def __len__(self) -> int:
        return len(PLATFORMS)

    def __contains__(self, name: object) -> bool:
        return name in PLATFORMS


ALL: Final[Mapping[str, Platform]] = _OnDemand()
