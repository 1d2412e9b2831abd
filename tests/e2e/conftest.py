"""A core on a sandbox and a file of tasks, in this process, that waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medusa import MedusaCore
from medusa.adapters.engines import storage
from medusa.container import Container
from medusa.sandbox import Sandbox
from tests.e2e.talk import OPTIONS, written_config
from tests.pauses import skip_pauses

OpenCore = Callable[[], MedusaCore]


@pytest.fixture(scope="module")
def stage() -> Iterator[Sandbox]:
    with Sandbox(options=OPTIONS) as running:
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the engine and the runner wait for is over soon."""
    skip_pauses(monkeypatch.setattr)
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.01)
    before = dict(Container.ports.kwargs)
    Container.ports.add_kwargs(send_within_s=0.3)
    yield
    Container.ports.set_kwargs(**before)


@pytest.fixture
def core_on(stage: Sandbox, impatient: None, tmp_path: Path) -> Iterator[OpenCore]:
    """Opens a core; each of them on the same file of tasks."""
    stage.reset()
    config = written_config(stage, tmp_path)
    cores: list[MedusaCore] = []

    def opened() -> MedusaCore:
        cores.append(MedusaCore(config_file=config))
        return cores[-1]

    yield opened
    stage.clear_faults()
    for core in cores:
        core.close(0.0)
