"""The domain knows the standard library only, and of it nothing that waits, does I/O, or is different each time."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import medusa.domain

FORBIDDEN = {"asyncio", "threading", "socket", "time", "random", "logging", "os"}
FILES = sorted(Path(medusa.domain.__file__).parent.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it: also the parents of what it imports from."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} has a relative import"
            yield node.module or ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_imports_itself_and_the_standard_library_only(file: Path) -> None:
    for module in imported(file):
        top = module.partition(".")[0]
        assert module.startswith("medusa.domain") or top in sys.stdlib_module_names, f"{file.name} imports {module}"
        assert top not in FORBIDDEN, f"{file.name} imports {module}"


def test_all_of_it_is_looked_at() -> None:
    assert {"pipeline.py", "ports.py", "task.py", "values.py"} <= {file.name for file in FILES}
