"""The bench's server is spoken to by everything that is measured against it, and tells what arrived."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.upload.clients import Curl, started
from bench.upload.measure import compare
from bench.upload.profile import profile
from bench.upload.sink import Sink, certified, sink
from bench.upload.worker import CLIENTS
from tests.support import require

MIB = 1024 * 1024
WITHOUT_PYCURL = [name for name in CLIENTS if name != "fastest" or find_spec("pycurl")]
HEADERS = (Path("/usr/include/openssl/ssl.h"), Path("/usr/local/include/openssl/ssl.h"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(bool(shutil.which("cc") and shutil.which("curl")), "needs cc and curl")
    require(any(header.exists() for header in HEADERS), "needs OpenSSL's headers (libssl-dev)")
    made = tmp_path_factory.mktemp("bench")
    certified(made, "127.0.0.1", "localhost")
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Sink]:
    with sink(folder) as running:
        yield running


@pytest.fixture
def film(folder: Path) -> Path:
    sample = Path(__file__).parents[2] / "medusa" / "sandbox" / "sample.mp4"
    made = folder / "film.mp4"
    made.write_bytes(sample.read_bytes())
    with made.open("ab") as file:
        file.truncate(3 * MIB)
    return made


def test_the_profile_knows_all_that_the_sender_does(served: Sink, folder: Path, film: Path) -> None:
    spent = profile(served.origin(True), film, folder / "ca.pem")
    assert all(seconds > 0 for seconds in spent.values()), spent


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", WITHOUT_PYCURL)
def test_every_client_uploads_to_the_sink(served: Sink, folder: Path, film: Path, name: str, tls: bool) -> None:
    with started(name, served.origin(tls), folder) as client:
        rows = compare({"curl -T": Curl(served, folder, tls), name: client}, served, [film] * 2, rounds=2)
    for row in rows:
        assert [sample.size for sample in row.samples] == [6 * MIB] * 2
        assert all(sample.seconds > 0 and sample.cpu_s > 0 for sample in row.samples)
    assert rows[0].ratios("rate") == [1.0, 1.0]
