"""The platforms, imitated on loopback, so that everything can be rehearsed and tested without a network.

    from medusa.sandbox import Sandbox

    with Sandbox() as sandbox:
        MedusaCore(config=sandbox.config(directory))

The sandbox shares no code with Medusa's adapters: it is written from the platforms' documents.
It needs the extra ``medusa-media[sandbox]`` (aiohttp, trustme), which is imported on first use only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa.sandbox.server import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> object:
    if name == "Sandbox":
        try:
            from medusa.sandbox.server import Sandbox
        except ModuleNotFoundError as missing:
            if missing.name not in ("aiohttp", "trustme"):
                raise
            raise ModuleNotFoundError(
                f"the sandbox needs {missing.name}: pip install 'medusa-media[sandbox]'", name=missing.name
            ) from None
        return Sandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
