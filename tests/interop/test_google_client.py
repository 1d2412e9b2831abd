"""Google's own Python client, unchanged, uploads to the sandbox and reads back what it uploaded."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httplib2
import pytest
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaFileUpload, MediaIoBaseUpload, build_http

from medusa.sandbox import Sandbox

QUARTER_MIB = 256 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def http(sandbox: Sandbox, tmp_path: Path) -> Iterator[httplib2.Http]:
    plain = build_http()
    yield plain
    plain.close()


@pytest.fixture
def youtube(sandbox: Sandbox, tmp_path: Path, http: httplib2.Http) -> Any:
    """The client, built from Google's document with its hosts replaced by the sandbox's."""
    target = sandbox.config(tmp_path)["youtube"]
    user = json.loads(Path(target["credentials_file"]).read_text())
    credentials = Credentials(
        user["token"],
        refresh_token=user["refresh_token"],
        token_uri=target["endpoints"]["token"],
        client_id=user["client_id"],
        client_secret=user["client_secret"],
    )
    document = json.loads((files("googleapiclient.discovery_cache.documents") / "youtube.v3.json").read_text())
    document["rootUrl"] = document["baseUrl"] = f"{sandbox.url}/"
    del document["mtlsRootUrl"]
    return build_from_document(document, http=AuthorizedHttp(credentials, http=http))


def test_media_file_upload_in_chunks(sandbox: Sandbox, youtube: Any, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4 * 1024 + b"the end"
    film = tmp_path / "film.mp4"
    film.write_bytes(content)
    media = MediaFileUpload(str(film), mimetype="video/mp4", chunksize=QUARTER_MIB, resumable=True)
    body = {"snippet": {"title": "Film", "tags": ["a", "b c"]}, "status": {"privacyStatus": "unlisted"}}
    request = youtube.videos().insert(part="snippet,status", body=body, media_body=media)
    seen, made = [], None
    while made is None:
        status, made = request.next_chunk()
        seen.append(status.resumable_progress if status else len(content))
    media.stream().close()

    assert seen == [QUARTER_MIB * n for n in range(1, 5)] + [len(content)]
    assert made["status"]["privacyStatus"] == "unlisted"
    assert made["snippet"]["tags"] == ["a", "b c"]
    (video,) = sandbox.state()["youtube"]["videos"]
    assert (video["id"], video["size"]) == (made["id"], len(content))
    assert video["sha256"] == hashlib.sha256(content).hexdigest()


def test_client_resumes_after_a_cut(sandbox: Sandbox, youtube: Any) -> None:
    sandbox.fault(kind="cut", platform="youtube", operation="video.bytes", after=700_000)
    content = bytes(1_000_000)
    media = MediaIoBaseUpload(io.BytesIO(content), mimetype="video/mp4", chunksize=4 * QUARTER_MIB, resumable=True)
    request = youtube.videos().insert(part="snippet", body={"snippet": {"title": "t"}}, media_body=media)
    with pytest.raises(OSError):
        request.next_chunk()
    _, made = request.next_chunk()

    (video,) = sandbox.state()["youtube"]["videos"]
    assert made["id"] == video["id"]
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
    operations = [record["operation"] for record in sandbox.log()]
    assert operations == ["videos.insert", "video.bytes", "video.status", "video.bytes"]
    assert sandbox.log()[-1]["headers"]["content-range"] == "bytes 524288-999999/1000000"


@pytest.mark.parametrize("resumable", [True, False])
def test_thumbnail_captions_and_aftercare(sandbox: Sandbox, youtube: Any, resumable: bool) -> None:
    def media(content: bytes, kind: str) -> MediaIoBaseUpload:
        return MediaIoBaseUpload(io.BytesIO(content), mimetype=kind, resumable=resumable)

    insert = youtube.videos().insert
    body = {"snippet": {"title": "t", "categoryId": "22"}}
    video = insert(part="snippet,status", body=body, media_body=media(b"bytes", "video/mp4")).execute()
    assert video["status"]["privacyStatus"] == "public"
    done = youtube.thumbnails().set(videoId=video["id"], media_body=media(PNG, "image/png")).execute()
    assert done["items"][0]["default"]["url"].startswith(sandbox.url)
    snippet = {"videoId": video["id"], "language": "en", "name": "English"}
    captions = youtube.captions()
    track = captions.insert(part="snippet", body={"snippet": snippet}, media_body=media(b"1\n", "text/plain")).execute()
    assert track["snippet"]["status"] == "serving"
    listed = youtube.captions().list(part="snippet", videoId=video["id"]).execute()
    assert [item["id"] for item in listed["items"]] == [track["id"]]
    playlist = youtube.playlists().insert(part="snippet", body={"snippet": {"title": "List"}}).execute()
    item = {"playlistId": playlist["id"], "resourceId": {"kind": "youtube#video", "videoId": video["id"]}}
    youtube.playlistItems().insert(part="snippet", body={"snippet": item}).execute()
    found = youtube.playlistItems().list(part="snippet", playlistId=playlist["id"], videoId=video["id"]).execute()
    assert [one["snippet"]["title"] for one in found["items"]] == ["t"]
    youtube.videos().delete(id=video["id"]).execute()
    assert sandbox.state()["youtube"]["videos"] == []


def test_the_client_refreshes_an_expired_token(sandbox: Sandbox, youtube: Any) -> None:
    sandbox.clock.move(4000)
    assert youtube.channels().list(part="id,status", mine=True).execute()["items"]
    assert [record["operation"] for record in sandbox.log()] == ["channels.list", "token", "channels.list"]


def test_errors_have_the_shape_the_client_reads(sandbox: Sandbox, youtube: Any) -> None:
    with pytest.raises(HttpError) as caught:
        youtube.videos().insert(part="snippet", body={"snippet": {"title": "<"}}, media_body=None).execute()
    assert caught.value.error_details[0]["reason"] == "mediaBodyRequired"
    with pytest.raises(HttpError) as caught:
        youtube.videos().delete(id="nosuchvideo").execute()
    assert (caught.value.status_code, caught.value.error_details[0]["reason"]) == (404, "videoNotFound")
