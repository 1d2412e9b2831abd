"""The sandbox's Facebook Page, by plain requests: each rule of the facts, each unverified one both ways."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from medusa.sandbox import Sandbox
from medusa.sandbox.facebook import Facebook
from medusa.sandbox.picture import placeholder
from medusa.sandbox.sink import GRANULE

CONTENT = bytes(range(256)) * 12_000  # 3 072 000 bytes: three windows
PICTURE = placeholder("a test")
LINK = "https://vimeo.example/901"
DAY = 86_400


class Client:
    """A Graph client that knows nothing but the base URL, the Page and its token."""

    def __init__(self, sandbox: Sandbox, page: str, token: str) -> None:
        self.sandbox = sandbox
        self.page = page
        self.token = token

    def call(self, method: str, path: str, version: str = "v26.0", **options: Any) -> requests.Response:
        """One request with the token in the header; `path` begins with an object's id, or is a whole URL."""
        url = path if path.startswith("http") else f"{self.sandbox.url}/{version}/{path}"
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return requests.request(method, url, headers=headers, timeout=10, **options)

    def get(self, path: str, **params: object) -> dict[str, Any]:
        """A read, as JSON, whatever its status."""
        return dict(self.call("GET", path, params=params).json())

    def post(self, edge: str, files: Any = None, **params: object) -> requests.Response:
        """POST to an edge of the Page, as a form."""
        return self.call("POST", f"{self.page}/{edge}", data=params, files=files)

    def feed(self, **params: object) -> str:
        """A post that must succeed; its id."""
        reply = self.post("feed", **params)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def listed(self, edge: str = "published_posts", **params: object) -> list[dict[str, Any]]:
        """The nodes of a list."""
        return list(self.get(f"{self.page}/{edge}", **params)["data"])

    def photo(self, **params: object) -> dict[str, Any]:
        """A photo that must succeed."""
        reply = self.post("photos", files={"source": ("p.png", PICTURE)}, **params)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def state(self) -> dict[str, Any]:
        """What the sandbox knows."""
        state: Any = self.sandbox.state()["facebook"]
        return dict(state)

    def later(self) -> int:
        """A time that may be scheduled: in an hour, whole seconds."""
        return int(self.sandbox.clock.now()) + 3600

    def start(self, size: int = len(CONTENT)) -> dict[str, Any]:
        """The start of a phased upload."""
        return dict(self.post("videos", upload_phase="start", file_size=size).json())

    def transfer(self, session: str, at: int, chunk: bytes) -> requests.Response:
        """One chunk of it."""
        files = {"video_file_chunk": ("chunk", chunk)}
        return self.post("videos", files, upload_phase="transfer", upload_session_id=session, start_offset=at)

    def uploaded(self, content: bytes = CONTENT) -> dict[str, Any]:
        """A phased upload with all its bytes, by the server's windows."""
        begun = self.start(len(content))
        at, end = int(begun["start_offset"]), int(begun["end_offset"])
        while at != end:
            told = self.transfer(begun["upload_session_id"], at, content[at:end]).json()
            at, end = int(told["start_offset"]), int(told["end_offset"])
        return begun

    def finish(self, begun: dict[str, Any], **params: object) -> requests.Response:
        """The end of a phased upload."""
        return self.post("videos", upload_phase="finish", upload_session_id=begun["upload_session_id"], **params)

    def reel(self) -> dict[str, Any]:
        """The start of a reel."""
        return dict(self.post("video_reels", upload_phase="start").json())

    def rupload(self, reel: dict[str, Any], content: bytes, offset: int = 0, **headers: str) -> requests.Response:
        """Bytes of a reel."""
        sent = {
            "Authorization": f"OAuth {self.token}",
            "offset": str(offset),
            "file_size": str(len(CONTENT)),
            **headers,
        }
        return requests.post(reel["upload_url"], data=content, headers=sent, timeout=10)

    def finish_reel(self, reel: dict[str, Any], state: str = "PUBLISHED", **params: object) -> requests.Response:
        """The end of a reel."""
        ids = {"upload_phase": "finish", "video_id": reel["video_id"], "video_state": state}
        return self.post("video_reels", **ids, **params)

    def status(self, video_id: str) -> dict[str, Any]:
        """The `status` of a video."""
        return dict(self.get(video_id, fields="status")["status"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Sandbox() as sandbox:
        config: Any = sandbox.config(tmp_path_factory.mktemp("config"))
        yield Client(sandbox, config["facebook"]["page_id"], config["facebook"]["access_token"])


@pytest.fixture
def page(running: Client) -> Iterator[Client]:
    yield running
    running.sandbox.reset()


def error(reply: requests.Response) -> dict[str, Any]:
    """The error envelope."""
    return dict(reply.json()["error"])


def code(reply: requests.Response) -> tuple[int, int | None]:
    """Code and subcode."""
    return error(reply)["code"], error(reply).get("error_subcode")


class TestAccess:
    def test_the_page(self, page: Client) -> None:
        told = page.get(page.page, fields="id,name,link")
        assert told.keys() == {"id", "name", "link"}
        assert page.get("me")["id"] == page.page
        assert page.get(page.page).keys() == {"id", "name"}

    def test_unknown_fields_are_refused(self, page: Client) -> None:
        reply = page.call("GET", page.page, params={"fields": "id,nonsense"})
        assert error(reply)["code"] == 100
        assert "nonexisting field (nonsense) on node type (Page)" in error(reply)["message"]

    @pytest.mark.parametrize("fields", ["id,,name", "a{b", "a}", "a b", "{a}", "a,%"])
    def test_malformed_fields_are_refused(self, page: Client, fields: str) -> None:
        assert code(page.call("GET", page.page, params={"fields": fields})) == (2500, None)

    def test_the_token_goes_anywhere(self, page: Client) -> None:
        url = f"{page.sandbox.url}/v26.0/{page.page}/feed"
        given: list[dict[str, Any]] = [
            {"params": {"access_token": page.token}, "data": {"message": "1"}},
            {"data": {"access_token": page.token, "message": "2"}},
            {"json": {"access_token": page.token, "message": "3"}},
            {"files": {"access_token": (None, page.token), "message": (None, "4")}},
            {"headers": {"Authorization": f"OAuth {page.token}"}, "data": {"message": "5"}},
        ]
        assert [requests.post(url, timeout=5, **request).status_code for request in given] == [200] * 5
        assert [post["message"] for post in page.state()["posts"]] == ["1", "2", "3", "4", "5"]
        assert page.token not in repr(page.sandbox.log())

    def test_no_token_and_a_wrong_one(self, page: Client) -> None:
        url = f"{page.sandbox.url}/v26.0/{page.page}"
        assert code(requests.get(url, timeout=5)) == (104, None)
        assert code(requests.get(url, params={"access_token": "x"}, timeout=5)) == (190, None)

    @pytest.mark.parametrize(
        ("state", "subcode"), [("expired", 463), ("password_changed", 460), ("removed", 458), ("lost_role", 492)]
    )
    def test_a_dead_token_says_why(self, page: Client, state: str, subcode: int) -> None:
        page.sandbox.set(facebook_token=state)
        assert code(page.call("GET", page.page)) == (190, subcode)
        assert error(page.call("GET", page.page))["type"] == "OAuthException"

    def test_a_token_with_a_lifetime_expires_by_the_clock(self, page: Client) -> None:
        page.sandbox.set(facebook_token_s=100_000.0)
        assert page.get("debug_token", input_token=page.token)["data"]["expires_at"] > 0
        page.sandbox.clock.move(100_001)
        assert code(page.call("GET", page.page)) == (190, 463)

    def test_revoked_by_a_fault(self, page: Client) -> None:
        page.sandbox.fault(platform="facebook", operation="page.get", kind="token_revoked")
        assert code(page.call("GET", page.page)) == (190, 460)
        assert page.call("GET", page.page).status_code == 200

    def test_other_objects_do_not_exist_for_this_token(self, page: Client) -> None:
        for reply in (page.call("GET", "999"), page.call("POST", "999/feed", data={"message": "x"})):
            assert reply.status_code == 400
            assert code(reply) == (100, 33)
            assert error(reply)["type"] == "GraphMethodException"
            assert error(reply)["fbtrace_id"]

    def test_posting_needs_its_scope(self, page: Client) -> None:
        page.sandbox.set(facebook_scopes="pages_read_engagement")
        begun = {"upload_phase": "start", "file_size": 5000}
        for edge, params in (("feed", {"message": "x"}), ("videos", begun), ("video_reels", begun)):
            reply = page.post(edge, **params)
            assert (reply.status_code, error(reply)["code"]) == (403, 200)
        page.sandbox.set(facebook_scopes="pages_manage_posts")
        assert error(page.call("GET", f"{page.page}/published_posts"))["code"] == 200

    def test_debug_token(self, page: Client) -> None:
        for path in (f"{page.sandbox.url}/debug_token", "debug_token"):
            told = page.get(path, input_token=page.token)["data"]
            assert told["is_valid"] is True
            assert (told["type"], told["profile_id"], told["expires_at"]) == ("PAGE", page.page, 0)
            assert "pages_manage_posts" in told["scopes"]
        assert page.token not in repr(page.sandbox.log())

    def test_whether_a_token_may_inspect_itself_is_a_switch(self, page: Client) -> None:
        page.sandbox.set(facebook_self_debug=False)
        assert code(page.call("GET", "debug_token", params={"input_token": page.token})) == (100, None)

    def test_permissions_are_no_edge_of_a_page(self, page: Client) -> None:
        assert "nonexisting field (permissions)" in error(page.call("GET", "me/permissions"))["message"]

    def test_unknown_edges(self, page: Client) -> None:
        assert code(page.call("POST", f"{page.page}/nonsense")) == (2500, None)

    def test_error_in_200(self, page: Client) -> None:
        page.sandbox.fault(platform="facebook", operation="feed.create", kind="error_in_200")
        reply = page.post("feed", message="x")
        assert (reply.status_code, error(reply)["code"]) == (200, 1)
        assert page.state()["posts"] == []


class TestVersions:
    @pytest.mark.parametrize("version", ["v26.0", "v25.0", "v21.0"])
    def test_live_ones(self, page: Client, version: str) -> None:
        assert page.call("GET", page.page, version=version).status_code == 200

    @pytest.mark.parametrize(("version", "says"), [("v20.0", 2635), ("v3.0", 2635), ("v27.0", 2500), ("v26.1", 2500)])
    def test_dead_and_unborn_ones(self, page: Client, version: str, says: int) -> None:
        assert code(page.call("GET", page.page, version=version)) == (says, None)

    def test_they_die_by_the_clock(self, page: Client) -> None:
        until = datetime.fromisoformat("2027-01-21T00:00:00+00:00").timestamp() - page.sandbox.clock.now()
        page.sandbox.clock.move(max(until, 0) + 1)
        assert code(page.call("GET", page.page, version="v21.0")) == (2635, None)

    def test_a_dead_one_may_fall_to_the_oldest(self, page: Client) -> None:
        page.sandbox.set(facebook_dead_version="oldest")
        assert page.call("GET", page.page, version="v20.0").status_code == 200
        assert page.call("GET", page.page, version="v27.0").status_code == 400


class TestUsage:
    def test_headers_only_after_some_use(self, page: Client) -> None:
        first, second = page.call("GET", page.page), page.call("GET", page.page)
        assert "X-App-Usage" not in first.headers
        assert json.loads(second.headers["X-App-Usage"])["call_count"] == 0
        [usage] = json.loads(second.headers["X-Business-Use-Case-Usage"])[page.page]
        assert (usage["type"], usage["estimated_time_to_regain_access"]) == ("pages", 0)

    def test_percent_then_80001_until_the_next_day(self, page: Client) -> None:
        page.sandbox.set(facebook_engaged_users=0)
        reply = page.call("GET", page.page)
        assert (reply.status_code, error(reply)["code"]) == (400, 80001)
        [usage] = json.loads(reply.headers["X-Business-Use-Case-Usage"])[page.page]
        assert usage["call_count"] == 100
        assert 0 < usage["estimated_time_to_regain_access"] <= 1440
        page.sandbox.set(facebook_engaged_users=1)
        assert page.call("GET", page.page).status_code == 200

    def test_percent_by_its_own_count(self, page: Client) -> None:
        page.sandbox.set(facebook_engaged_users=2, facebook_calls_per_user=2, facebook_app_calls=10)
        reply = [page.call("GET", page.page) for _ in range(3)][-1]
        [usage] = json.loads(reply.headers["X-Business-Use-Case-Usage"])[page.page]
        assert (reply.status_code, usage["call_count"]) == (200, 75)
        assert json.loads(reply.headers["X-App-Usage"])["call_count"] == 30

    @pytest.mark.parametrize(("of", "app", "pages", "minutes"), [("app", 97, 0, 0), ("page", 0, 97, 2)])
    def test_a_fault_says_how_much_is_used_and_lets_the_call_succeed(
        self, page: Client, of: str, app: int, pages: int, minutes: int
    ) -> None:
        page.sandbox.fault(platform="facebook", operation="page.get", kind="usage", percent=97, of=of, retry_after=90)
        reply = page.call("GET", page.page)
        assert (reply.status_code, reply.json()["id"]) == (200, page.page)
        assert json.loads(reply.headers["X-App-Usage"])["call_count"] == app
        [usage] = json.loads(reply.headers["X-Business-Use-Case-Usage"])[page.page]
        assert (usage["call_count"], usage["estimated_time_to_regain_access"]) == (pages, minutes)

    def test_the_fault_gives_minutes(self, page: Client) -> None:
        page.sandbox.fault(platform="facebook", operation="feed.create", kind="rate_limit", retry_after=90)
        reply = page.post("feed", message="x")
        assert error(reply)["code"] == 80001
        [usage] = json.loads(reply.headers["X-Business-Use-Case-Usage"])[page.page]
        assert usage["estimated_time_to_regain_access"] == 2
        assert page.state()["posts"] == []


class TestFeed:
    def test_a_post(self, page: Client) -> None:
        post = page.feed(message="Hello", link=LINK)
        assert post.startswith(f"{page.page}_")
        told = page.get(post, fields="message,permalink_url,is_published,created_time,application,attachments")
        number = post.partition("_")[2]
        assert told["permalink_url"] == f"https://www.facebook.com/{page.page}/posts/{number}"
        assert (told["message"], told["is_published"]) == ("Hello", True)
        assert told["created_time"].endswith("+0000")
        assert told["attachments"]["data"][0]["unshimmed_url"] == LINK
        assert told["application"]["id"] == page.get("debug_token", input_token=page.token)["data"]["app_id"]

    def test_without_fields_the_reply_is_the_id(self, page: Client) -> None:
        assert page.post("feed", message="x").json().keys() == {"id"}

    def test_read_after_write(self, page: Client) -> None:
        page.sandbox.set(facebook_read_lag_s=1000.0)
        params = {"fields": "id,permalink_url,attachments{unshimmed_url}"}
        body = {"message": "New video", "link": LINK, "published": True}
        told = page.call("POST", f"{page.page}/feed", params=params, json=body).json()
        assert told.keys() == {"id", "permalink_url", "attachments"}
        assert told["attachments"] == {"data": [{"unshimmed_url": LINK}]}

    def test_unknown_fields_of_the_reply_post_nothing(self, page: Client) -> None:
        page.sandbox.set(facebook_read_lag_s=0.0)
        for fields in ("id,link", "id{", "attachments{"):
            assert page.post("feed", message="x", fields=fields).status_code == 400
        assert page.state()["posts"] == []

    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"message": "x" * 63_207},
            {"message": "x", "published": "perhaps"},
            {"message": "x", "caption_text": "unknown"},
            {"message": "x", "attached_media": "P1"},
            {"message": "x", "attached_media": '[{"media_fbid":"1"}]'},
        ],
    )
    def test_refusals(self, page: Client, params: dict[str, object]) -> None:
        assert code(page.post("feed", **params)) == (100, None)
        assert page.state()["posts"] == []

    def test_unknown_parameters_are_a_switch(self, page: Client) -> None:
        page.sandbox.set(facebook_unknown_parameters="ignore")
        page.feed(message="x", caption_text="unknown")

    def test_links_that_cannot_be_shared(self, page: Client) -> None:
        page.sandbox.set(facebook_scrape="fail")
        own = "https://www.facebook.com/1/posts/2"
        assert code(page.post("feed", link=LINK)) == (100, 1609005)
        assert code(page.post("feed", link=own)) == (100, 1609008)
        assert code(page.post("feed", link="not a url")) == (1500, None)
        page.sandbox.set(facebook_link_errors="code")
        assert code(page.post("feed", link=LINK)) == (1609005, None)
        assert code(page.post("feed", link=own)) == (1609008, None)
        page.sandbox.set(facebook_scrape="ok")
        page.feed(link=LINK)
        page.feed(link="https://notfacebook.com/x")

    def test_the_same_text_twice_in_a_row_is_506(self, page: Client) -> None:
        first = page.feed(message="Hello", link=LINK)
        again = page.post("feed", message="Hello", link=LINK)
        assert code(again)[0] == 506
        assert error(again)["error_user_msg"]
        page.feed(message="Something else")
        page.feed(message="Hello", link=LINK)
        last = page.feed(message="Hello again")
        page.call("DELETE", last)
        page.feed(message="Hello again")
        assert page.call("DELETE", first).json() == {"success": True}
        assert code(page.call("GET", first)) == (100, 33)

    def test_bare_post_ids_fail(self, page: Client) -> None:
        assert code(page.call("GET", page.feed(message="x").partition("_")[2])) == (12, None)

    def test_code_2_after_having_posted(self, page: Client) -> None:
        page.sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500, committed=True)
        reply = page.post("feed", message="x")
        assert (reply.status_code, error(reply)["code"], error(reply)["is_transient"]) == (500, 2, True)
        assert [post["message"] for post in page.listed()] == ["x"]

    def test_code_2_without(self, page: Client) -> None:
        page.sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=503)
        assert code(page.post("feed", message="x")) == (2, None)
        assert page.listed() == []

    def test_malformed_bodies(self, page: Client) -> None:
        headers = {"Content-Type": "application/json"}
        assert code(page.call("POST", f"{page.page}/feed", data=b"{", headers=headers)) == (100, None)


class TestSchedule:
    def test_waits_in_its_own_list_until_the_clock_says(self, page: Client) -> None:
        at = page.later()
        post = page.feed(message="later", published="false", scheduled_publish_time=at)
        assert page.listed() == []
        [waiting] = page.listed("scheduled_posts", fields="id,scheduled_publish_time,is_published")
        assert waiting == {"id": post, "scheduled_publish_time": at, "is_published": False}
        page.sandbox.clock.move(3601)
        assert page.listed("scheduled_posts") == []
        [seen] = page.listed(fields="id,created_time,is_published")
        assert (seen["id"], seen["is_published"]) == (post, True)
        assert datetime.strptime(seen["created_time"], "%Y-%m-%dT%H:%M:%S%z").timestamp() == at

    def test_iso_times(self, page: Client) -> None:
        at = datetime.fromtimestamp(page.later()).astimezone().isoformat()
        page.feed(message="x", published=False, scheduled_publish_time=at)
        assert page.state()["posts"][0]["scheduled_publish_time"] == datetime.fromisoformat(at).timestamp()

    @pytest.mark.parametrize(("offset", "good"), [(590, False), (660, True), (30 * DAY - 60, True), (31 * DAY, False)])
    def test_the_window(self, page: Client, offset: int, good: bool) -> None:
        at = int(page.sandbox.clock.now()) + offset
        reply = page.post("feed", message="x", published="false", scheduled_publish_time=at)
        assert reply.status_code == (200 if good else 400)

    def test_the_window_is_a_switch(self, page: Client) -> None:
        page.sandbox.set(facebook_schedule_days=75)
        at = int(page.sandbox.clock.now()) + 74 * DAY
        page.feed(message="x", published="false", scheduled_publish_time=at)

    @pytest.mark.parametrize("at", [None, "tomorrow"])
    def test_needs_published_false_and_a_time(self, page: Client, at: str | None) -> None:
        published = "true" if at is None else "false"
        reply = page.post("feed", message="x", published=published, scheduled_publish_time=at or page.later())
        assert code(reply) == (100, None)

    def test_an_unpublished_post_is_in_no_list(self, page: Client) -> None:
        post = page.feed(message="dark", published="false")
        assert page.listed() == page.listed("scheduled_posts") == []
        assert page.get(post, fields="is_published")["is_published"] is False


class TestLists:
    def test_newest_first_by_pages(self, page: Client) -> None:
        for number in range(3):
            page.feed(message=str(number))
            page.sandbox.clock.move(1)
        first = page.get(f"{page.page}/published_posts", fields="message", limit=2)
        assert [post["message"] for post in first["data"]] == ["2", "1"]
        second = page.get(first["paging"]["next"])
        assert [post["message"] for post in second["data"]] == ["0"]
        assert "next" not in second["paging"]
        assert page.token not in first["paging"]["next"]
        after = first["paging"]["cursors"]["after"]
        assert page.listed(after=after, fields="message") == second["data"]

    def test_default_fields(self, page: Client) -> None:
        page.feed(message="x")
        assert page.listed()[0].keys() == {"id", "message", "created_time"}

    def test_undocumented_parameters_are_refused(self, page: Client) -> None:
        reply = page.call("GET", f"{page.page}/published_posts", params={"since": 1})
        assert code(reply) == (100, None)

    def test_a_cursor_must_be_of_the_list(self, page: Client) -> None:
        assert code(page.call("GET", f"{page.page}/published_posts", params={"after": "x"})) == (100, None)

    def test_reads_may_lag(self, page: Client) -> None:
        page.sandbox.set(facebook_read_lag_s=30.0)
        post = page.feed(message="x")
        assert code(page.call("GET", post)) == (100, 33)
        assert page.listed() == []
        page.sandbox.clock.move(31)
        assert page.get(post)["message"] == "x"
        assert [item["id"] for item in page.listed()] == [post]


class TestPhotos:
    def test_a_published_photo_makes_a_post(self, page: Client) -> None:
        made = page.photo(message="Look")
        assert made.keys() == {"id", "post_id"}
        [post] = page.listed(fields="message,attachments{media_type,target},full_picture")
        assert (post["message"], post["attachments"]["data"][0]["media_type"]) == ("Look", "photo")
        assert post["attachments"]["data"][0]["target"]["id"] == made["id"]
        assert requests.get(post["full_picture"], timeout=5).content == PICTURE
        photo = page.get(made["id"], fields="name,page_story_id,images")
        assert (photo["name"], photo["page_story_id"]) == ("Look", made["post_id"])
        assert page.state()["photos"][0]["sha256"] == hashlib.sha256(PICTURE).hexdigest()

    def test_unpublished_ones_go_into_a_post_together(self, page: Client) -> None:
        photos = [page.photo(published="false") for _ in range(3)]
        assert [photo.keys() for photo in photos] == [{"id"}] * 3
        assert page.listed() == []
        media = json.dumps([{"media_fbid": photo["id"]} for photo in photos[:2]])
        page.feed(message="Two", attached_media=media)
        indexed = {"attached_media[0]": json.dumps({"media_fbid": photos[2]["id"]})}
        page.feed(message="One", **indexed)
        told = [post["attachments"]["data"] for post in page.listed(fields="attachments{target}")]
        assert [[item["target"]["id"] for item in items] for items in told] == [
            [photos[2]["id"]],
            [photos[0]["id"], photos[1]["id"]],
        ]
        again = page.post("feed", message="Again", attached_media=media)
        assert code(again) == (100, 1366051)

    def test_a_video_cannot_be_mixed_in(self, page: Client) -> None:
        video = page.uploaded()["video_id"]
        reply = page.post("feed", message="x", attached_media=json.dumps([{"media_fbid": video}]))
        assert code(reply) == (100, None)

    def test_unused_ones_are_dropped_unless_temporary(self, page: Client) -> None:
        dropped, kept = page.photo(published="false")["id"], page.photo(published="false", temporary="true")["id"]
        page.sandbox.clock.move(DAY + 1)
        assert code(page.call("GET", dropped)) == (100, 33)
        assert page.call("GET", kept).status_code == 200
        for photo, status in ((dropped, 400), (kept, 200)):
            media = json.dumps([{"media_fbid": photo}])
            assert page.post("feed", message="x", attached_media=media).status_code == status

    @pytest.mark.parametrize("content", [b"GIF89a", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(4 * 1024 * 1024)])
    def test_jpeg_and_png_up_to_4_mb(self, page: Client, content: bytes) -> None:
        assert code(page.post("photos", files={"source": ("p", content)})) == (100, 1366046)
        assert page.state()["photos"] == []

    def test_by_url(self, page: Client) -> None:
        made = page.post("photos", url="https://cdn.example/p.jpg", caption="Far away").json()
        assert page.get(made["id"], fields="picture")["picture"] == "https://cdn.example/p.jpg"
        page.sandbox.set(facebook_scrape="fail")
        assert code(page.post("photos", url="https://cdn.example/p.jpg"))[0] == 324
        assert code(page.post("photos")) == (100, None)

    def test_scheduled(self, page: Client) -> None:
        made = page.photo(message="later", published="false", scheduled_publish_time=page.later())
        assert made.keys() == {"id"}
        assert [post["message"] for post in page.listed("scheduled_posts")] == ["later"]

    def test_deleted(self, page: Client) -> None:
        photo = page.photo(published="false")["id"]
        assert page.call("DELETE", photo).json() == {"success": True}
        assert page.state()["photos"] == []


class TestPhasedVideo:
    def test_the_server_chooses_the_windows(self, page: Client) -> None:
        begun = page.start()
        assert begun.keys() == {"video_id", "upload_session_id", "start_offset", "end_offset"}
        assert (begun["start_offset"], begun["end_offset"]) == ("0", "1048576")  # strings
        told = page.transfer(begun["upload_session_id"], 0, CONTENT[:1048576]).json()
        assert told == {"start_offset": "1048576", "end_offset": str(len(CONTENT))}
        told = page.transfer(begun["upload_session_id"], 1048576, CONTENT[1048576:]).json()
        assert told["start_offset"] == told["end_offset"] == str(len(CONTENT))
        [video] = page.state()["videos"]
        assert (video["received"], video["sha256"]) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())

    def test_windows_follow_the_option(self, page: Client) -> None:
        page.sandbox.set(facebook_window=1000)
        begun = page.start(5000)
        at, end, ends = 0, int(begun["end_offset"]), []
        while at != end:
            ends.append(end)
            told = page.transfer(begun["upload_session_id"], at, CONTENT[at:end]).json()
            at, end = int(told["start_offset"]), int(told["end_offset"])
        assert ends == [1000, 3000, 5000]

    @pytest.mark.parametrize("at", [0, 1000, 2_000_000])
    def test_a_wrong_offset_is_answered_with_the_truth(self, page: Client, at: int) -> None:
        session = page.start()["upload_session_id"]
        page.transfer(session, 0, CONTENT[:1048576])
        reply = page.transfer(session, at, CONTENT[at : at + 1000])
        assert code(reply)[1] == 1363037
        assert error(reply)["error_data"] == {"start_offset": 1048576, "end_offset": len(CONTENT)}
        page.sandbox.set(facebook_error_data="string")
        told = error(page.transfer(session, at, CONTENT[at : at + 1000]))["error_data"]
        assert json.loads(told) == {"start_offset": "1048576", "end_offset": str(len(CONTENT))}

    def test_a_chunk_beyond_the_window_is_refused(self, page: Client) -> None:
        session = page.start()["upload_session_id"]
        assert code(page.transfer(session, 0, CONTENT[: 1048576 + 1]))[1] == 1363037

    def test_a_broken_chunk_then_the_truth(self, page: Client) -> None:
        session = page.start()["upload_session_id"]
        page.sandbox.fault(platform="facebook", operation="video.transfer", kind="cut", after=GRANULE + 5000)
        files = {"video_file_chunk": ("chunk", CONTENT[:1048576])}
        ids = {"upload_session_id": session, "start_offset": 0}
        with pytest.raises(requests.ConnectionError):
            page.post("videos?upload_phase=transfer", files, **ids)
        truth = error(page.transfer(session, 0, CONTENT[:1048576]))["error_data"]
        at, end = truth["start_offset"], truth["end_offset"]
        assert at == GRANULE
        while at != end:
            told = page.transfer(session, at, CONTENT[at:end]).json()
            at, end = int(told["start_offset"]), int(told["end_offset"])
        assert page.state()["videos"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()

    def test_partial_storage_is_told_truthfully(self, page: Client) -> None:
        session = page.start()["upload_session_id"]
        page.sandbox.fault(platform="facebook", operation="video.transfer", kind="partial", keep=777)
        assert page.transfer(session, 0, CONTENT[:1048576]).json()["start_offset"] == "777"

    def test_a_lost_reply_is_found_by_sending_again(self, page: Client) -> None:
        session = page.start()["upload_session_id"]
        page.sandbox.fault(platform="facebook", operation="video.transfer", kind="lost_reply")
        with pytest.raises(requests.ConnectionError):
            page.transfer(session, 0, CONTENT[:1048576])
        reply = page.transfer(session, 0, CONTENT[:1048576])
        assert error(reply)["error_data"]["start_offset"] == 1048576

    def test_finish_publishes_after_processing(self, page: Client) -> None:
        page.sandbox.set(processing_s=100.0)
        begun = page.uploaded()
        video = begun["video_id"]
        assert page.status(video)["video_status"] == "upload_complete"
        assert page.finish(begun, title="Talk", description="My talk").json() == {"success": True}
        fields = "status,published,post_id,permalink_url,title,description"
        told = page.get(video, fields=fields)
        assert told["status"]["video_status"] == "processing"
        assert told["status"]["publishing_phase"]["publish_status"] != "published"
        assert told["published"] is False
        assert "post_id" not in told
        assert page.listed() == []
        page.sandbox.clock.move(101)
        told = page.get(video, fields=fields)
        assert (told["status"]["video_status"], told["published"]) == ("ready", True)
        assert told["status"]["publishing_phase"]["publish_status"] == "published"
        assert (told["title"], told["description"]) == ("Talk", "My talk")
        [post] = page.listed(fields="id,message,attachments{media_type,target}")
        assert post["id"] == told["post_id"]
        assert post["message"] == "My talk"
        assert post["attachments"]["data"][0]["target"]["id"] == video

    def test_finish_needs_every_byte_and_happens_once(self, page: Client) -> None:
        begun = page.start()
        assert code(page.finish(begun))[1] == 1363037
        begun = page.uploaded()
        assert page.finish(begun).status_code == 200
        assert code(page.finish(begun))[1] == 1363019
        assert code(page.transfer(begun["upload_session_id"], 0, b"x"))[1] == 1363019
        assert len(page.state()["posts"]) == 1

    def test_scheduled_and_unpublished(self, page: Client) -> None:
        at = page.later()
        begun = page.uploaded()
        page.finish(begun, published="false", scheduled_publish_time=at, description="later")
        publishing = page.status(begun["video_id"])["publishing_phase"]
        assert (publishing["publish_status"], publishing["publish_time"]) == ("scheduled", at)
        assert [post["message"] for post in page.listed("scheduled_posts")] == ["later"]
        draft = page.uploaded()
        page.finish(draft, published="false")
        page.sandbox.clock.move(3601)
        assert page.get(begun["video_id"], fields="published")["published"] is True
        assert page.get(draft["video_id"], fields="published")["published"] is False
        assert page.status(draft["video_id"])["publishing_phase"]["publish_status"] == "draft"

    def test_processing_may_fail(self, page: Client) -> None:
        reason = "no video track"
        page.sandbox.fault(platform="facebook", operation="processing", kind="processing_failed", reason=reason)
        begun = page.uploaded()
        page.finish(begun)
        page.sandbox.clock.move(10)
        status = page.status(begun["video_id"])
        assert status["video_status"] == "error"
        assert status["processing_phase"] == {"status": "error", "error": {"message": reason}}
        page.sandbox.set(facebook_status_words="sdk")
        assert page.status(begun["video_id"])["processing_phase"]["errors"][0]["message"] == reason
        assert page.listed() == []

    def test_processing_may_be_stuck(self, page: Client) -> None:
        page.sandbox.fault(platform="facebook", operation="processing", kind="processing_stuck")
        begun = page.uploaded()
        page.finish(begun)
        page.sandbox.clock.move(DAY * 10)
        assert page.status(begun["video_id"])["video_status"] == "processing"

    def test_cancel_and_delete(self, page: Client) -> None:
        begun = page.start()
        ids = {"upload_phase": "cancel", "upload_session_id": begun["upload_session_id"]}
        assert page.post("videos", **ids).json() == {"success": True}
        assert code(page.call("GET", begun["video_id"])) == (100, 33)
        begun = page.uploaded()
        page.finish(begun)
        assert page.call("DELETE", begun["video_id"]).json() == {"success": True}
        assert page.state()["posts"] == page.state()["videos"] == []
        begun = page.start()
        page.call("DELETE", begun["video_id"])
        assert code(page.transfer(begun["upload_session_id"], 0, b"x"))[1] == 1363019

    def test_sessions_end(self, page: Client) -> None:
        begun = page.start()
        page.sandbox.clock.move(DAY + 1)
        assert code(page.transfer(begun["upload_session_id"], 0, CONTENT[:1048576]))[1] == 1363019
        assert page.status(begun["video_id"])["video_status"] == "expired"
        begun = page.start()
        page.sandbox.fault(platform="facebook", operation="video.transfer", kind="session_gone")
        for _ in range(2):
            assert code(page.transfer(begun["upload_session_id"], 0, b"x"))[1] == 1363019

    @pytest.mark.parametrize(("size", "subcode"), [(1023, 1363022), (10_737_418_241, 1363023)])
    def test_sizes(self, page: Client, size: int, subcode: int) -> None:
        reply = page.post("videos", upload_phase="start", file_size=size)
        assert code(reply)[1] == subcode

    @pytest.mark.parametrize(
        "params",
        [
            {"upload_phase": "begin"},
            {"upload_phase": "start"},
            {"upload_phase": "start", "file_size": "many"},
            {"upload_phase": "start", "file_size": 5000, "chunk_size": 5},
            {"upload_phase": "finish"},
            {},
        ],
    )
    def test_bad_parameters(self, page: Client, params: dict[str, object]) -> None:
        assert code(page.post("videos", **params)) == (100, None)

    def test_a_chunk_must_be_there(self, page: Client) -> None:
        ids = {"upload_session_id": page.start()["upload_session_id"], "start_offset": 0}
        assert code(page.post("videos", upload_phase="transfer", **ids)) == (100, None)

    def test_a_long_title(self, page: Client) -> None:
        assert code(page.finish(page.uploaded(), title="x" * 255)) == (100, None)

    def test_the_permalink_is_relative_or_absolute(self, page: Client) -> None:
        video = page.start()["video_id"]
        path = f"/{page.page}/videos/{video}/"
        assert page.get(video, fields="permalink_url")["permalink_url"] == path
        page.sandbox.set(facebook_video_permalink="absolute")
        assert page.get(video, fields="permalink_url")["permalink_url"] == f"https://www.facebook.com{path}"

    def test_the_phase_names_the_operation(self, page: Client) -> None:
        page.finish(page.uploaded())
        names = [entry["operation"] for entry in page.sandbox.log()]
        assert names == ["video.start", "video.transfer", "video.transfer", "video.finish"]

    def test_at_once(self, page: Client) -> None:
        made = page.post("videos", files={"source": ("v.mp4", CONTENT)}, title="All", description="at once").json()
        assert made.keys() == {"id"}
        assert page.state()["videos"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        page.post("videos", file_url="https://cdn.example/v.mp4")
        page.sandbox.clock.move(5)
        assert len(page.listed()) == 2
        page.sandbox.set(facebook_scrape="fail")
        assert code(page.post("videos", file_url="https://cdn.example/v.mp4")) == (389, None)
        assert len(page.state()["videos"]) == 2


class TestReels:
    def test_a_whole_reel(self, page: Client) -> None:
        reel = page.reel()
        assert reel.keys() == {"video_id", "upload_url"}
        assert reel["upload_url"] == f"{page.sandbox.url}/video-upload/v26.0/{reel['video_id']}"
        assert page.rupload(reel, CONTENT).json() == {"success": True}
        assert page.finish_reel(reel, description="A reel").json() == {"success": True}
        page.sandbox.clock.move(5)
        told = page.get(reel["video_id"], fields="status,published,post_id,permalink_url")
        assert told["published"] is True
        assert told["permalink_url"] == f"/reel/{reel['video_id']}/"
        assert [post["id"] for post in page.listed()] == [told["post_id"]]
        assert page.state()["videos"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()

    def test_a_cut_upload_goes_on_where_the_status_says(self, page: Client) -> None:
        reel = page.reel()
        assert page.status(reel["video_id"])["uploading_phase"]["status"] == "not_started"
        page.sandbox.fault(platform="facebook", operation="reel.bytes", kind="cut", after=2 * GRANULE + 7)
        with pytest.raises(requests.ConnectionError):
            page.rupload(reel, CONTENT)
        told = page.status(reel["video_id"])["uploading_phase"]
        assert told == {"status": "in_progress", "bytes_transfered": 2 * GRANULE, "source_file_size": len(CONTENT)}
        wrong = page.rupload(reel, CONTENT)
        assert (wrong.status_code, wrong.json()["debug_info"]["type"]) == (400, "OffsetInvalidError")
        assert "error" not in wrong.json()
        assert page.rupload(reel, CONTENT[2 * GRANULE :], 2 * GRANULE).json() == {"success": True}
        assert page.state()["videos"][0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()

    def test_the_two_spellings_of_status(self, page: Client) -> None:
        reel = page.reel()
        page.rupload(reel, CONTENT)
        assert page.status(reel["video_id"])["uploading_phase"]["status"] == "complete"
        page.sandbox.set(facebook_status_words="sdk")
        told = page.status(reel["video_id"])["uploading_phase"]
        assert (told["status"], told["bytes_transferred"]) == ("completed", len(CONTENT))

    def test_fewer_bytes_than_announced_are_kept_and_told(self, page: Client) -> None:
        reel = page.reel()
        told = page.rupload(reel, CONTENT[:5000]).json()["debug_info"]
        assert (told["type"], told["retriable"]) == ("PartialRequestError", True)
        assert page.status(reel["video_id"])["uploading_phase"]["bytes_transfered"] == 5000

    @pytest.mark.parametrize(
        ("headers", "status", "kind"),
        [
            ({"Authorization": "Bearer x"}, 401, "NotAuthorizedError"),
            ({"Authorization": "OAuth x"}, 401, "NotAuthorizedError"),
            ({"offset": ""}, 400, "ParameterValidationError"),
            ({"file_size": "x"}, 400, "ParameterValidationError"),
            ({"file_size": "5"}, 400, "ParameterValidationError"),
            ({"file_size": "5000"}, 400, "ParameterValidationError"),
        ],
    )
    def test_bad_headers(self, page: Client, headers: dict[str, Any], status: int, kind: str) -> None:
        reply = page.rupload(page.reel(), CONTENT, **headers)
        assert (reply.status_code, reply.json()["debug_info"]["type"]) == (status, kind)

    def test_bearer_is_refused_where_oauth_is_asked(self, page: Client) -> None:
        reply = page.rupload(page.reel(), CONTENT, Authorization=f"Bearer {page.token}")
        assert reply.status_code == 401

    def test_the_file_size_is_fixed_by_the_first_request(self, page: Client) -> None:
        reel = page.reel()
        page.rupload(reel, CONTENT[:5000])
        reply = page.rupload(reel, CONTENT[5000:] + b"x", 5000, file_size=str(len(CONTENT) + 1))
        assert reply.json()["debug_info"]["type"] == "ParameterValidationError"

    def test_unknown_and_finished_uploads(self, page: Client) -> None:
        reel = page.reel()
        unknown = page.rupload({"upload_url": reel["upload_url"] + "0"}, CONTENT)
        assert (unknown.status_code, "debug_info" in unknown.json()) == (404, True)
        page.rupload(reel, CONTENT)
        page.finish_reel(reel)
        assert page.rupload(reel, CONTENT).json()["debug_info"]["type"] == "ProcessingFailedError"

    def test_hosted_files(self, page: Client) -> None:
        def hosted(**more: str) -> requests.Response:
            headers = {"Authorization": f"OAuth {page.token}", "file_url": "https://cdn.example/v.mp4", **more}
            return requests.post(page.reel()["upload_url"], headers=headers, timeout=5)

        assert hosted().json() == {"success": True}
        page.sandbox.set(facebook_file_url_offset=True)
        assert hosted().json()["debug_info"]["type"] == "ParameterValidationError"
        assert hosted(offset="0", file_size="5000").json() == {"success": True}
        page.sandbox.set(facebook_scrape="fail")
        assert hosted(offset="0", file_size="5000").json()["debug_info"]["type"] == "ProcessingFailedError"

    def test_sessions_end(self, page: Client) -> None:
        reel = page.reel()
        page.sandbox.fault(platform="facebook", operation="reel.bytes", kind="session_gone")
        for _ in range(2):
            assert page.rupload(reel, CONTENT).json()["debug_info"]["type"] == "ProcessingFailedError"
        assert page.status(reel["video_id"])["video_status"] == "expired"

    def test_finish_needs_bytes_state_and_a_reel(self, page: Client) -> None:
        reel = page.reel()
        assert code(page.finish_reel(reel))[1] == 1363019
        page.rupload(reel, CONTENT)
        assert code(page.finish_reel(reel, "LIVE")) == (100, None)
        assert code(page.finish_reel({"video_id": "1"})) == (100, 33)
        assert code(page.post("video_reels", upload_phase="transfer")) == (100, None)
        assert page.finish_reel(reel, "published").status_code == 200  # enums in any case
        assert code(page.finish_reel(reel))[1] == 1363019

    def test_finish_may_give_the_post(self, page: Client) -> None:
        page.sandbox.set(facebook_finish_post_id=True)
        reel = page.reel()
        page.rupload(reel, CONTENT)
        assert page.finish_reel(reel).json()["post_id"].startswith(f"{page.page}_")

    def test_scheduled_and_draft(self, page: Client) -> None:
        reels = [page.reel(), page.reel()]
        for reel in reels:
            page.rupload(reel, CONTENT)
        too_far = int(page.sandbox.clock.now()) + 30 * DAY
        for at in (None, too_far):
            assert code(page.finish_reel(reels[0], "SCHEDULED", scheduled_publish_time=at)) == (100, None)
        assert page.finish_reel(reels[0], "SCHEDULED", scheduled_publish_time=page.later()).status_code == 200
        assert page.finish_reel(reels[1], "DRAFT").status_code == 200
        page.sandbox.clock.move(10)
        told = [page.status(reel["video_id"])["publishing_phase"]["publish_status"] for reel in reels]
        assert told == ["scheduled", "draft"]
        page.sandbox.clock.move(3600)
        told = [page.get(reel["video_id"], fields="published")["published"] for reel in reels]
        assert told == [True, False]

    def test_thirty_a_day(self, page: Client) -> None:
        page.sandbox.set(facebook_reels_per_day=1)
        reels = [page.reel(), page.reel()]
        for reel in reels:
            page.rupload(reel, CONTENT)
        assert page.finish_reel(reels[0]).status_code == 200
        assert code(page.finish_reel(reels[1])) == (368, 1390008)
        page.sandbox.clock.move(DAY + 1)
        later = page.reel()
        page.rupload(later, CONTENT)
        assert page.finish_reel(later).status_code == 200

    def test_faults_speak_ruploads_language(self, page: Client) -> None:
        for kind, more in (("status", {"code": 500}), ("token_revoked", {}), ("error_in_200", {})):
            page.sandbox.fault(platform="facebook", operation="reel.bytes", kind=kind, **more)
            assert "debug_info" in page.rupload(page.reel(), CONTENT).json()


class TestPageOfTheSandbox:
    def feed(self, page: Client) -> str:
        return requests.get(f"{page.sandbox.url}/_sandbox/feed", timeout=5).text.lower()

    def test_shows_what_people_see(self, page: Client) -> None:
        page.feed(message="A post with a link", link=LINK)
        page.photo(message="A photo")
        page.feed(message="nobody sees this", published="false")
        page.feed(message="In an hour", published="false", scheduled_publish_time=page.later())
        page.finish(page.uploaded(), title="A talk", description="A video")
        page.sandbox.clock.move(5)
        feed = self.feed(page)
        for text in ("a post with a link", LINK, "a photo", "in an hour", "a video", "a talk"):
            assert text in feed
        assert "nobody sees this" not in feed
        assert "processing" not in feed

    def test_says_what_is_under_way_and_what_failed(self, page: Client) -> None:
        page.finish(page.uploaded(), description="slow")
        assert "processing" in self.feed(page)
        page.sandbox.fault(platform="facebook", operation="processing", kind="processing_failed", reason="bad codec")
        page.finish(page.uploaded())
        page.sandbox.clock.move(5)
        assert "bad codec" in self.feed(page)

    @pytest.mark.parametrize(
        ("url", "number"),
        [
            ("https://www.facebook.com/10/posts/20", "10_20"),
            ("https://www.facebook.com/10_20", "10_20"),
            ("https://facebook.com/10/videos/30/", "30"),
            ("https://www.facebook.com/reel/40", "40"),
            ("https://www.facebook.com/10", None),
        ],
    )
    def test_recognises_its_links(self, url: str, number: str | None) -> None:
        assert Facebook.recognise(object.__new__(Facebook), url) == number


def test_limits_that_no_document_settles_are_switches(page: Client) -> None:
    page.sandbox.set(facebook_video_limit=5000, facebook_upload_s=10.0, facebook_unused_photo_s=10.0)
    assert code(page.post("videos", upload_phase="start", file_size=5001))[1] == 1363023
    begun, photo = page.start(5000), page.photo(published="false")
    page.sandbox.clock.move(11)
    assert page.status(begun["video_id"])["video_status"] == "expired"
    assert code(page.call("GET", photo["id"])) == (100, 33)


def test_numbers_are_digit_strings_that_grow(page: Client) -> None:
    ids = [page.photo(published="false")["id"] for _ in range(3)]
    assert all(identity.isdigit() for identity in ids)
    assert all(int(first) < int(second) for first, second in pairwise(ids))


def test_urls_follow_the_host_that_was_asked(page: Client) -> None:
    headers = {"Host": "graph.example:81"}
    begun = page.call("POST", f"{page.page}/video_reels", data={"upload_phase": "start"}, headers=headers).json()
    assert begun["upload_url"].startswith("http://graph.example:81/video-upload/")


def test_videos_are_kept_with_keep(tmp_path: Path) -> None:
    with Sandbox(keep=tmp_path / "kept") as sandbox:
        config: Any = sandbox.config(tmp_path)
        page = Client(sandbox, config["facebook"]["page_id"], config["facebook"]["access_token"])
        page.finish(page.uploaded())
        kept = [path for path in (tmp_path / "kept").iterdir() if path.suffix == ".mp4"]
        assert [path.read_bytes() for path in kept] == [CONTENT]


class TestPageForPeople:
    def pictures(self, page: Client) -> list[str | None]:
        """The thumbnail of each thing on the page; a video is shown by a frame of its stored film instead."""
        html = requests.get(f"{page.sandbox.url}/_sandbox/feed", timeout=5).text
        return [found[1] for found in re.finditer(r'<img src="([^"]+)"', html)]

    def test_a_photo_is_shown(self, page: Client) -> None:
        page.photo(message="Look")
        (url,) = self.pictures(page)
        assert requests.get(str(url), timeout=5).content == PICTURE

    def test_a_video_has_no_picture_of_its_own(self, page: Client) -> None:
        begun = page.uploaded()
        assert page.finish(begun, title="A film").ok
        assert self.pictures(page) == []


@pytest.mark.parametrize("after", [40_000, 1_000_000])
def test_a_cut_strikes_a_multipart_upload_at_its_byte(page: Client, after: int) -> None:
    """Which operation it is stands in the body, so its beginning is read before a fault can act."""
    begun = page.start()
    page.sandbox.fault(platform="facebook", operation="video.transfer", kind="cut", after=after)
    with pytest.raises(requests.ConnectionError):
        page.transfer(begun["upload_session_id"], 0, CONTENT[: int(begun["end_offset"])])
    assert page.sandbox.log()[-1]["received"] == after
