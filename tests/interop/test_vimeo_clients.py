"""Vimeo's official Python client and the official tus client, both unchanged, upload to the sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from medusa.sandbox import Sandbox
from medusa.sandbox.picture import placeholder
from medusa.sandbox.sink import GRANULE
from tests.support import require

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def clients() -> None:
    require(find_spec("vimeo") and find_spec("tusclient"), "needs PyVimeo and tuspy: pip install --group interop")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def token(sandbox: Sandbox, tmp_path: Path) -> str:
    config: Any = sandbox.config(tmp_path)
    return str(config["vimeo"]["access_token"])


@pytest.fixture
def client(sandbox: Sandbox, token: str) -> Any:
    from vimeo import VimeoClient

    client = VimeoClient(token=token)
    client.API_ROOT = sandbox.url
    return client


@pytest.fixture
def media(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(CONTENT)
    return path


def video(sandbox: Sandbox) -> dict[str, Any]:
    """The only video there is."""
    state: Any = sandbox.state()["vimeo"]
    [only] = state["videos"]
    return dict(only)


@pytest.mark.parametrize("chunk", [None, 300_000])
def test_pyvimeo_uploads_a_video(sandbox: Sandbox, client: Any, media: Path, chunk: int | None) -> None:
    data = {"name": "By PyVimeo", "privacy": {"view": "unlisted"}, **({"chunk_size": chunk} if chunk else {})}
    uri = client.upload(str(media), data=data)
    seen = video(sandbox)
    assert (uri, seen["sha256"], seen["upload"]) == (f"/videos/{seen['id']}", DIGEST, "complete")
    assert client.get(uri, params={"fields": "name,link"}).json() == {"name": "By PyVimeo", "link": seen["link"]}
    patches = [entry for entry in sandbox.log() if entry["operation"] == "tus.patch"]
    assert len(patches) == (4 if chunk else 1)


def test_pyvimeo_takes_200_only(sandbox: Sandbox, client: Any, media: Path) -> None:
    from vimeo.exceptions import UploadAttemptCreationFailure

    sandbox.set(vimeo_create_status=201)
    with pytest.raises(UploadAttemptCreationFailure):
        client.upload(str(media))


def test_pyvimeo_sets_a_thumbnail_and_a_text_track(sandbox: Sandbox, client: Any, media: Path, tmp_path: Path) -> None:
    uri = client.upload(str(media))
    picture, track = tmp_path / "thumb.png", tmp_path / "en.vtt"
    picture.write_bytes(placeholder("thumb"))
    track.write_text("WEBVTT\n")
    assert client.upload_picture(uri, str(picture), activate=True)["active"] is True
    client.upload_texttrack(uri, "subtitles", "en", str(track))
    seen = video(sandbox)
    assert [item["active"] for item in seen["pictures"]] == [False, True]
    assert seen["pictures"][1]["sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert [(item["name"], item["size"]) for item in seen["texttracks"]] == [("en.vtt", 7)]


def test_pyvimeo_reads_the_rate_limit(sandbox: Sandbox, client: Any) -> None:
    from vimeo.exceptions import APIRateLimitExceededFailure

    sandbox.fault(platform="vimeo", operation="me", kind="rate_limit")
    with pytest.raises(APIRateLimitExceededFailure) as caught:
        client.get("/me")
    assert "Too many API requests" in str(caught.value)


def test_pyvimeo_edits_and_deletes(sandbox: Sandbox, client: Any, media: Path) -> None:
    uri = client.upload(str(media))
    assert client.patch(uri, data={"name": "Edited"}).json()["name"] == "Edited"
    assert client.put(f"{uri}/tags", data=[{"name": "demo"}]).status_code == 200
    assert video(sandbox)["tags"] == ["demo"]
    assert client.delete(uri).status_code == 204
    assert client.get(uri).status_code == 404


@pytest.fixture
def upload_link(sandbox: Sandbox, token: str) -> str:
    body = {"upload": {"approach": "tus", "size": len(CONTENT)}}
    headers = {"Authorization": f"bearer {token}"}
    reply = requests.post(f"{sandbox.url}/me/videos", json=body, headers=headers, timeout=5)
    return str(reply.json()["upload"]["upload_link"])


@pytest.fixture
def stream(media: Path) -> Iterator[IO[bytes]]:
    with media.open("rb") as opened:
        yield opened


def uploader(link: str, stream: IO[bytes], **options: Any) -> Any:
    """tuspy's uploader on a link that exists."""
    from tusclient.client import TusClient

    return TusClient("unused").uploader(file_stream=stream, url=link, **options)


def test_tuspy_uploads_in_chunks(sandbox: Sandbox, upload_link: str, stream: IO[bytes]) -> None:
    client = uploader(upload_link, stream, chunk_size=200_000)
    client.upload()
    assert client.offset == len(CONTENT)
    assert video(sandbox)["sha256"] == DIGEST


def test_tuspy_resumes_where_the_sandbox_stands(sandbox: Sandbox, upload_link: str, stream: IO[bytes]) -> None:
    from tusclient.exceptions import TusUploadFailed

    sandbox.fault(platform="vimeo", operation="tus.patch", kind="cut", after=2 * GRANULE + 100)
    with pytest.raises(TusUploadFailed):
        uploader(upload_link, stream).upload()
    resumed = uploader(upload_link, stream)
    assert resumed.offset == 2 * GRANULE
    resumed.upload()
    assert video(sandbox)["sha256"] == DIGEST


@pytest.mark.parametrize("kind", ["lost_reply", "cut", "status", "partial"])
def test_tuspy_retries_through_trouble(sandbox: Sandbox, upload_link: str, stream: IO[bytes], kind: str) -> None:
    fields: dict[str, dict[str, int]] = {"cut": {"after": 150_000}, "status": {"code": 502}, "partial": {"keep": 99}}
    sandbox.fault(platform="vimeo", operation="tus.patch", kind=kind, **fields.get(kind, {}))
    uploader(upload_link, stream, chunk_size=400_000, retries=1, retry_delay=0).upload()
    assert video(sandbox)["sha256"] == DIGEST


def test_tuspy_sees_that_an_upload_is_gone(sandbox: Sandbox, upload_link: str, stream: IO[bytes]) -> None:
    from tusclient.exceptions import TusCommunicationError

    sandbox.fault(platform="vimeo", operation="tus.head", kind="session_gone")
    with pytest.raises(TusCommunicationError):
        uploader(upload_link, stream)
