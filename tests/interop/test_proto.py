"""buf judges the API: its style, and that nothing which a client may rely on has changed since the baseline."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.drift import ROOT
from tests.interop.npm import installed

PROTO = ROOT / "proto"


@pytest.fixture(scope="module")
def buf() -> str:
    return str(installed(PROTO, optional=True) / "node_modules/.bin/buf")


def run(buf: str, *arguments: str, folder: Path = PROTO) -> subprocess.CompletedProcess[str]:
    return subprocess.run([buf, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_api_is_in_good_style(buf: str) -> None:
    linted = run(buf, "lint")
    assert (linted.returncode, linted.stdout) == (0, "")


def test_nothing_that_a_client_may_rely_on_has_changed(buf: str) -> None:
    compared = run(buf, "breaking", "--against", "baseline.binpb")
    assert (compared.returncode, compared.stdout) == (0, "")


def test_a_change_that_breaks_clients_would_be_seen(buf: str, tmp_path: Path) -> None:
    shutil.copytree(PROTO / "medusa", tmp_path / "medusa")
    shutil.copy(PROTO / "buf.yaml", tmp_path)
    api = tmp_path / "medusa/v1/medusa.proto"
    text = api.read_text(encoding="utf-8")
    api.write_text(text.replace("int64 revision = 2;", "int64 revision = 77;"), encoding="utf-8")
    compared = run(buf, "breaking", "--against", str(PROTO / "baseline.binpb"), folder=tmp_path)
    assert compared.returncode != 0
    assert "revision" in compared.stdout
