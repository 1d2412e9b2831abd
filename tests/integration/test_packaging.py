"""What is shipped to run the daemon with: systemd itself judges the unit."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import require

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
EXPOSED_AT_MOST = 2.0
"""Of systemd's ten: below 2 it calls a service "OK"."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    require(shutil.which("systemd-analyze"), "needs systemd-analyze: apt-get install systemd")
    text = (PACKAGING / "medusad.service").read_text(encoding="utf-8")
    path = tmp_path / "medusad.service"
    path.write_text(text.replace("/opt/medusa/bin/medusad", sys.executable), encoding="utf-8")
    return path


def analysed(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def test_systemd_takes_every_line_of_the_unit(unit: Path) -> None:
    assert analysed("verify", "--man=no", str(unit)) == ""


def test_the_unit_leaves_the_service_little_room(unit: Path) -> None:
    said = analysed("security", "--offline=true", str(unit))
    exposure = re.search(r"Overall exposure level.*: ([\d.]+)", said)
    assert exposure, said
    assert float(exposure[1]) < EXPOSED_AT_MOST


def test_what_the_image_is_made_of_is_there_and_runs_without_rights() -> None:
    lines = (PACKAGING / "Dockerfile").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line
    assert "USER medusa" in lines
