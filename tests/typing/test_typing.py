"""The public API as a user's type checker sees it: what is right passes mypy --strict, and mistakes are found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy import api

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, int, str]]:
    """(file, line, code) of each error that mypy finds in the two programs."""
    config = tmp_path_factory.mktemp("mypy") / "mypy.ini"  # a user's, who knows nothing of our settings
    config.write_text("[mypy]\n[mypy-medusa.*]\nfollow_imports = silent\n")
    files = [str(HERE / "program.py"), str(HERE / "mistakes.py")]
    options = ["--strict", "--config-file", str(config), "--cache-dir", str(config.parent), "--no-error-summary"]
    said, trouble, _ = api.run([*options, "--hide-error-context", *files])
    assert not trouble
    return set(_errors(said))


def _errors(said: str) -> Iterator[tuple[str, int, str]]:
    for line in said.splitlines():
        if match := re.fullmatch(r"(.+?):(\d+): error: .*\[([\w-]+)\]", line):
            yield Path(match[1]).name, int(match[2]), match[3]
        else:
            assert ": note: " in line, line


def expected() -> Iterator[tuple[str, int, str]]:
    for number, line in enumerate((HERE / "mistakes.py").read_text().splitlines(), 1):
        if match := re.search(r"# E: ([\w-]+)$", line):
            yield "mistakes.py", number, match[1]


def test_what_is_right_passes(found: set[tuple[str, int, str]]) -> None:
    assert {error for error in found if error[0] == "program.py"} == set()


def test_each_mistake_is_found_and_nothing_else(found: set[tuple[str, int, str]]) -> None:
    assert {error for error in found if error[0] != "program.py"} == set(expected())
    assert len(set(expected())) >= 10
