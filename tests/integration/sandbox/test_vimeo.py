"""The sandbox's Vimeo, by plain requests: each rule of the facts, each unverified one both ways."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from medusa.sandbox import Sandbox
from medusa.sandbox.picture import placeholder
from medusa.sandbox.sink import GRANULE
from medusa.sandbox.vimeo import Vimeo

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
CONTENT = bytes(range(256)) * 4096  # 1 MiB
PICTURE = placeholder("a test")


class Client:
    """An API client that knows nothing but the base URL and the token."""

    def __init__(self, sandbox: Sandbox, token: str) -> None:
        self.sandbox = sandbox
        self.token = token
        self.url = sandbox.url

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request with the bearer token; `path` may be a whole URL."""
        url = path if path.startswith("http") else self.url + path
        headers = {"Authorization": f"bearer {self.token}", **options.pop("headers", {})}
        return requests.request(method, url, headers=headers, timeout=10, **options)

    def create(self, size: int = len(CONTENT), **fields: object) -> dict[str, Any]:
        """A new tus video."""
        reply = self.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": size}, **fields})
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def uploaded(self, content: bytes = CONTENT, **fields: object) -> dict[str, Any]:
        """A video with all its bytes."""
        video = self.create(len(content), **fields)
        assert patch(video, content).status_code == 204
        return video

    def videos(self) -> list[dict[str, Any]]:
        """What the sandbox knows of its videos."""
        state: Any = self.sandbox.state()["vimeo"]
        return list(state["videos"])

    def get(self, video: Mapping[str, Any]) -> dict[str, Any]:
        """The video as it stands."""
        return dict(self.call("GET", video["uri"]).json())


def patch(video: Mapping[str, Any], content: bytes, offset: int = 0, **headers: str) -> requests.Response:
    """Send bytes to the upload link, without any token."""
    sent = {**BYTES, "Upload-Offset": str(offset), **headers}
    return requests.patch(video["upload"]["upload_link"], data=content, headers=sent, timeout=10)


def head(video: Mapping[str, Any]) -> requests.Response:
    """Ask the upload link for its offset."""
    return requests.head(video["upload"]["upload_link"], headers=TUS, timeout=10)


def offset(video: Mapping[str, Any]) -> int:
    """How many bytes the server says it has."""
    return int(head(video).headers["Upload-Offset"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Sandbox() as sandbox:
        config: Any = sandbox.config(tmp_path_factory.mktemp("config"))
        yield Client(sandbox, config["vimeo"]["access_token"])


@pytest.fixture
def vimeo(running: Client) -> Iterator[Client]:
    yield running
    running.sandbox.reset()


class TestAccess:
    def test_verify_tells_scopes_and_user(self, vimeo: Client) -> None:
        told = vimeo.call("GET", "/oauth/verify").json()
        assert {"public", "private", "edit", "upload"} <= set(told["scope"].split())
        assert told["user"]["uri"].startswith("/users/")
        assert told["token_type"] == "bearer"

    @pytest.mark.parametrize("path", ["/oauth/verify", "/me", "/me/videos"])
    def test_a_wrong_token_is_refused(self, vimeo: Client, path: str) -> None:
        reply = requests.get(vimeo.url + path, headers={"Authorization": "bearer wrong"}, timeout=5)
        assert reply.status_code == 401
        assert reply.json()["error_code"] == 8000
        assert reply.json()["developer_message"]
        assert "X-RateLimit-Remaining" in reply.headers

    def test_no_token_is_another_error(self, vimeo: Client) -> None:
        reply = requests.get(f"{vimeo.url}/me", timeout=5)
        assert (reply.status_code, reply.json()["error_code"]) == (401, 8003)

    def test_the_scheme_is_written_in_any_case(self, vimeo: Client) -> None:
        reply = requests.get(f"{vimeo.url}/me", headers={"Authorization": f"Bearer {vimeo.token}"}, timeout=5)
        assert reply.status_code == 200

    def test_but_it_must_be_bearer(self, vimeo: Client) -> None:
        reply = requests.get(f"{vimeo.url}/me", headers={"Authorization": f"basic {vimeo.token}"}, timeout=5)
        assert reply.status_code == 401

    def test_token_revoked_by_a_fault(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="me", kind="token_revoked")
        assert vimeo.call("GET", "/me").status_code == 401
        assert vimeo.call("GET", "/me").status_code == 200

    @pytest.mark.parametrize(
        ("scopes", "refused"),
        [("public private edit", "upload"), ("public private upload", "edit"), ("private edit upload", "public")],
    )
    def test_uploading_needs_its_scopes(self, vimeo: Client, scopes: str, refused: str) -> None:
        vimeo.sandbox.set(vimeo_scopes=scopes)
        reply = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": 1}})
        assert reply.status_code == 403
        assert refused in reply.json()["error"]

    def test_unknown_paths_are_vimeos_404(self, vimeo: Client) -> None:
        reply = vimeo.call("GET", "/me/nonsense")
        assert (reply.status_code, reply.json()["error_code"]) == (404, 5000)

    def test_the_reply_names_vimeos_content_type(self, vimeo: Client) -> None:
        assert vimeo.call("GET", "/me").headers["Content-Type"].startswith("application/vnd.vimeo.")


class TestRateLimit:
    def test_headers_on_every_reply(self, vimeo: Client) -> None:
        left = [int(vimeo.call("GET", "/me").headers["X-RateLimit-Remaining"]) for _ in range(2)]
        assert left[0] - left[1] == 1
        assert "X-RateLimit-Limit" in vimeo.call("GET", "/videos/1").headers

    def test_reset_is_iso_by_default_and_epoch_by_option(self, vimeo: Client) -> None:
        now = vimeo.sandbox.clock.now()
        reset = vimeo.call("GET", "/me").headers["X-RateLimit-Reset"]
        assert 0 < datetime.fromisoformat(reset).timestamp() - now <= 60
        vimeo.sandbox.set(vimeo_rate_reset="epoch")
        assert 0 < int(vimeo.call("GET", "/me").headers["X-RateLimit-Reset"]) - now <= 120

    def test_past_the_limit_is_429_until_the_next_minute(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_rate_limit=0)
        reply = vimeo.call("GET", "/me")
        assert reply.status_code == 429
        assert reply.headers["X-RateLimit-Remaining"] == "0"
        vimeo.sandbox.set(vimeo_rate_limit=1)
        vimeo.sandbox.clock.move(60)
        assert [vimeo.call("GET", "/me").status_code for _ in range(2)] == [200, 429]
        vimeo.sandbox.clock.move(60)
        assert vimeo.call("GET", "/me").status_code == 200

    def test_the_fault_says_how_long(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="me", kind="rate_limit", retry_after=45)
        reset = vimeo.call("GET", "/me").headers["X-RateLimit-Reset"]
        wait = datetime.fromisoformat(reset).timestamp() - vimeo.sandbox.clock.now()
        assert 40 < wait <= 45

    def test_a_fault_says_how_much_is_used_and_lets_the_call_succeed(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="me", kind="usage", percent=90, retry_after=30)
        reply = vimeo.call("GET", "/me")
        assert (reply.status_code, reply.headers["X-RateLimit-Remaining"]) == (200, "3000")
        reset = datetime.fromisoformat(reply.headers["X-RateLimit-Reset"]).timestamp()
        assert 25 < reset - vimeo.sandbox.clock.now() <= 30


class TestQuota:
    def test_shown_with_the_space_left(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_quota_bytes=1000)
        vimeo.create(300)
        quota = vimeo.call("GET", "/me", params={"fields": "upload_quota"}).json()
        space = {"free": 700, "max": 1000, "used": 300}
        assert quota["upload_quota"]["space"] == {**space, "showing": "lifetime"}
        assert quota["upload_quota"]["lifetime"] == space
        assert quota["upload_quota"]["periodic"]["max"] is None
        assert set(quota) == {"upload_quota"}

    def test_no_cap_is_null(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_quota_bytes=-1)
        assert vimeo.call("GET", "/me").json()["upload_quota"]["space"]["max"] is None
        vimeo.create(10**15)

    def test_a_full_disk_is_4101_and_deleting_helps(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_quota_bytes=1000)
        video = vimeo.create(900)
        refused = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": 101}})
        assert (refused.status_code, refused.json()["error_code"]) == (403, 4101)
        vimeo.call("DELETE", video["uri"])
        vimeo.create(1000)

    def test_a_used_up_week_is_4102_until_its_reset(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_quota_bytes=1000, vimeo_quota="periodic")
        vimeo.call("DELETE", vimeo.create(900)["uri"])
        refused = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": 101}})
        assert (refused.status_code, refused.json()["error_code"]) == (403, 4102)
        resets = vimeo.call("GET", "/me").json()["upload_quota"]["periodic"]["reset_date"]
        vimeo.sandbox.clock.move(datetime.fromisoformat(resets).timestamp() - vimeo.sandbox.clock.now())
        vimeo.create(1000)


class TestCreate:
    def test_answers_200_or_201(self, vimeo: Client) -> None:
        body = {"upload": {"approach": "tus", "size": 5}}
        assert vimeo.call("POST", "/me/videos", json=body).status_code == 200
        vimeo.sandbox.set(vimeo_create_status=201)
        assert vimeo.call("POST", "/me/videos", json=body).status_code == 201

    def test_the_reply(self, vimeo: Client) -> None:
        video = vimeo.create(name="Launch", description="We launch", privacy={"view": "unlisted"})
        number = video["uri"].removeprefix("/videos/")
        assert video["link"].startswith(f"https://vimeo.com/{number}/")
        assert video["name"] == "Launch"
        assert video["description"] == "We launch"
        assert video["upload"]["status"] == video["transcode"]["status"] == "in_progress"
        assert video["upload"]["upload_link"].startswith(vimeo.url)
        assert video["status"] == "uploading"

    def test_urls_follow_the_host_that_was_asked(self, vimeo: Client) -> None:
        body = {"upload": {"approach": "tus", "size": 5}}
        reply = vimeo.call("POST", "/me/videos", json=body, headers={"Host": "vimeo.example:81"})
        assert reply.json()["upload"]["upload_link"].startswith("http://vimeo.example:81/files/")

    @pytest.mark.parametrize("size", [7, "7"])
    def test_size_is_a_number_or_digits(self, vimeo: Client, size: object) -> None:
        reply = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": size}})
        assert reply.json()["upload"]["size"] == 7

    @pytest.mark.parametrize("size", [None, 0, -1, "x", "", 1.5, True])
    def test_any_other_size_is_refused(self, vimeo: Client, size: object) -> None:
        reply = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": size}})
        assert (reply.status_code, reply.json()["error_code"]) == (400, 2204)
        assert reply.json()["invalid_parameters"][0]["field"] == "upload.size"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, 2230),
            ({"upload": {"approach": "carrier pigeon", "size": 1}}, 2230),
            ({"type": "POST", "upload": {"approach": "tus", "size": 1}}, 3116),
            ([], 2205),
        ],
    )
    def test_other_bad_bodies(self, vimeo: Client, body: object, code: int) -> None:
        reply = vimeo.call("POST", "/me/videos", json=body)
        assert (reply.status_code, reply.json()["error_code"]) == (400, code)

    def test_broken_json_is_2205(self, vimeo: Client) -> None:
        headers = {"Content-Type": "application/json"}
        reply = vimeo.call("POST", "/me/videos", data=b"{", headers=headers)
        assert (reply.status_code, reply.json()["error_code"]) == (400, 2205)

    def test_a_form_is_2205(self, vimeo: Client) -> None:
        headers = {"Content-Type": "text/plain"}
        reply = vimeo.call("POST", "/me/videos", data=b'{"upload": {}}', headers=headers)
        assert (reply.status_code, reply.json()["error_code"]) == (400, 2205)

    @pytest.mark.parametrize(
        ("fields", "field", "code"),
        [
            ({"privacy": {"view": "private"}}, "privacy.view", 2221),
            ({"privacy": {"embed": "x"}}, "privacy.embed", 2239),
            ({"privacy": {"view": "password"}}, "password", 2233),
            ({"privacy": {"nonsense": 1}}, "privacy.nonsense", 2204),
            ({"name": "x" * 129}, "name", 2250),
            ({"name": 5}, "name", 2252),
            ({"description": "x" * 5001}, "description", 2251),
            ({"license": "mine"}, "license", 2234),
            ({"title": "x"}, "title", 2204),
            ({"embed": "x"}, "embed", 2204),
        ],
    )
    def test_every_invalid_parameter_is_named(
        self, vimeo: Client, fields: dict[str, object], field: str, code: int
    ) -> None:
        body = {"upload": {"approach": "tus", "size": 1}, **fields}
        reply = vimeo.call("POST", "/me/videos", json=body)
        assert (reply.status_code, reply.json()["error_code"]) == (400, 2204)
        assert [(item["field"], item["error_code"]) for item in reply.json()["invalid_parameters"]] == [(field, code)]
        assert vimeo.videos() == []

    def test_texts_up_to_their_limits(self, vimeo: Client) -> None:
        video = vimeo.create(name="x" * 128, description="y" * 5000)
        assert (video["name"], video["description"]) == ("x" * 128, "y" * 5000)

    def test_text_limits_and_unknown_fields_are_switches(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_name_limit=0, vimeo_description_limit=0, vimeo_unknown_fields="ignore")
        video = vimeo.create(name="x" * 500, description="x" * 9000, title="ignored")
        assert len(video["name"]) == 500
        assert "title" not in video

    @pytest.mark.parametrize(("view", "code"), [("unlisted", 3427), ("disable", 2411)])
    def test_a_free_account_lacks_two_privacies(self, vimeo: Client, view: str, code: int) -> None:
        body = {"upload": {"approach": "tus", "size": 1}, "privacy": {"view": view}}
        assert vimeo.call("POST", "/me/videos", json=body).status_code == 200
        vimeo.sandbox.set(vimeo_plan="basic")
        reply = vimeo.call("POST", "/me/videos", json=body)
        assert (reply.status_code, reply.json()["error_code"]) == (403, code)

    def test_error_in_200_creates_nothing(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="videos.create", kind="error_in_200")
        reply = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "tus", "size": 1}})
        assert reply.status_code == 200
        assert "error" in reply.json()
        assert vimeo.videos() == []

    def test_a_lost_reply_leaves_the_video(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="videos.create", kind="lost_reply")
        with pytest.raises(requests.ConnectionError):
            vimeo.create(5, name="marked abc")
        listed = vimeo.call("GET", "/me/videos", params={"fields": "uri,name,upload"}).json()
        assert [video["name"] for video in listed["data"]] == ["marked abc"]

    def test_pull_fetches_a_public_link_and_fails_on_a_private_one(self, vimeo: Client) -> None:
        for link, status in (("https://cdn.example/v.mp4", "complete"), ("http://127.0.0.1/v.mp4", "error")):
            body = {"upload": {"approach": "pull", "link": link}}
            video = vimeo.call("POST", "/me/videos", json=body).json()
            vimeo.sandbox.clock.move(5)
            assert vimeo.get(video)["upload"]["status"] == status
        refused = vimeo.call("POST", "/me/videos", json={"upload": {"approach": "pull", "link": "v.mp4"}})
        assert refused.json()["invalid_parameters"][0]["field"] == "upload.link"


class TestTus:
    def test_a_whole_upload(self, vimeo: Client) -> None:
        video = vimeo.create()
        half = len(CONTENT) // 2
        assert (head(video).headers["Upload-Offset"], head(video).headers["Upload-Length"]) == ("0", str(len(CONTENT)))
        assert "no-store" in head(video).headers["Cache-Control"]
        assert patch(video, CONTENT[:half]).headers["Upload-Offset"] == str(half)
        reply = patch(video, CONTENT[half:], half)
        assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
        assert reply.headers["Tus-Resumable"] == "1.0.0"
        [seen] = vimeo.videos()
        assert seen["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        assert offset(video) == len(CONTENT)

    def test_the_upload_host_asks_for_no_token(self, vimeo: Client) -> None:
        vimeo.uploaded()
        sent = [entry for entry in vimeo.sandbox.log() if entry["operation"] == "tus.patch"]
        assert [entry["status"] for entry in sent] == [204]
        assert "authorization" not in sent[0]["headers"]  # type: ignore[operator]  # a dictionary, by Record

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"Tus-Resumable": None}, 412),
            ({"Tus-Resumable": "0.2.2"}, 412),
            ({"Content-Type": "video/mp4"}, 415),
            ({"Content-Type": None}, 415),
            ({"Upload-Offset": None}, 400),
            ({"Upload-Offset": "x"}, 400),
            ({"Upload-Offset": "-1"}, 400),
            ({"Upload-Offset": "4"}, 409),
        ],
    )
    def test_refusals_store_nothing(self, vimeo: Client, change: dict[str, str | None], status: int) -> None:
        video = vimeo.create()
        reply = patch(video, b"abc", **{"Upload-Offset": "0", **change})  # type: ignore[arg-type]  # None drops it
        assert reply.status_code == status
        assert reply.headers["Tus-Resumable"] == "1.0.0"
        assert ("Tus-Version" in reply.headers) == (status == 412)
        assert offset(video) == 0

    def test_an_offset_behind_is_409_too(self, vimeo: Client) -> None:
        video = vimeo.create()
        patch(video, b"abc")
        assert patch(video, b"abc").status_code == 409
        assert offset(video) == 3

    def test_a_head_without_version_is_412(self, vimeo: Client) -> None:
        video = vimeo.create()
        assert requests.head(video["upload"]["upload_link"], timeout=5).status_code == 412

    def test_more_than_announced_is_413(self, vimeo: Client) -> None:
        video = vimeo.create(10)
        assert patch(video, b"0" * 11).status_code == 413
        assert patch(video, b"0" * 10).status_code == 204
        assert patch(video, b"0", 10).status_code == 413
        assert offset(video) == 10

    def test_more_than_announced_without_a_length_is_413(self, vimeo: Client) -> None:
        video = vimeo.create(10)
        assert patch(video, iter([b"0" * 6, b"0" * 6])).status_code == 413  # type: ignore[arg-type]  # chunked
        assert offset(video) == 0

    def test_an_empty_patch_changes_nothing(self, vimeo: Client) -> None:
        reply = patch(vimeo.create(), b"")
        assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "0")

    def test_there_is_no_creation_extension(self, vimeo: Client) -> None:
        link = vimeo.create()["upload"]["upload_link"]
        assert requests.post(link, headers={**TUS, "Upload-Length": "5"}, timeout=5).status_code == 404

    def test_a_broken_patch_keeps_whole_units(self, vimeo: Client) -> None:
        video = vimeo.create()
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="cut", after=GRANULE + 1000)
        with pytest.raises(requests.ConnectionError):
            patch(video, CONTENT)
        assert vimeo.videos()[0]["received"] == GRANULE
        assert offset(video) == GRANULE
        assert patch(video, CONTENT[GRANULE:], GRANULE).status_code == 204
        [seen] = vimeo.videos()
        assert seen["sha256"] == hashlib.sha256(CONTENT).hexdigest()

    def test_a_larger_unit_by_fault(self, vimeo: Client) -> None:
        video = vimeo.create()
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="store_unit", bytes=2 * GRANULE)
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="cut", after=2 * GRANULE - 1)
        with pytest.raises(requests.ConnectionError):
            patch(video, CONTENT)
        assert offset(video) == 0

    def test_partial_storage_is_told_truthfully(self, vimeo: Client) -> None:
        video = vimeo.create()
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="partial", keep=100_000)
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="slow", bytes_per_s=50_000_000)
        reply = patch(video, CONTENT)
        assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "100000")
        assert patch(video, CONTENT[100_000:], 100_000).headers["Upload-Offset"] == str(len(CONTENT))
        assert vimeo.videos()[0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()

    def test_a_lost_last_reply_is_found_by_head(self, vimeo: Client) -> None:
        video = vimeo.create()
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="lost_reply")
        with pytest.raises(requests.ConnectionError):
            patch(video, CONTENT)
        assert offset(video) == len(CONTENT)
        assert patch(video, b"", len(CONTENT)).status_code == 204

    def test_a_resume_ends_the_request_that_stalled(self, vimeo: Client) -> None:
        video = vimeo.create()
        vimeo.sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall", after=GRANULE)
        failed: list[Exception] = []
        stalled = threading.Thread(target=_expect_failure, args=(lambda: patch(video, CONTENT), failed))
        stalled.start()
        _until(lambda: vimeo.sandbox.log()[-1]["received"] == GRANULE)
        resumed = offset(video)
        assert resumed == GRANULE
        assert patch(video, CONTENT[resumed:], resumed).status_code == 204
        vimeo.sandbox.clear_faults()
        assert vimeo.videos()[0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        vimeo.call("DELETE", video["uri"])

    def test_what_an_older_request_still_sends_is_not_taken(self, vimeo: Client) -> None:
        video = vimeo.create()
        old = _begin_patch(video["upload"]["upload_link"])
        with old:
            old.sendall(CONTENT[: GRANULE + 10])
            _until(lambda: vimeo.sandbox.log()[-1]["received"] == GRANULE + 10)
            assert offset(video) == GRANULE
            old.sendall(CONTENT[GRANULE + 10 :])
            with pytest.raises(ConnectionResetError):
                old.recv(1)
        assert offset(video) == GRANULE

    @pytest.mark.parametrize("status", [404, 410, 403])
    def test_a_lost_session(self, vimeo: Client, status: int) -> None:
        vimeo.sandbox.set(vimeo_gone_status=status)
        video = vimeo.create()
        vimeo.sandbox.fault(platform="vimeo", operation="tus.head", kind="session_gone")
        for reply in (head(video), head(video), patch(video, b"abc")):
            assert reply.status_code == status
            assert "Upload-Offset" not in reply.headers
        assert vimeo.get(video)["status"] == "uploading_error"

    def test_an_upload_link_expires(self, vimeo: Client) -> None:
        video = vimeo.create()
        vimeo.sandbox.clock.move(86_399)
        assert head(video).status_code == 200
        vimeo.sandbox.clock.move(2)
        assert head(video).status_code == 404
        assert vimeo.get(video)["upload"]["status"] == "error"
        assert "upload_link" not in vimeo.get(video)["upload"]

    def test_its_lifetime_is_a_switch(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_upload_link_s=10.0)
        video = vimeo.create()
        vimeo.sandbox.clock.move(11)
        assert head(video).status_code == 404

    def test_a_finished_upload_never_expires(self, vimeo: Client) -> None:
        video = vimeo.uploaded()
        vimeo.sandbox.clock.move(10**6)
        assert vimeo.get(video)["upload"]["status"] == "complete"

    def test_unknown_and_deleted_uploads_are_404(self, vimeo: Client) -> None:
        video = vimeo.create()
        assert requests.head(video["upload"]["upload_link"] + "0", headers=TUS, timeout=5).status_code == 404
        assert vimeo.call("DELETE", video["uri"]).status_code == 204
        assert head(video).status_code == 404
        assert vimeo.call("GET", video["uri"]).json()["error_code"] == 5000

    def test_the_link_is_a_secret_in_the_log(self, vimeo: Client) -> None:
        video = vimeo.uploaded()
        key = video["upload"]["upload_link"].rpartition("/")[2]
        assert key not in repr(vimeo.sandbox.log())
        assert vimeo.token not in repr(vimeo.sandbox.log())


class TestTranscoding:
    def test_goes_through_its_states_by_the_clock(self, vimeo: Client) -> None:
        vimeo.sandbox.set(processing_s=100.0)
        video = vimeo.create()
        seen = [vimeo.get(video)]
        patch(video, CONTENT)
        for seconds in (0, 50, 60):
            vimeo.sandbox.clock.move(seconds)
            seen.append(vimeo.get(video))
        assert [item["status"] for item in seen] == ["uploading", "transcode_starting", "transcoding", "available"]
        assert [item["upload"]["status"] for item in seen] == ["in_progress", "complete", "complete", "complete"]
        assert [item["transcode"]["status"] for item in seen] == ["in_progress"] * 3 + ["complete"]

    def test_can_fail(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="processing", kind="processing_failed", reason="no codec")
        video = vimeo.uploaded()
        vimeo.sandbox.clock.move(10)
        assert vimeo.get(video)["transcode"]["status"] == "error"
        assert vimeo.get(video)["status"] == "transcoding_error"

    def test_can_be_stuck(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="processing", kind="processing_stuck")
        video = vimeo.uploaded()
        vimeo.sandbox.clock.move(10**6)
        assert vimeo.get(video)["status"] == "transcoding"


class TestEditing:
    def test_changes_what_is_named(self, vimeo: Client) -> None:
        video = vimeo.create(name="a marker", description="kept")
        edited = vimeo.call("PATCH", video["uri"], json={"name": "The title", "privacy": {"view": "nobody"}}).json()
        assert (edited["name"], edited["description"], edited["privacy"]["view"]) == ("The title", "kept", "nobody")
        assert edited["privacy"]["embed"] == "public"

    def test_is_checked_like_a_creation(self, vimeo: Client) -> None:
        uri = vimeo.create()["uri"]
        reply = vimeo.call("PATCH", uri, json={"privacy": {"view": "x"}, "name": "x" * 200, "upload": {}})
        fields = {item["field"] for item in reply.json()["invalid_parameters"]}
        assert fields == {"privacy.view", "name", "upload"}

    def test_a_change_of_privacy_changes_the_link(self, vimeo: Client) -> None:
        video = vimeo.create(privacy={"view": "unlisted"})
        links = [video["link"]]
        for view in ("anybody", "unlisted"):
            links.append(vimeo.call("PATCH", video["uri"], json={"privacy": {"view": view}}).json()["link"])
        plain = f"https://vimeo.com/{video['uri'].rpartition('/')[2]}"
        assert links[1] == plain
        assert links[2].startswith(f"{plain}/")
        assert len(set(links)) == 3

    def test_unless_told_otherwise(self, vimeo: Client) -> None:
        vimeo.sandbox.set(vimeo_relink=False)
        video = vimeo.create()
        edited = vimeo.call("PATCH", video["uri"], json={"privacy": {"view": "unlisted"}}).json()
        assert edited["link"] == video["link"]

    def test_the_player_of_an_unlisted_video_needs_the_hash(self, vimeo: Client) -> None:
        video = vimeo.create(privacy={"view": "unlisted"})
        hash_ = video["link"].rpartition("/")[2]
        assert video["player_embed_url"].endswith(f"?h={hash_}")

    def test_a_password_once_set_serves_later(self, vimeo: Client) -> None:
        uri = vimeo.create(password="secret words")["uri"]
        assert vimeo.call("PATCH", uri, json={"privacy": {"view": "password"}}).status_code == 200

    def test_unknown_videos(self, vimeo: Client) -> None:
        for method in ("GET", "PATCH", "DELETE"):
            assert vimeo.call(method, "/videos/1", json={}).status_code == 404


class TestLists:
    def names(self, vimeo: Client, **params: object) -> list[str]:
        reply = vimeo.call("GET", "/me/videos", params=params)
        return [video["name"] for video in reply.json()["data"]]

    @pytest.fixture
    def three(self, vimeo: Client) -> Client:
        for name in ("b", "c", "a"):
            vimeo.create(5, name=name)
            vimeo.sandbox.clock.move(1)
        return vimeo

    def test_order(self, three: Client) -> None:
        assert self.names(three) == ["a", "c", "b"]
        assert self.names(three, sort="date", direction="asc") == ["b", "c", "a"]
        assert self.names(three, sort="alphabetical") == ["a", "b", "c"]
        assert self.names(three, sort="alphabetical", direction="desc") == ["c", "b", "a"]
        uri = three.call("GET", "/me/videos").json()["data"][2]["uri"]
        three.call("PATCH", uri, json={"name": "b2"})
        assert self.names(three, sort="modified_time")[0] == "b2"
        assert self.names(three, query="b") == ["b2"]

    def test_app_only_leaves_out_what_others_uploaded(self, three: Client) -> None:
        three.sandbox.set(vimeo_elsewhere=2)
        assert len(self.names(three)) == 5
        assert self.names(three, filter="app_only") == ["a", "c", "b"]
        assert len(self.names(three, filter="playable")) == 2

    def test_fields_trim(self, three: Client) -> None:
        reply = three.call("GET", "/me/videos", params={"fields": "uri,upload.status,nothing"}).json()
        assert reply["data"][0].keys() == {"uri", "upload"}
        assert reply["data"][0]["upload"] == {"status": "in_progress"}
        assert reply["total"] == 3

    def test_pages(self, three: Client) -> None:
        first = three.call("GET", "/me/videos", params={"per_page": 2, "fields": "name"}).json()
        assert [video["name"] for video in first["data"]] == ["a", "c"]
        second = three.call("GET", first["paging"]["next"]).json()
        assert [video["name"] for video in second["data"]] == ["b"]
        assert second["paging"]["next"] is None
        assert (second["page"], second["per_page"], second["total"]) == (2, 2, 3)
        assert three.call("GET", second["paging"]["previous"]).json()["data"] == first["data"]
        assert three.call("GET", "/me/videos", params={"page": 9}).status_code == 404

    @pytest.mark.parametrize("bad", [{"sort": "x"}, {"direction": "x"}, {"filter": "x"}, {"page": "0"}])
    def test_unknown_values_are_refused(self, vimeo: Client, bad: dict[str, str]) -> None:
        reply = vimeo.call("GET", "/me/videos", params=bad)
        assert (reply.status_code, reply.json()["error_code"]) == (400, 2204)


class TestAttachments:
    def test_a_thumbnail(self, vimeo: Client) -> None:
        video = vimeo.uploaded()
        frame = vimeo.get(video)["pictures"]
        assert frame["active"]  # Vimeo takes one from the video by itself
        made = vimeo.call("POST", f"{video['uri']}/pictures")
        assert made.status_code == 201
        picture = made.json()
        early = vimeo.call("PATCH", picture["uri"], json={"active": True})
        assert early.status_code == 400
        assert requests.put(picture["link"], data=PICTURE, timeout=5).status_code == 200
        assert vimeo.call("PATCH", picture["uri"], json={"active": True}).json()["active"] is True
        shown = vimeo.get(video)["pictures"]
        assert shown["uri"] == picture["uri"]
        assert requests.get(shown["sizes"][0]["link"], timeout=5).content == PICTURE
        state = vimeo.videos()[0]["pictures"]
        assert [item["active"] for item in state] == [False, True]
        assert state[1]["sha256"] == hashlib.sha256(PICTURE).hexdigest()

    def test_a_frame_of_the_video_needs_no_bytes(self, vimeo: Client) -> None:
        video = vimeo.uploaded()
        picture = vimeo.call("POST", f"{video['uri']}/pictures", json={"time": 12.5, "active": True}).json()
        assert picture["active"] is True
        assert vimeo.get(video)["pictures"]["uri"] == picture["uri"]

    def test_text_tracks(self, vimeo: Client) -> None:
        video = vimeo.uploaded()
        body = {"type": "subtitles", "language": "en", "name": "en.vtt"}
        tracks = [vimeo.call("POST", f"{video['uri']}/texttracks", json=body).json() for _ in range(2)]
        other = vimeo.call("POST", f"{video['uri']}/texttracks", json={**body, "language": "de"}).json()
        for track in (*tracks, other):
            assert track["active"] is False
            assert requests.put(track["link"], data=b"WEBVTT\n", timeout=5).status_code == 200
        for track in (other, *tracks):
            assert vimeo.call("PATCH", track["uri"], json={"active": True}).status_code == 200
        state = vimeo.videos()[0]["texttracks"]
        assert [item["active"] for item in state] == [False, True, True]  # one a language and type

    @pytest.mark.parametrize("lacks", ["type", "language", "name"])
    def test_a_text_track_needs_three_things(self, vimeo: Client, lacks: str) -> None:
        body = {"type": "subtitles", "language": "en", "name": "en.vtt"}
        del body[lacks]
        reply = vimeo.call("POST", f"{vimeo.create()['uri']}/texttracks", json=body)
        assert (reply.status_code, reply.json()["error_code"]) == (403, 2204)
        assert reply.json()["invalid_parameters"][0]["field"] == lacks

    def test_bytes_go_once_and_only_to_known_links(self, vimeo: Client) -> None:
        picture = vimeo.call("POST", f"{vimeo.create()['uri']}/pictures").json()
        assert requests.put(picture["link"], data=b"", timeout=5).status_code == 400
        assert requests.put(picture["link"], data=PICTURE, timeout=5).status_code == 200
        assert requests.put(picture["link"], data=PICTURE, timeout=5).status_code == 404
        assert requests.put(f"{vimeo.url}/pictures/unknown", data=PICTURE, timeout=5).status_code == 404

    def test_tags_add_up_to_twenty(self, vimeo: Client) -> None:
        uri = vimeo.create()["uri"]
        first = [{"name": f"tag {number}"} for number in range(19)]
        assert vimeo.call("PUT", f"{uri}/tags", json=first).status_code == 200
        again = vimeo.call("PUT", f"{uri}/tags", json=[{"name": "tag 0"}, {"name": "last"}])
        assert [tag["name"] for tag in again.json()][-1] == "last"
        assert len(again.json()) == 20
        assert vimeo.call("PUT", f"{uri}/tags", json=[{"name": "one more"}]).status_code == 403

    @pytest.mark.parametrize("body", [{"name": "x"}, [], ["x"], [{"tag": "x"}]])
    def test_tags_are_a_list_of_names(self, vimeo: Client, body: object) -> None:
        assert vimeo.call("PUT", f"{vimeo.create()['uri']}/tags", json=body).status_code == 400


class TestPage:
    def test_shows_videos_as_their_owner_sees_them(self, vimeo: Client) -> None:
        vimeo.uploaded(name="Launch", description="We launch", privacy={"view": "unlisted"})
        vimeo.create(name="Half way")
        vimeo.sandbox.clock.move(5)
        feed = requests.get(f"{vimeo.url}/_sandbox/feed", timeout=5).text.lower()
        for text in ("launch", "we launch", "half way", "unlisted", "uploading"):
            assert text in feed

    def test_a_thumbnail_is_what_was_uploaded_and_no_frame(self, vimeo: Client) -> None:
        """Without one, the page itself shows a frame of the stored film."""
        video = vimeo.uploaded()
        assert "<img" not in requests.get(f"{vimeo.url}/_sandbox/feed", timeout=5).text
        picture = vimeo.call("POST", f"{video['uri']}/pictures").json()
        requests.put(picture["link"], data=PICTURE, timeout=5)
        vimeo.call("PATCH", picture["uri"], json={"active": True})
        feed = requests.get(f"{vimeo.url}/_sandbox/feed", timeout=5).text
        (_, shown) = feed.split('<img src="')
        assert requests.get(shown.partition('"')[0], timeout=5).content == PICTURE

    def test_says_what_failed(self, vimeo: Client) -> None:
        vimeo.sandbox.fault(platform="vimeo", operation="processing", kind="processing_failed", reason="no codec")
        vimeo.uploaded()
        vimeo.sandbox.clock.move(5)
        assert "no codec" in requests.get(f"{vimeo.url}/_sandbox/feed", timeout=5).text

    @pytest.mark.parametrize(
        ("url", "number"),
        [
            ("https://vimeo.com/901", "901"),
            ("https://vimeo.com/901/ab12", "901"),
            ("https://player.vimeo.com/video/901?h=ab12", "901"),
            ("https://vimeo.com/about", None),
            ("https://vimeo.com/901x", None),
            ("https://notvimeo.com/901", None),
        ],
    )
    def test_recognises_its_links(self, url: str, number: str | None) -> None:
        assert Vimeo.recognise(object.__new__(Vimeo), url) == number


def test_videos_are_kept_with_keep(tmp_path: Path) -> None:
    with Sandbox(keep=tmp_path / "kept") as sandbox:
        config: Any = sandbox.config(tmp_path)
        vimeo = Client(sandbox, config["vimeo"]["access_token"])
        video = vimeo.create()
        sandbox.fault(platform="vimeo", operation="tus.patch", kind="cut", after=GRANULE + 5)
        with pytest.raises(requests.ConnectionError):
            patch(video, CONTENT)
        patch(video, CONTENT[GRANULE:], offset(video))
        kept = [path for path in (tmp_path / "kept").iterdir() if path.suffix == ".mp4"]
        assert [path.read_bytes() for path in kept] == [CONTENT]


def test_over_tls_the_links_are_https(tmp_path: Path) -> None:
    with Sandbox(tls=True) as sandbox:
        config: Any = sandbox.config(tmp_path)
        headers = {"Authorization": f"bearer {config['vimeo']['access_token']}"}
        body = {"upload": {"approach": "tus", "size": 5}}
        reply = requests.post(
            f"{sandbox.url}/me/videos", json=body, headers=headers, verify=str(sandbox.ca_file), timeout=5
        )
        assert reply.json()["upload"]["upload_link"].startswith("https://127.0.0.1:")


def _expect_failure(act: Callable[[], object], failed: list[Exception]) -> None:
    try:
        act()
    except requests.RequestException as problem:
        failed.append(problem)


def _begin_patch(link: str) -> socket.socket:
    """A PATCH of all of CONTENT of which only the headers are sent."""
    parts = urlsplit(link)
    assert parts.hostname
    assert parts.port
    headers = {**BYTES, "Host": parts.netloc, "Upload-Offset": "0", "Content-Length": str(len(CONTENT))}
    head = [f"PATCH {parts.path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items()), "", ""]
    line = socket.create_connection((parts.hostname, parts.port), timeout=10)
    line.sendall("\r\n".join(head).encode())
    return line


def _until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread brings about; the test's own time limit ends it."""
    while not condition():
        threading.Event().wait(0.01)
