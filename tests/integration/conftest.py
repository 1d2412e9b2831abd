"""A MedusaCore over the fake platform: the whole wiring but the network. And over the sandbox: see rehearsal.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import pytest
from dependency_injector import providers

from medusa import MedusaCore
from medusa.adapters import registry
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.container import Container
from tests.integration.rehearsal import make_medusa, medusa, no_pauses, picture, rehearsal, sandbox
from tests.integration.secrecy import pytest_runtest_makereport, shown

__all__ = [
    "make_medusa",
    "medusa",
    "no_pauses",
    "picture",
    "pytest_runtest_makereport",
    "rehearsal",
    "sandbox",
    "shown",
]

SAMPLE = str(resources.files("medusa") / "sandbox" / "sample.mp4")
CoreOf = Callable[..., MedusaCore]


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePlatform]:
    """The platform that all targets of `core_of` talk to."""
    monkeypatch.setitem(registry.PLATFORMS, "fake", "medusa.adapters.platforms.fake")  # type: ignore[arg-type]
    made = FakePlatform()
    with Container.http.override(providers.Object(made)):
        yield made


@pytest.fixture
def core_of(platform: FakePlatform) -> Iterator[CoreOf]:
    """MedusaCore with three targets, a host that is quick to be asked again, and more config if given."""
    made: list[MedusaCore] = []

    def core(**own: Any) -> MedusaCore:
        targets = {"fake": {"name": "studio"}, "gaming": {"platform": "fake"}, "news": {"platform": "fake"}}
        made.append(MedusaCore(config={**targets, "medusa": own} if own else targets))
        return made[-1]

    yield core
    for one in made:
        one.close(0.0)


@pytest.fixture
def core(core_of: CoreOf) -> MedusaCore:
    return core_of()
