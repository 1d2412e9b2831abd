"""The bytes of our Vimeo adapter go to the official tus server of npm.

The sandbox is Vimeo's API; the link for the bytes that it gives is exchanged for one of that server.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.adapters.http import Http, Reply, Request
from medusa.domain.ports import Call
from medusa.sandbox import Sandbox
from tests.contract.accidents import within
from tests.contract.drive import Died, Disk, Life
from tests.contract.raw_server import WITHIN_S, Line, RawServer, serving
from tests.contract.rig import Accident, Rig
from tests.contract.test_vimeo import rig_of
from tests.interop.tus_server import tus_server

CONTENT = bytes(range(251)) * 12_000  # 3 MB, no two blocks alike
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Oracle:
    """The tus server, and what it has stored."""

    def __init__(self, url: str, files: Path) -> None:
        self.url, self._files = url, files

    def create(self, size: int) -> str:
        """A new upload of so many bytes; its URL."""
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
        request = urllib.request.Request(self.url, method="POST", headers=headers)
        with urllib.request.urlopen(request, timeout=WITHIN_S) as reply:
            return str(reply.headers["Location"])

    def sha256(self, link: str) -> str:
        """The hash of what has arrived under this link."""
        return hashlib.sha256((self._files / link.rpartition("/")[2]).read_bytes()).hexdigest()


class Diverted(Http):
    """Sends as Http does; `link` is the tus server's, in the place of every upload link that Vimeo's API gives."""

    def __init__(self, link: str) -> None:
        super().__init__()
        self.link = link
        self.patches: list[int] = []
        """The offsets at which bytes were sent."""
        self.accident: Accident | None = None
        """Happens to the next request that sends bytes."""

    def exchange(self, call: Call, request: Request) -> Reply:
        def send(request: Request) -> Reply:
            return super(Diverted, self).exchange(call, request)

        accident = None
        if request.method == "PATCH" and "Upload-Offset" in request.headers:
            self.patches.append(int(request.headers["Upload-Offset"]))
            accident, self.accident = self.accident, None
        reply = accident(send, request) if accident else send(request)
        document = reply.json()
        if not isinstance(document, Mapping) or "upload_link" not in document.get("upload", {}):
            return reply
        upload = {**document["upload"], "upload_link": self.link}
        return replace(reply, body=json.dumps({**document, "upload": upload}).encode())


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    files = tmp_path_factory.mktemp("uploads")
    with tus_server(files) as url:
        yield Oracle(url, files)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def http(oracle: Oracle) -> Iterator[Diverted]:
    sender = Diverted(oracle.create(len(CONTENT)))
    yield sender
    sender.close()


def rig(sandbox: Sandbox, http: Http, directory: Path, chunk_size: int) -> Rig:
    """A target whose video is CONTENT."""
    found = rig_of(sandbox, http, directory, {"title": "On tus"}, chunk_size=chunk_size)
    assert found.media
    found.media.write_bytes(CONTENT)
    return found


def assert_stored(life: Life, oracle: Oracle, http: Diverted) -> None:
    """The video's step has ended well, and every byte is where it belongs."""
    steps = life.disk.steps()
    assert steps["video"].succeeded, steps["video"].failure
    assert oracle.sha256(http.link) == SHA256


@pytest.mark.parametrize(
    ("chunk_size", "offsets"),
    [
        (0, [0]),
        (len(CONTENT), [0]),
        (1_000_000, [0, 1_000_000, 2_000_000, 3_000_000]),
    ],
    ids=["whole", "one chunk", "chunks"],
)
def test_an_upload(
    sandbox: Sandbox, oracle: Oracle, http: Diverted, tmp_path: Path, chunk_size: int, offsets: list[int]
) -> None:
    life = Life(rig(sandbox, http, tmp_path, chunk_size), Disk())
    life.run()
    assert_stored(life, oracle, http)
    assert http.patches == offsets


@pytest.mark.parametrize("chunk_size", [0, 2_000_000])
def test_an_upload_whose_process_dies_goes_on_in_another(
    sandbox: Sandbox, oracle: Oracle, http: Diverted, tmp_path: Path, chunk_size: int
) -> None:
    disk, setting = Disk(), rig(sandbox, http, tmp_path, chunk_size)
    http.accident = within(Died())
    with pytest.raises(Died):
        Life(setting, disk).run()
    life = Life(setting, disk)
    life.run()
    assert_stored(life, oracle, http)
    assert 0 < http.patches[1] < min(chunk_size or len(CONTENT), len(CONTENT))


def test_an_upload_whose_line_is_reset_goes_on_from_where_the_server_stands(
    sandbox: Sandbox, oracle: Oracle, http: Diverted, tmp_path: Path
) -> None:
    cuts = [700_000, 900_000]
    host, _, port = oracle.url.removeprefix("http://").partition("/")[0].partition(":")

    def relay(server: RawServer, line: Line) -> None:
        """Passes everything on; the first connections only so many bytes of it, and then they break."""
        with socket.create_connection((host, int(port))) as far:
            back = threading.Thread(target=_pump, args=(far, line.sock))
            back.start()
            passes = cuts.pop(0) if cuts else None
            _pump(line.sock, far, passes)
            if passes is not None:
                line.reset()
            back.join(WITHIN_S)

    with serving(relay) as between:
        http.link = http.link.replace(f"{host}:{port}", f"{between.host}:{between.port}")
        life = Life(rig(sandbox, http, tmp_path, 0), Disk())
        life.run()
        assert_stored(life, oracle, http)
    assert len(http.patches) == 3
    assert http.patches == sorted(http.patches)
    assert [noted.failure.code for noted in life.noted] == ["connection lost"] * 2


def _pump(source: socket.socket, sink: socket.socket, most: int | None = None) -> None:
    """Bytes from one to the other, until the source ends or `most` have passed; then the sink is told."""
    left = most if most is not None else 1 << 60
    try:
        while left and (block := source.recv(min(left, 64 * 1024))):
            sink.sendall(block)
            left -= len(block)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()
