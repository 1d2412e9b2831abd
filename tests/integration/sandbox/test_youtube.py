"""YouTube as the fact sheet has it: uploads, their aftercare, quota, logins; each unverified fact both ways."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests

from medusa.sandbox.youtube_rules import tags_length
from tests.integration.sandbox.conftest import PNG, QUARTER_MIB, YouTubeClient, reason, youtube_client

MIB = 1024 * 1024


def at(seconds_from_now: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds_from_now)).isoformat()


def metadata(**snippet: object) -> dict[str, Any]:
    return {"snippet": {"title": "Film", **snippet}, "status": {"privacyStatus": "private"}}


class TestResumable:
    def test_one_put_without_content_range(self, youtube: YouTubeClient) -> None:
        content = bytes(range(256)) * 5000
        made = youtube.put(youtube.session(size=len(content)), content).json()
        (video,) = youtube.state()["videos"]
        assert (video["id"], video["size"]) == (made["id"], len(content))
        assert video["sha256"] == hashlib.sha256(content).hexdigest()
        assert set(made) == {"kind", "etag", "id", "snippet", "status"}

    def test_initiation_answers_with_the_session_alone(self, youtube: YouTubeClient) -> None:
        reply = youtube.start(size=100)
        assert (reply.status_code, reply.content) == (200, b"")
        url = urlsplit(reply.headers["Location"])
        assert {"uploadType", "part", "upload_id"} == set(parse_qs(url.query))
        assert youtube.sandbox.state()["youtube"]["videos"] == []

    @pytest.mark.parametrize("verb", ["PUT", "POST"])
    @pytest.mark.parametrize("total", [2 * QUARTER_MIB + 5, "*"])
    def test_chunks(self, youtube: YouTubeClient, verb: str, total: int | str) -> None:
        session, size = youtube.session(), 2 * QUARTER_MIB + 5
        first = youtube.put(session, bytes(QUARTER_MIB), f"0-{QUARTER_MIB - 1}/{total}", verb)
        assert (first.status_code, first.headers["Range"], first.content) == (308, "bytes=0-262143", b"")
        second = youtube.put(session, bytes(QUARTER_MIB), f"262144-524287/{total}", verb)
        assert (second.status_code, second.headers["Range"]) == (308, "bytes=0-524287")
        last = youtube.put(session, bytes(5), f"524288-{size - 1}/{size}", verb)
        assert last.status_code == 200
        assert youtube.state()["videos"][0]["size"] == size

    def test_status_before_during_and_after(self, youtube: YouTubeClient) -> None:
        session = youtube.session(size=MIB)
        fresh = youtube.ask(session, MIB)
        assert (fresh.status_code, "Range" in fresh.headers) == (308, False)
        youtube.put(session, bytes(QUARTER_MIB), f"0-262143/{MIB}")
        assert youtube.ask(session).headers["Range"] == "bytes=0-262143"
        made = youtube.put(session, bytes(MIB - QUARTER_MIB), f"262144-{MIB - 1}/{MIB}")
        for replay in (youtube.ask(session, MIB), youtube.ask(session), youtube.put(session, bytes(9))):
            assert (replay.status_code, replay.json()) == (200, made.json())
        assert len(youtube.state()["videos"]) == 1

    def test_what_was_stored_already_is_skipped(self, youtube: YouTubeClient) -> None:
        content = bytes(range(256)) * 2048  # 512 KiB
        session = youtube.session()
        youtube.put(session, content[:QUARTER_MIB], f"0-262143/{len(content)}")
        assert youtube.put(session, content).status_code == 200
        assert youtube.state()["videos"][0]["sha256"] == hashlib.sha256(content).hexdigest()

    def test_an_upload_of_nothing(self, youtube: YouTubeClient) -> None:
        made = youtube.put(youtube.session(size=0), b"").json()
        youtube.sandbox.clock.move(60)
        assert youtube.status(made["id"])["failureReason"] == "emptyFile"

    @pytest.mark.parametrize(
        ("span", "size", "said"),
        [
            ("nonsense", 10, "Failed to parse Content-Range header."),
            ("5-2/10", 10, "Failed to parse"),
            ("0-10/10", 11, "Failed to parse"),
            ("0-8/10", 10, "does not match"),
            (f"{QUARTER_MIB}-{QUARTER_MIB + 9}/{QUARTER_MIB + 10}", 10, "exceeds already uploaded size of 0"),
        ],
    )
    def test_wrong_ranges(self, youtube: YouTubeClient, span: str, size: int, said: str) -> None:
        reply = youtube.put(youtube.session(), bytes(size), span)
        assert reason(reply) == (400, "badRequest")
        assert said in reply.json()["error"]["message"]

    def test_a_status_query_brings_no_bytes(self, youtube: YouTubeClient) -> None:
        reply = youtube.put(youtube.session(), b"bytes", "*/100")
        assert reason(reply) == (400, "badRequest")

    def test_a_chunk_of_an_odd_size_is_refused_or_truncated(self, youtube: YouTubeClient) -> None:
        session = youtube.session()
        reply = youtube.put(session, bytes(300_000), "0-299999/1000000")
        assert reason(reply) == (400, "badRequest")
        assert "262144" in reply.json()["error"]["message"]
        youtube.sandbox.set(youtube_odd_chunk="truncate")
        reply = youtube.put(session, bytes(300_000), "0-299999/1000000")
        assert (reply.status_code, reply.headers["Range"]) == (308, "bytes=0-262143")

    def test_another_size_than_announced_is_refused_or_accepted(self, youtube: YouTubeClient) -> None:
        session = youtube.session(size=100)
        assert reason(youtube.put(session, bytes(90))) == (400, "badRequest")
        assert reason(youtube.ask(session, 90)) == (400, "badRequest")
        youtube.sandbox.set(youtube_size_mismatch="accept")
        assert youtube.put(session, bytes(90)).status_code == 200

    @pytest.mark.parametrize("status", [404, 410])
    def test_a_session_expires(self, youtube: YouTubeClient, status: int) -> None:
        youtube.sandbox.set(youtube_gone_status=status, google_token_s=1e9)
        fresh = youtube_client(youtube.sandbox, youtube.http, Path(youtube.credentials["dir"]))
        session = fresh.session()
        youtube.sandbox.clock.move(604_700)
        assert fresh.ask(session).status_code == 308
        youtube.sandbox.clock.move(200)
        assert fresh.ask(session).status_code == status
        assert fresh.put(session, b"film").status_code == status

    @pytest.mark.parametrize("status", [499, 204])
    def test_delete_cancels(self, youtube: YouTubeClient, status: int) -> None:
        youtube.sandbox.set(youtube_cancel_status=status)
        session = youtube.session()
        assert youtube.call("DELETE", session).status_code == status
        assert reason(youtube.ask(session)) == (404, "notFound")

    def test_switches_of_the_reply(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.set(youtube_final_status=201, youtube_range_prefix="")
        session = youtube.session()
        reply = youtube.put(session, bytes(QUARTER_MIB), "0-262143/262145")
        assert reply.headers["Range"] == "0-262143"
        assert youtube.put(session, b"x", "262144-262144/262145").status_code == 201

    def test_bytes_need_a_token_or_not(self, youtube: YouTubeClient, http: requests.Session) -> None:
        session = youtube.session()
        assert http.put(session, data=b"film").status_code == 401
        youtube.sandbox.clock.move(3600)
        assert reason(youtube.put(session, b"film")) == (401, "authError")
        youtube.sandbox.set(youtube_bytes_need_token=False)
        assert http.put(session, data=b"film").status_code == 200

    def test_a_later_request_takes_over_from_one_that_hangs(self, youtube: YouTubeClient) -> None:
        session = youtube.session()

        def hanging() -> Iterator[bytes]:
            yield bytes(300_000)
            assert youtube.ask(session).headers["Range"] == "bytes=0-262143"
            with requests.Session() as other:
                again = YouTubeClient(youtube.sandbox, other, youtube.credentials)
                assert again.put(session, b"\x01" * 400_000).status_code == 200
            yield bytes(100_000)

        with pytest.raises(requests.exceptions.ConnectionError):
            youtube.put(session, hanging(), "0-399999/400000")  # type: ignore[arg-type]  # requests takes iterators
        (video,) = youtube.state()["videos"]
        assert video["sha256"] == hashlib.sha256(bytes(QUARTER_MIB) + b"\x01" * 137_856).hexdigest()

    def test_a_chunked_body_has_to_say_its_range(self, youtube: YouTubeClient) -> None:
        reply = youtube.put(youtube.session(), iter([b"film"]))  # type: ignore[arg-type]
        assert reply.status_code == 411

    def test_simple_and_unknown_upload_types(self, youtube: YouTubeClient) -> None:
        path = "/upload/youtube/v3/videos?part=id,status&uploadType="
        made = youtube.call("POST", f"{path}media", data=b"film", headers={"Content-Type": "video/mp4"})
        assert made.json()["status"]["privacyStatus"] == "public"
        assert reason(youtube.call("POST", f"{path}carrier_pigeon", data=b"film")) == (400, "badRequest")
        assert reason(youtube.call("POST", f"{path}media", data=b"")) == (400, "mediaBodyRequired")
        assert reason(youtube.call("POST", f"{path}multipart", data=b"film")) == (400, "badRequest")
        assert reason(youtube.call("POST", "videos?part=id", json={})) == (400, "mediaBodyRequired")

    def test_a_put_without_a_session_leads_nowhere(self, youtube: YouTubeClient) -> None:
        assert reason(youtube.call("PUT", "/upload/youtube/v3/videos?part=id", data=b"x")) == (404, "notFound")

    def test_multipart_cut_in_the_middle_leaves_nothing(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.fault(platform="youtube", operation="videos.insert", kind="cut", after=150)
        body = b'--b\r\nContent-Type: application/json\r\n\r\n{"snippet": {"title": "t"}}\r\n--b\r\n'
        body += b"Content-Type: video/mp4\r\n\r\n" + bytes(1000) + b"\r\n--b--"
        headers = {"Content-Type": "multipart/related; boundary=b"}
        path = "/upload/youtube/v3/videos?uploadType=multipart&part=snippet"
        with pytest.raises(requests.exceptions.ConnectionError):
            youtube.call("POST", path, data=body, headers=headers)
        assert youtube.state()["videos"] == []
        assert youtube.call("POST", path, data=body, headers=headers).json()["snippet"]["title"] == "t"
        assert reason(youtube.call("POST", path, data=body[:-3], headers=headers)) == (400, "parseError")

    @pytest.mark.parametrize(
        ("kind", "size", "expected"),
        [
            ("video/mp4", 274_877_906_944, (200, "")),
            ("video/mp4", 274_877_906_945, (413, "uploadTooLarge")),
            ("application/octet-stream", 1, (200, "")),
            ("text/plain", 1, (400, "badContent")),
        ],
    )
    def test_size_and_type_are_judged_before_any_byte(
        self, youtube: YouTubeClient, kind: str, size: int, expected: tuple[int, str]
    ) -> None:
        reply = youtube.start(size=size, headers={"X-Upload-Content-Type": kind})
        assert ((reply.status_code, "") if reply.ok else reason(reply)) == expected


class TestMetadata:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"snippet": {}}, "invalidTitle"),
            (metadata(title=" "), "invalidTitle"),
            (metadata(title="x" * 101), "invalidTitle"),
            (metadata(title="a < b"), "invalidTitle"),
            (metadata(description="ä" * 2501), "invalidDescription"),
            (metadata(description="a > b"), "invalidDescription"),
            (metadata(tags=["x" * 501]), "invalidTags"),
            (metadata(tags=["<"]), "invalidTags"),
            (metadata(categoryId="99"), "invalidCategoryId"),
            (metadata(defaultLanguage="no such"), "invalidVideoMetadata"),
            ({**metadata(), "localizations": {"de": {"title": "Film"}}}, "defaultLanguageNotSet"),
            ({**metadata(defaultLanguage="en"), "localizations": {"de": {"title": ""}}}, "invalidVideoMetadata"),
            ({**metadata(), "recordingDetails": {"recordingDate": "yesterday"}}, "invalidRecordingDetails"),
            ({"status": {"privacyStatus": "public", "publishAt": at(600)}}, "invalidPublishAt"),
            ({"status": {"privacyStatus": "private", "publishAt": "soon"}}, "invalidPublishAt"),
            ({"status": {"privacyStatus": "private", "publishAt": "2030-01-01T00:00:00"}}, "invalidPublishAt"),
            ({"status": {"privacyStatus": "secret"}}, "badRequest"),
            ({"status": {"embeddable": "yes"}}, "badRequest"),
            ({"snipet": {}}, "badRequest"),
            ({"snippet": {"title": "t", "tagz": []}}, "badRequest"),
            ({"snippet": {"title": "t", "tags": "demo"}}, "badRequest"),
            ([], "badRequest"),
        ],
    )
    def test_is_refused_by_its_reason_at_the_start(self, youtube: YouTubeClient, body: object, expected: str) -> None:
        reply = youtube.start(body, part="snippet,status,localizations,recordingDetails")
        assert reason(reply) == (400, expected)
        assert youtube.state()["sessions"] == []

    def test_limits_are_met_exactly(self, youtube: YouTubeClient) -> None:
        tags = ["x" * 200, "two words", "y" * (500 - 200 - 1 - 11 - 1)]
        assert tags_length(tags) == 500
        assert tags_length(["Foo Baz"]) == 9
        body = metadata(title="ü" * 100, description="x" * 5000, tags=tags, categoryId="28")
        assert youtube.start(body).status_code == 200
        body["snippet"]["tags"].append("z")
        assert reason(youtube.start(body)) == (400, "invalidTags")

    def test_only_named_parts_and_writable_fields_are_stored(self, youtube: YouTubeClient) -> None:
        body = {
            "snippet": {"title": "Film", "channelId": "UCforeign"},
            "status": {"privacyStatus": "unlisted", "uploadStatus": "processed"},
            "recordingDetails": {"recordingDate": "2026-01-01T00:00:00Z"},
        }
        made = youtube.upload(body=body)
        assert made["snippet"]["channelId"] == youtube.state()["channel"]
        assert made["status"]["uploadStatus"] == "uploaded"
        assert "recordingDetails" not in youtube.state()["videos"][0]
        unnamed = youtube.upload(body={"snippet": {"title": "x"}, "status": {"privacyStatus": "private"}}, part="id")
        assert set(unnamed) == {"kind", "etag", "id"}
        assert youtube.state()["videos"][1]["status"]["privacyStatus"] == "public"

    @pytest.mark.parametrize("default", ["public", "private"])
    def test_privacy_that_is_not_said(self, youtube: YouTubeClient, default: str) -> None:
        youtube.sandbox.set(youtube_default_privacy=default)
        made = youtube.upload(body={"snippet": {"title": "t"}, "status": {}})
        assert made["status"]["privacyStatus"] == default

    @pytest.mark.parametrize("required", [False, True])
    def test_category_at_insert(self, youtube: YouTubeClient, required: bool) -> None:
        youtube.sandbox.set(youtube_category_required=required)
        assert youtube.start(metadata()).status_code == (400 if required else 200)
        assert youtube.start(metadata(categoryId="22")).status_code == 200

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("part=snippet&foo=1", (400, "badRequest")),
            ("part=snippet&notifySubscribers=maybe", (400, "badRequest")),
            ("part=snippet,nonsense", (400, "unknownPart")),
            ("", (400, "missingRequiredParameter")),
            ("part=snippet&part=status", (200, "")),
        ],
    )
    def test_query(self, youtube: YouTubeClient, query: str, expected: tuple[int, str]) -> None:
        reply = youtube.call("POST", f"/upload/youtube/v3/videos?uploadType=resumable&{query}", json=metadata())
        assert ((reply.status_code, "") if reply.ok else reason(reply)) == expected

    def test_json_that_is_none(self, youtube: YouTubeClient) -> None:
        path = "/upload/youtube/v3/videos?uploadType=resumable&part=id"
        json_type = {"Content-Type": "application/json"}
        assert reason(youtube.call("POST", path, data=b"{", headers=json_type)) == (400, "parseError")
        assert reason(youtube.call("POST", path, data=b"a=1")) == (400, "badContent")

    def test_notify_subscribers(self, youtube: YouTubeClient) -> None:
        youtube.upload()
        youtube.upload(query="&notifySubscribers=false")
        assert [video["notify_subscribers"] for video in youtube.state()["videos"]] == [True, False]


class TestSchedule:
    def test_publish_at(self, youtube: YouTubeClient) -> None:
        made = youtube.upload(body={"status": {"privacyStatus": "private", "publishAt": at(600)}}, part="status")
        assert made["status"]["publishAt"]
        assert youtube.status(made["id"])["privacyStatus"] == "private"
        youtube.sandbox.clock.move(601)
        later = youtube.status(made["id"])
        assert (later["privacyStatus"], "publishAt" in later) == ("public", False)

    def test_a_time_that_has_passed_publishes_at_once(self, youtube: YouTubeClient) -> None:
        made = youtube.upload(body={"status": {"privacyStatus": "private", "publishAt": at(-600)}}, part="status")
        assert made["status"]["privacyStatus"] == "public"

    def test_processing_takes_its_time(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.set(processing_s=100.0)
        video = youtube.upload()["id"]
        youtube.sandbox.clock.move(50)
        seen = youtube.status(video)
        assert (seen["uploadStatus"], seen["processingStatus"]) == ("uploaded", "processing")
        assert seen["processingProgress"]["partsTotal"] == "100"
        assert seen["processingProgress"]["partsProcessed"] == "50"
        youtube.sandbox.clock.move(51)
        seen = youtube.status(video)
        assert (seen["uploadStatus"], seen["processingStatus"]) == ("processed", "succeeded")
        assert "processingProgress" not in seen


class TestVideos:
    def test_list(self, youtube: YouTubeClient) -> None:
        ids = [youtube.upload()["id"] for _ in range(2)]
        parts = "id,snippet,status,contentDetails,statistics,player,fileDetails,recordingDetails"
        reply = youtube.call("GET", f"videos?part={parts}&id={','.join(ids)},unknown")
        items = reply.json()["items"]
        assert [item["id"] for item in items] == ids
        assert items[0]["fileDetails"]["fileSize"] == "4"
        thumbnail = items[0]["snippet"]["thumbnails"]["default"]["url"]
        picture = youtube.http.get(thumbnail)
        assert (picture.headers["Content-Type"], picture.content[:8]) == ("image/png", PNG[:8])

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("part=id", (400, "missingRequiredParameter")),
            ("id=x", (400, "missingRequiredParameter")),
            ("part=id&id=" + ",".join(["x"] * 51), (400, "invalidFilters")),
            ("part=id&id=x&maxResults=many", (400, "badRequest")),
            ("part=id&id=x&maxResults=99", (400, "invalidValue")),
        ],
    )
    def test_list_refuses(self, youtube: YouTubeClient, query: str, expected: tuple[int, str]) -> None:
        assert reason(youtube.call("GET", f"videos?{query}")) == expected

    def test_update_overwrites_whole_parts(self, youtube: YouTubeClient) -> None:
        body = metadata(description="long", tags=["a"], categoryId="22")
        body["status"]["embeddable"] = False
        video = youtube.upload(body=body)["id"]
        new = {"id": video, "snippet": {"title": "New", "categoryId": "22"}, "status": {"privacyStatus": "public"}}
        made = youtube.call("PUT", "videos?part=snippet,status", json=new).json()
        assert (made["snippet"]["title"], made["snippet"]["description"]) == ("New", "")
        assert "tags" not in made["snippet"]
        assert (made["status"]["privacyStatus"], made["status"]["embeddable"]) == ("public", True)
        youtube.call("PUT", "videos?part=status", json={"id": video, "status": {"privacyStatus": "unlisted"}})
        assert youtube.state()["videos"][0]["snippet"]["title"] == "New"

    def test_update_refuses(self, youtube: YouTubeClient) -> None:
        video = youtube.upload(body={"status": {"privacyStatus": "public"}}, part="status")["id"]

        def update(**body: object) -> tuple[int, str]:
            parts = ",".join(set(body) - {"id"}) or "id"
            return reason(youtube.call("PUT", f"videos?part={parts}", json={"id": video, **body}))

        assert update(snippet={"title": "t"}) == (400, "invalidCategoryId")
        assert update(snippet={"categoryId": "22"}) == (400, "invalidTitle")
        assert update(id="unknown") == (404, "videoNotFound")
        hidden = {"privacyStatus": "private"}
        scheduled = {**hidden, "publishAt": at(600)}
        assert update(status=scheduled) == (400, "invalidPublishAt")  # it was public already
        assert youtube.call("PUT", "videos?part=status", json={"id": video, "status": hidden}).ok
        assert update(status=scheduled) == (400, "invalidPublishAt")
        assert update(localizations={"de": {"title": "x"}}) == (400, "defaultLanguageNotSet")

    def test_delete(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        assert youtube.call("DELETE", f"videos?id={video}").status_code == 204
        assert reason(youtube.call("DELETE", f"videos?id={video}")) == (404, "videoNotFound")


class TestThumbnails:
    def set(self, youtube: YouTubeClient, video: str, content: bytes, kind: str = "image/png") -> requests.Response:
        path = f"/upload/youtube/v3/thumbnails/set?videoId={video}"
        return youtube.call("POST", path, data=content, headers={"Content-Type": kind})

    def test_set(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        (item,) = self.set(youtube, video, PNG).json()["items"]
        assert set(item) == {"default", "medium", "high", "standard", "maxres"}
        assert youtube.http.get(item["maxres"]["url"]).content == PNG
        assert youtube.state()["videos"][0]["thumbnail"]["sha256"] == hashlib.sha256(PNG).hexdigest()

    def test_set_resumably(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        path = f"/upload/youtube/v3/thumbnails/set?uploadType=resumable&videoId={video}"
        started = youtube.call("POST", path, headers={"X-Upload-Content-Type": "image/png"})
        reply = youtube.put(started.headers["Location"], PNG)
        assert reply.json()["kind"] == "youtube#thumbnailSetResponse"
        assert youtube.sandbox.log()[-1]["operation"] == "thumbnails.bytes"

    @pytest.mark.parametrize(
        ("content", "kind", "expected"),
        [
            (b"no picture", "image/png", (400, "invalidImage")),
            (b"GIF89a", "application/octet-stream", (400, "invalidImage")),
            (b"GIF89a", "image/gif", (400, "badContent")),
            (b"", "image/png", (400, "mediaBodyRequired")),
            (PNG + bytes(50 * MIB), "image/png", (413, "uploadTooLarge")),
        ],
    )
    def test_refuses(self, youtube: YouTubeClient, content: bytes, kind: str, expected: tuple[int, str]) -> None:
        video = youtube.upload()["id"]
        assert reason(self.set(youtube, video, content, kind)) == expected
        assert youtube.state()["videos"][0]["thumbnail"] is None

    def test_who_may_and_how_often(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        assert reason(self.set(youtube, "unknown", PNG)) == (404, "videoNotFound")
        youtube.sandbox.set(youtube_custom_thumbnails=False)
        assert reason(self.set(youtube, video, PNG)) == (403, "forbidden")
        youtube.sandbox.set(youtube_custom_thumbnails=True, youtube_thumbnails_per_day=1)
        assert self.set(youtube, video, PNG).status_code == 200
        assert reason(self.set(youtube, video, PNG)) == (429, "uploadRateLimitExceeded")


class TestCaptions:
    def insert(self, youtube: YouTubeClient, **snippet: object) -> requests.Response:
        body = json.dumps({"snippet": snippet}).encode()
        content = b"--b\r\nContent-Type: application/json\r\n\r\n" + body
        content += b"\r\n--b\r\nContent-Type: text/vtt\r\n\r\nWEBVTT\r\n--b--\r\n"
        headers = {"Content-Type": "multipart/related; boundary=b"}
        path = "/upload/youtube/v3/captions?uploadType=multipart&part=snippet"
        return youtube.call("POST", path, data=content, headers=headers)

    def test_insert_and_list(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        made = self.insert(youtube, videoId=video, language="en", name="", isDraft=True).json()
        listed = youtube.call("GET", f"captions?part=snippet&videoId={video}").json()["items"]
        assert listed == [made]
        assert made["snippet"]["isDraft"] is True
        (stored,) = youtube.state()["videos"][0]["captions"]
        assert stored["sha256"] == hashlib.sha256(b"WEBVTT").hexdigest()

    def test_refuses(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        good = {"videoId": video, "language": "en", "name": "n"}
        assert self.insert(youtube, **good).status_code == 200
        assert reason(self.insert(youtube, **good)) == (409, "captionExists")
        assert reason(self.insert(youtube, **{**good, "name": "n" * 151})) == (400, "nameTooLong")
        assert reason(self.insert(youtube, videoId=video, language="en")) == (400, "invalidMetadata")
        assert reason(self.insert(youtube, **{**good, "videoId": "unknown"})) == (404, "videoNotFound")


class TestLists:
    def test_playlists(self, youtube: YouTubeClient) -> None:
        first, second = (youtube.upload()["id"] for _ in range(2))
        body = {"snippet": {"title": "Talks"}, "status": {"privacyStatus": "unlisted"}}
        made = youtube.call("POST", "playlists?part=snippet,status", json=body).json()
        assert made["status"]["privacyStatus"] == "unlisted"

        def add(video: str, **snippet: object) -> requests.Response:
            item = {"playlistId": made["id"], "resourceId": {"kind": "youtube#video", "videoId": video}, **snippet}
            return youtube.call("POST", "playlistItems?part=snippet", json={"snippet": item})

        assert add(first).json()["snippet"]["position"] == 0
        assert add(second, position=0).status_code == 200
        assert reason(add(first)) == (409, "videoAlreadyInPlaylist")
        assert reason(add("unknown")) == (404, "videoNotFound")
        assert reason(add(first, playlistId="unknown")) == (404, "playlistNotFound")
        youtube.sandbox.set(youtube_duplicate_item="allow")
        assert reason(add(first, position=9)) == (400, "invalidPlaylistItemPosition")
        assert add(first).status_code == 200
        assert youtube.state()["playlists"][0]["videos"] == [second, first, first]
        listed = youtube.call("GET", "playlists?part=contentDetails&mine=true").json()["items"]
        assert listed[0]["contentDetails"]["itemCount"] == 3
        found = youtube.call("GET", f"playlistItems?part=snippet&playlistId={made['id']}&videoId={second}").json()
        assert [item["snippet"]["resourceId"]["videoId"] for item in found["items"]] == [second]

    def test_uploads_are_a_playlist_that_may_lag(self, youtube: YouTubeClient) -> None:
        (channel,) = youtube.call("GET", "channels?part=contentDetails&mine=true").json()["items"]
        uploads = channel["contentDetails"]["relatedPlaylists"]["uploads"]
        made = [youtube.upload()["id"] for _ in range(7)]
        path = f"playlistItems?part=contentDetails&playlistId={uploads}"
        page = youtube.call("GET", path).json()
        seen = [item["contentDetails"]["videoId"] for item in page["items"]]
        page = youtube.call("GET", f"{path}&pageToken={page['nextPageToken']}").json()
        seen += [item["contentDetails"]["videoId"] for item in page["items"]]
        assert seen == made[::-1]
        assert "nextPageToken" not in page
        assert reason(youtube.call("GET", f"{path}&pageToken=x")) == (400, "invalidPageToken")
        youtube.sandbox.set(youtube_list_lag_s=60.0)
        assert youtube.call("GET", path).json()["items"] == []
        youtube.sandbox.clock.move(61)
        assert len(youtube.call("GET", f"{path}&maxResults=50").json()["items"]) == 7

    def test_comments(self, youtube: YouTubeClient) -> None:
        video = youtube.upload(body={"status": {"privacyStatus": "public"}}, part="status")["id"]
        hidden = youtube.upload()["id"]

        def comment(text: str, on: str = video) -> requests.Response:
            top = {"snippet": {"textOriginal": text}}
            body = {"snippet": {"videoId": on, "topLevelComment": top}}
            return youtube.call("POST", "commentThreads?part=snippet", json=body)

        made = comment("First!").json()
        listed = youtube.call("GET", f"commentThreads?part=snippet&videoId={video}").json()["items"]
        assert listed == [made]
        assert made["snippet"]["topLevelComment"]["snippet"]["textOriginal"] == "First!"
        assert reason(comment(" ")) == (400, "commentTextRequired")
        assert reason(comment("x" * 10_001)) == (400, "commentTextTooLong")
        assert reason(comment("hello", hidden)) == (403, "forbidden")
        assert reason(comment("hello", "unknown")) == (404, "videoNotFound")

    @pytest.mark.parametrize("long_uploads", ["allowed", "eligible", "disallowed"])
    def test_channel(self, youtube: YouTubeClient, long_uploads: str) -> None:
        youtube.sandbox.set(youtube_long_uploads=long_uploads)
        (channel,) = youtube.call("GET", "channels?part=status,snippet&mine=true").json()["items"]
        assert channel["status"]["longUploadsStatus"] == long_uploads
        assert reason(youtube.call("GET", "channels?part=id")) == (400, "missingRequiredParameter")

    def test_an_account_without_a_channel(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.set(youtube_has_channel=False)
        assert youtube.call("GET", "channels?part=id&mine=true").json()["items"] == []
        assert reason(youtube.start()) == (401, "youtubeSignupRequired")


class TestQuota:
    def quota(self, youtube: YouTubeClient) -> tuple[int, int]:
        quota = youtube.state()["quota"]
        return quota["units"], quota["inserts"]

    def test_costs(self, youtube: YouTubeClient) -> None:
        video = youtube.upload()["id"]
        assert self.quota(youtube) == (0, 1)
        youtube.call("GET", f"videos?part=id&id={video}")
        assert self.quota(youtube) == (1, 1)
        youtube.call("DELETE", "videos?id=unknown")  # refused: 1 all the same
        assert self.quota(youtube) == (2, 1)
        TestThumbnails().set(youtube, video, PNG)
        TestCaptions().insert(youtube, videoId=video, language="en", name="n")
        youtube.call("DELETE", f"videos?id={video}")
        assert self.quota(youtube) == (2 + 50 + 400 + 50, 1)
        youtube.start({"snippet": {}})
        assert self.quota(youtube) == (502, 2)

    def test_buckets_are_apart_and_reset_at_midnight_pacific(self, youtube: YouTubeClient) -> None:
        sandbox = youtube.sandbox
        sandbox.set(youtube_quota_inserts=1, youtube_quota_units=60, google_token_s=1e9)
        youtube = youtube_client(sandbox, youtube.http, Path(youtube.credentials["dir"]))
        video = youtube.upload()["id"]
        assert reason(youtube.start()) == (403, "quotaExceeded")
        assert youtube.start().json()["error"]["errors"][0]["domain"] == "youtube.quota"
        assert youtube.call("DELETE", f"videos?id={video}").status_code == 204
        assert reason(youtube.call("DELETE", f"videos?id={video}")) == (403, "quotaExceeded")
        assert youtube.call("GET", "videos?part=id&id=x").status_code == 200  # the rest pays for small things
        resets_at = youtube.state()["quota"]["resets_at"]
        midnight = datetime.fromtimestamp(resets_at, ZoneInfo("America/Los_Angeles"))
        assert (midnight.hour, midnight.minute, midnight.second) == (0, 0, 0)
        sandbox.clock.move(resets_at - sandbox.clock.now() - 5)
        assert reason(youtube.start()) == (403, "quotaExceeded")
        sandbox.clock.move(10)
        assert self.quota(youtube) == (0, 0)
        assert youtube.start().status_code == 200

    @pytest.mark.parametrize("count", [False, True])
    def test_bytes_count_or_not(self, youtube: YouTubeClient, count: bool) -> None:
        youtube.sandbox.set(youtube_count_bytes=count)
        youtube.upload()
        assert self.quota(youtube) == (0, 1 + count)

    def test_the_channels_own_limit(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.set(youtube_uploads_per_day=1, google_token_s=1e9)
        youtube = youtube_client(youtube.sandbox, youtube.http, Path(youtube.credentials["dir"]))
        youtube.upload()
        assert reason(youtube.start()) == (400, "uploadLimitExceeded")
        youtube.sandbox.clock.move(86_401)
        youtube.upload()


SCOPE = "https://www.googleapis.com/auth/"


class TestLogin:
    def token(self, youtube: YouTubeClient, **form: str) -> requests.Response:
        client = {key: youtube.credentials[key] for key in ("client_id", "client_secret")}
        return youtube.http.post(f"{youtube.sandbox.url}/token", data={**client, **form})

    def refresh(self, youtube: YouTubeClient) -> requests.Response:
        return self.token(youtube, grant_type="refresh_token", refresh_token=youtube.credentials["refresh_token"])

    def test_tokens_expire_and_are_refreshed(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.clock.move(3590)
        assert youtube.call("GET", "channels?part=id&mine=true").status_code == 200
        youtube.sandbox.clock.move(10)
        assert reason(youtube.call("GET", "channels?part=id&mine=true")) == (401, "authError")
        new = self.refresh(youtube).json()
        assert set(new) == {"access_token", "expires_in", "scope", "token_type"}  # and no new refresh token
        assert new["expires_in"] == 3599
        again = YouTubeClient(youtube.sandbox, youtube.http, {"token": new["access_token"]})
        assert again.call("GET", "channels?part=id&mine=true").status_code == 200

    @pytest.mark.parametrize(
        ("form", "expected"),
        [
            ({"refresh_token": "1//unknown"}, (400, "invalid_grant")),
            ({"client_secret": "wrong"}, (401, "invalid_client")),
            ({"client_id": "wrong"}, (401, "invalid_client")),
            ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ],
    )
    def test_token_refuses(self, youtube: YouTubeClient, form: dict[str, str], expected: tuple[int, str]) -> None:
        good = {"grant_type": "refresh_token", "refresh_token": youtube.credentials["refresh_token"]}
        reply = self.token(youtube, **{**good, **form})
        assert (reply.status_code, reply.json()["error"]) == expected

    def test_a_refresh_token_of_an_app_in_testing_lives_a_week(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.set(google_refresh_token_s=7 * 86_400.0)
        youtube.sandbox.clock.move(7 * 86_400 - 60)
        assert self.refresh(youtube).status_code == 200
        youtube.sandbox.clock.move(120)
        reply = self.refresh(youtube)
        assert reply.json() == {
            "error": "invalid_grant",
            "error_description": "Token has been expired or revoked.",
        }

    def test_upload_scope_alone_cannot_read(self, youtube: YouTubeClient, tmp_path: Path) -> None:
        youtube.sandbox.set(youtube_scopes=f"{SCOPE}youtube.upload")
        limited = youtube_client(youtube.sandbox, youtube.http, tmp_path / "limited")
        video = limited.upload()["id"]
        assert TestThumbnails().set(limited, video, PNG).status_code == 200
        for path in (f"videos?part=id&id={video}", "channels?part=id&mine=true"):
            assert reason(limited.call("GET", path)) == (403, "insufficientPermissions")
        assert reason(TestCaptions().insert(limited, videoId=video)) == (403, "insufficientPermissions")

    def test_no_token(self, youtube: YouTubeClient, http: requests.Session) -> None:
        assert reason(http.get(f"{youtube.sandbox.url}/youtube/v3/videos")) == (401, "required")
        token = youtube.credentials["token"]
        reply = http.get(f"{youtube.sandbox.url}/youtube/v3/videos?part=id&id=x&access_token={token}")
        assert reply.status_code == 200

    def consent(self, youtube: YouTubeClient, **query: str | None) -> requests.Response:
        asked: dict[str, str | None] = {
            "client_id": youtube.credentials["client_id"],
            "redirect_uri": "http://localhost:8123/",
            "response_type": "code",
            "scope": f"{SCOPE}youtube.upload {SCOPE}youtube.readonly",
            "state": "abc",
            "access_type": "offline",
            "prompt": "consent",
            **query,
        }
        text = urlencode({name: value for name, value in asked.items() if value is not None})
        return youtube.http.get(f"{youtube.sandbox.url}/o/oauth2/auth?{text}", allow_redirects=False)

    def answer(self, reply: requests.Response) -> dict[str, str]:
        assert reply.status_code == 302
        url = urlsplit(reply.headers["Location"])
        assert url.netloc == "localhost:8123"
        return {name: values[0] for name, values in parse_qs(url.query).items()}

    def test_login_with_pkce(self, youtube: YouTubeClient) -> None:
        verifier = "v" * 64
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

        def exchange(verifier: str, redirect_uri: str = "http://localhost:8123/") -> requests.Response:
            asked = self.consent(youtube, code_challenge=challenge, code_challenge_method="S256")
            answer = self.answer(asked)
            assert answer["state"] == "abc"
            form = {"code": answer["code"], "code_verifier": verifier, "redirect_uri": redirect_uri}
            exchange.form = form  # type: ignore[attr-defined]
            return self.token(youtube, grant_type="authorization_code", **form)

        assert exchange("wrong").json()["error"] == "invalid_grant"
        assert exchange(verifier, "http://localhost:1/").json()["error"] == "redirect_uri_mismatch"
        granted = exchange(verifier).json()
        assert granted["scope"] == f"{SCOPE}youtube.readonly {SCOPE}youtube.upload"
        assert {"access_token", "refresh_token"} <= set(granted)
        twice = self.token(youtube, grant_type="authorization_code", **exchange.form)  # type: ignore[attr-defined]
        assert twice.json()["error"] == "invalid_grant"

    def test_the_person_may_deny_or_untick(self, youtube: YouTubeClient) -> None:
        youtube.sandbox.set(consent="deny")
        assert self.answer(self.consent(youtube)) == {"error": "access_denied", "state": "abc"}
        youtube.sandbox.set(consent="allow", consent_scopes=f"{SCOPE}youtube.upload")
        assert self.answer(self.consent(youtube))["scope"] == f"{SCOPE}youtube.upload"

    @pytest.mark.parametrize("prompt", ["consent", None])
    def test_a_second_login_brings_a_refresh_token_only_if_asked(
        self, youtube: YouTubeClient, prompt: str | None
    ) -> None:
        code = self.answer(self.consent(youtube, prompt=prompt))["code"]
        form = {"code": code, "redirect_uri": "http://localhost:8123/", "grant_type": "authorization_code"}
        assert ("refresh_token" in self.token(youtube, **form).json()) == (prompt == "consent")

    def test_a_code_expires(self, youtube: YouTubeClient) -> None:
        code = self.answer(self.consent(youtube))["code"]
        youtube.sandbox.clock.move(601)
        form = {"code": code, "redirect_uri": "http://localhost:8123/", "grant_type": "authorization_code"}
        assert self.token(youtube, **form).json()["error"] == "invalid_grant"

    @pytest.mark.parametrize(
        ("query", "problem"),
        [
            ({"client_id": "wrong"}, "invalid_client"),
            ({"redirect_uri": "https://evil.example/"}, "redirect_uri_mismatch"),
            ({"redirect_uri": None}, "redirect_uri_mismatch"),
            ({"response_type": "token"}, "invalid_request"),
            ({"scope": None}, "invalid_request"),
            ({"code_challenge": "c", "code_challenge_method": "plain"}, "invalid_request"),
        ],
    )
    def test_consent_refuses(self, youtube: YouTubeClient, query: dict[str, str | None], problem: str) -> None:
        reply = self.consent(youtube, **query)
        assert reply.status_code == 400
        assert problem in reply.text


def test_recognises_links(youtube: YouTubeClient) -> None:
    from medusa.sandbox.youtube import YouTube

    recognise = YouTube.recognise
    channel: Any = None
    for url in (
        "https://youtu.be/abc",
        "https://youtu.be/abc?t=4",
        "https://youtube.com/watch?v=abc",
        "https://www.youtube.com/watch?t=4&v=abc",
        "https://m.youtube.com/watch?v=abc",
        "http://youtube.com/shorts/abc",
    ):
        assert recognise(channel, url) == "abc"
    for url in ("https://example.com/watch?v=abc", "https://youtube.com/feed", "https://youtu.be/", "not a url"):
        assert recognise(channel, url) is None
