"""Benches, closed after their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runner.bench import Bench

BenchOf = Callable[..., Bench]


@pytest.fixture
def bench_of(tmp_path: Path) -> Iterator[BenchOf]:
    made: list[Bench] = []

    def bench(**settings: Any) -> Bench:
        made.append(Bench(tmp_path, **settings))
        return made[-1]

    yield bench
    for one in made:
        one.close()


@pytest.fixture
def bench(bench_of: BenchOf) -> Bench:
    return bench_of()
