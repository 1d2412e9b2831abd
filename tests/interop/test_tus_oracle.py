"""The sandbox's tus answers as the official tus server of npm does, but for three statuses where the specification
says something else than that server does: those are named here."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from medusa.sandbox import Sandbox
from tests.interop.tus_server import tus_server

VERSION = {"Tus-Resumable": "1.0.0"}
PATCH = {**VERSION, "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client of tus can tell from a reply."""

    status: int
    offset: str | None
    length: str | None
    version: str | None
    uncached: bool


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two; `create` makes an upload of a size and gives its URL."""

    name: str
    create: Callable[[int], str]

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One raw request on a fresh connection."""
        parts = urlsplit(url)
        assert parts.hostname
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        try:
            line.request(method, parts.path, body, dict(headers))
            reply = line.getresponse()
            reply.read()
            told = reply.headers
            uncached = "no-store" in told.get("Cache-Control", "")
            return Answer(reply.status, told["Upload-Offset"], told["Upload-Length"], told["Tus-Resumable"], uncached)
        finally:
            line.close()

    def patch(self, url: str, offset: int, body: bytes) -> Answer:
        """A proper PATCH."""
        return self.send("PATCH", url, {**PATCH, "Upload-Offset": str(offset)}, body)

    def head(self, url: str) -> Answer:
        """A proper HEAD."""
        return self.send("HEAD", url, VERSION)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with tus_server(tmp_path_factory.mktemp("uploads")) as url:
        yield Server("oracle", lambda size: _created(url, {**VERSION, "Upload-Length": str(size)}, b"", "location"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Sandbox() as sandbox:
        config: Any = sandbox.config(tmp_path_factory.mktemp("config"))
        token = config["vimeo"]["access_token"]
        headers = {"Authorization": f"bearer {token}", "Content-Type": "application/json"}

        def create(size: int) -> str:
            body = json.dumps({"upload": {"approach": "tus", "size": size}}).encode()
            return _created(f"{sandbox.url}/me/videos", headers, body, None)

        yield Server("ours", create)


def _created(url: str, headers: Mapping[str, str], body: bytes, header: str | None) -> str:
    """The new upload's URL, out of a header or of Vimeo's reply."""
    parts = urlsplit(url)
    assert parts.hostname
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        line.request("POST", parts.path, body, dict(headers))
        reply = line.getresponse()
        content = reply.read()
        assert reply.status in (200, 201), content
        return reply.headers[header] if header else str(json.loads(content)["upload"]["upload_link"])
    finally:
        line.close()


def fresh(server: Server) -> list[Answer]:
    return [server.head(server.create(10))]


def pieces(server: Server) -> list[Answer]:
    url = server.create(10)
    return [server.patch(url, 0, b"abc"), server.head(url), server.patch(url, 3, b"defghij"), server.head(url)]


def stale_and_early(server: Server) -> list[Answer]:
    url = server.create(10)
    return [server.patch(url, 4, b"x"), server.patch(url, 0, b"abc"), server.patch(url, 0, b"abc"), server.head(url)]


def empty(server: Server) -> list[Answer]:
    url = server.create(10)
    return [server.patch(url, 0, b""), server.patch(url, 0, b"abc"), server.patch(url, 3, b""), server.head(url)]


def too_much(server: Server) -> list[Answer]:
    url = server.create(10)
    return [server.patch(url, 0, b"x" * 11), server.head(url), server.patch(url, 0, b"x" * 10), server.head(url)]


def after_the_end(server: Server) -> list[Answer]:
    url = server.create(3)
    return [server.patch(url, 0, b"abc"), server.patch(url, 3, b"d"), server.patch(url, 3, b""), server.head(url)]


def bad_offsets(server: Server) -> list[Answer]:
    url = server.create(10)
    bad = [server.send("PATCH", url, {**PATCH, "Upload-Offset": text}, b"abc") for text in ("x", "-1", "1.5", "0x1")]
    return [*bad, server.head(url)]


def no_version(server: Server) -> list[Answer]:
    url = server.create(10)
    plain = {"Content-Type": PATCH["Content-Type"], "Upload-Offset": "0"}
    return [server.send("HEAD", url, {}), server.send("PATCH", url, plain, b"abc"), server.head(url)]


def unknown_upload(server: Server) -> list[Answer]:
    url = server.create(10) + "0"
    return [server.head(url), server.patch(url, 0, b"abc")]


@pytest.mark.parametrize(
    "requests",
    [fresh, pieces, stale_and_early, empty, too_much, after_the_end, bad_offsets, no_version, unknown_upload],
)
def test_the_same_answers(requests: Callable[[Server], list[Answer]], oracle: Server, ours: Server) -> None:
    assert requests(ours) == requests(oracle)


def wrong_type(server: Server) -> Answer:
    headers = {**VERSION, "Content-Type": "video/mp4", "Upload-Offset": "0"}
    return server.send("PATCH", server.create(10), headers, b"abc")


def wrong_version(server: Server) -> Answer:
    headers = {**PATCH, "Tus-Resumable": "0.2.2", "Upload-Offset": "0"}
    return server.send("PATCH", server.create(10), headers, b"abc")


def missing_offset(server: Server) -> Answer:
    return server.send("PATCH", server.create(10), PATCH, b"abc")


@pytest.mark.parametrize(
    ("request_", "specified", "npm"),
    [(wrong_type, 415, 400), (wrong_version, 412, 400), (missing_offset, 400, 403)],
)
def test_where_we_follow_the_specification_instead(
    request_: Callable[[Server], Answer], specified: int, npm: int, oracle: Server, ours: Server
) -> None:
    assert (request_(ours).status, request_(oracle).status) == (specified, npm)


def test_there_is_no_creation_at_vimeo(oracle: Server, ours: Server) -> None:
    headers = {**VERSION, "Upload-Length": "5"}
    assert ours.send("POST", ours.create(10), headers).status == 404
    assert oracle.send("POST", oracle.create(10), headers).status == 201


@pytest.mark.parametrize("name", ["oracle", "ours"])
def test_a_broken_patch_leaves_a_beginning_to_go_on_from(name: str, oracle: Server, ours: Server) -> None:
    server = {"oracle": oracle, "ours": ours}[name]
    content = bytes(range(256)) * 4096
    url = server.create(len(content))
    _break_off(url, content, after=700_000)
    stored = int(server.head(url).offset or -1)
    assert 0 <= stored <= 700_000
    assert server.patch(url, stored, content[stored:]).offset == str(len(content))


def _break_off(url: str, content: bytes, after: int) -> None:
    """Announce all of `content`, send the beginning, and reset the connection."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    head = [
        f"PATCH {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in {**PATCH, "Upload-Offset": "0"}.items()),
    ]
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode() + content[:after])
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
