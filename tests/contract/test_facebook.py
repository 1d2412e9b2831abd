"""The Facebook adapter against the sandbox's Page: the shared exam, and what is Facebook's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Http
from medusa.adapters.platforms.facebook.account import Endpoints, FacebookAccount
from medusa.adapters.platforms.facebook.adapter import FacebookPublisher
from medusa.adapters.platforms.facebook.rules import FacebookRules
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import Ready
from medusa.domain.task import Step
from medusa.domain.values import Json, Media
from medusa.sandbox import Sandbox
from tests.contract.drive import Died, Disk, Life
from tests.contract.exam import PublisherContract, UploaderContract, after, before, within
from tests.contract.rig import Rig, looked_at

WINDOW = 60_000
"""Bytes of the sandbox's first window; the later ones grow."""
VIDEO = bytes(range(251)) * 800
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(5000)
HOUR = 3600
YOUTUBE = "https://youtube.com/watch?v=abc123"

POST: Json = {"message": "My latest talk: {youtube_url}"}
PHOTO: Json = {"message": "Seen today", "attach_media": True, "alt_text": "A gull"}
NATIVE: Json = {"message": "My latest talk", "attach_media": True, "title": "Tech Talk"}
REEL: Json = {"message": "Short", "attach_media": True, "as": "reel"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(options={"facebook_window": WINDOW}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    sender = Http()
    yield sender
    sender.close()


def page(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.state()["facebook"]
    return found


def posts(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page(sandbox)["posts"]
    return found


def existing(sandbox: Sandbox) -> Iterator[str]:
    """Posts with what they show; a photo or video that no post shows is seen by nobody."""
    wall = page(sandbox)
    pictures = {one["id"]: one["sha256"] for one in wall["photos"]}
    videos = {one["id"]: f"{one['kind']} {one['title']!r} {one['sha256']}" for one in wall["videos"]}
    for post in wall["posts"]:
        shown = [*(pictures[photo] for photo in post["photos"]), videos.get(post["video"], "")]
        yield f"post {post['message']!r} {post['link']} {shown} at {post['scheduled_publish_time']}"


def upright(media: Media) -> Media:
    return replace(looked_at(media), width=1080, height=1920)


def file(directory: Path, name: str) -> Path:
    path = directory / name
    path.write_bytes(PICTURE if name.endswith(".png") else VIDEO)
    return path


def rig_of(
    sandbox: Sandbox,
    http: Http,
    directory: Path,
    asked: Json,
    media: str = "",
    *,
    resend: bool = False,
    used: bool = False,
) -> Rig:
    """The sandbox's Page with this request."""
    block: Any = sandbox.config(directory)["facebook"]
    endpoints = Endpoints(block["endpoints"]["graph"])
    account = FacebookAccount(
        block["page_id"], block["access_token"], "app-secret-1", resend_if_not_found=resend, endpoints=endpoints
    )
    return Rig(
        adapter=lambda sender: FacebookPublisher(account, sender, FileAccounts()),
        rules=FacebookRules(account, Ready(at_most_s=600.0), now=sandbox.clock.now),
        asked=asked,
        existing=lambda: existing(sandbox),
        reset=sandbox.reset,
        clock=sandbox.clock,
        http=http,
        media=file(directory, media) if media else None,
        known={"youtube_url": YOUTUBE},
        used=used,
        may_be_unknown=frozenset() if media.endswith(".mp4") or resend else frozenset({"post"}),
        secrets=(account.access_token, "app-secret-1"),
        look=upright if asked.get("as") == "reel" else looked_at,
    )


def failure(life: Life, name: str) -> Failure:
    found = life.disk.steps()[name].failure
    assert found is not None, life.disk.steps()[name]
    return found


def lived(rig: Rig) -> Life:
    """A life with nothing wrong on the wire but what the sandbox does."""
    life = Life(rig, Disk())
    life.run()
    return life


class TestPosts(PublisherContract):
    @pytest.fixture(params=["post", "resent", "scheduled"])
    def rig(self, request: pytest.FixtureRequest, sandbox: Sandbox, http: Http, tmp_path: Path) -> Rig:
        match request.param:
            case "post":
                return rig_of(sandbox, http, tmp_path, POST)
            case "resent":
                return rig_of(sandbox, http, tmp_path, POST, resend=True)
            case _:
                at = int(sandbox.clock.now()) + 20 * HOUR
                return rig_of(sandbox, http, tmp_path, {**POST, "scheduled_publish_time": at})


class TestMedia(UploaderContract, PublisherContract):
    @pytest.fixture(params=["photo", "video", "reel", "scheduled reel"])
    def rig(self, request: pytest.FixtureRequest, sandbox: Sandbox, http: Http, tmp_path: Path) -> Rig:
        match request.param:
            case "photo":
                return rig_of(sandbox, http, tmp_path, PHOTO, "gull.png")
            case "video":
                return rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4", used=True)
            case "reel":
                return rig_of(sandbox, http, tmp_path, REEL, "short.mp4")
            case _:
                at = int(sandbox.clock.now()) + 20 * HOUR
                return rig_of(sandbox, http, tmp_path, {**REEL, "scheduled_publish_time": at}, "short.mp4")


# ---------------------------------------------------------------- posts


def test_a_post_carries_the_link_of_its_message(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    life = lived(rig_of(sandbox, http, tmp_path, POST))
    (post,) = posts(sandbox)
    assert (post["message"], post["link"]) == (f"My latest talk: {YOUTUBE}", YOUTUBE)
    receipt = life.disk.steps()["post"].receipt
    assert receipt
    assert receipt.id == post["id"]
    assert receipt.url == "https://www.facebook.com/{}/posts/{}".format(*post["id"].split("_"))


def test_one_request_is_all_that_a_post_takes(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    lived(rig_of(sandbox, http, tmp_path, POST))
    assert [one["operation"] for one in sandbox.log()] == ["page.get", "feed.create"]


def test_a_photo_is_posted_with_its_description(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    lived(rig_of(sandbox, http, tmp_path, PHOTO, "gull.png"))
    (post,) = posts(sandbox)
    (photo,) = page(sandbox)["photos"]
    assert post["photos"] == [photo["id"]]
    assert photo["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    created = next(one for one in sandbox.log() if one["operation"] == "photos.create")
    assert created["body"]["alt_text_custom"] == "A gull"


def test_a_scheduled_photo_outlives_a_day(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    asked = {**PHOTO, "scheduled_publish_time": int(sandbox.clock.now()) + 50 * HOUR}
    life = lived(rig_of(sandbox, http, tmp_path, asked, "gull.png"))
    photo = life.disk.steps()["photo"].receipt
    assert photo
    assert photo.usable_until is None
    sandbox.clock.move(49 * HOUR)
    assert not posts(sandbox)[0]["published"]
    sandbox.clock.move(2 * HOUR)
    assert posts(sandbox)[0]["published"]


def test_a_post_whose_reply_was_lost_is_found(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="lost_reply")
    life = lived(rig_of(sandbox, http, tmp_path, POST))
    (post,) = posts(sandbox)
    receipt = life.disk.steps()["post"].receipt
    assert receipt
    assert receipt.id == post["id"]


def test_code_2_after_the_post_was_made_is_no_failure(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    """One photo went live seven times while Facebook kept answering 500 (facts: Meta 7)."""
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500, committed=True, times=-1)
    life = lived(rig_of(sandbox, http, tmp_path, POST, resend=True))
    assert len(posts(sandbox)) == 1
    assert life.disk.steps()["post"].succeeded


def test_a_lagging_list_is_looked_at_three_times(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    rig = rig_of(sandbox, http, tmp_path, POST)
    sandbox.set(facebook_read_lag_s=90.0)
    sandbox.fault(platform="facebook", operation="feed.create", kind="lost_reply")
    life = lived(rig)
    assert life.disk.steps()["post"].succeeded
    assert len(posts(sandbox)) == 1


def test_what_no_list_shows_is_unknown_and_not_sent_again(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500)
    life = lived(rig_of(sandbox, http, tmp_path, POST))
    assert failure(life, "post").kind is FailureKind.OUTCOME_UNKNOWN
    operations = [one["operation"] for one in sandbox.log()]
    assert operations == ["page.get", "feed.create", *["published_posts"] * 3]


def test_what_no_list_shows_is_sent_again_if_the_user_says_so(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500)
    life = lived(rig_of(sandbox, http, tmp_path, POST, resend=True))
    assert life.disk.steps()["post"].succeeded
    assert len(posts(sandbox)) == 1


def test_an_older_post_of_the_same_text_is_not_taken_for_this_one(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    rig = rig_of(sandbox, http, tmp_path, POST)
    lived(rig)
    sandbox.clock.move(HOUR)
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500)
    assert failure(lived(rig), "post").kind is FailureKind.OUTCOME_UNKNOWN


def test_the_same_post_at_once_again_is_refused_in_facebooks_words(
    sandbox: Sandbox, http: Http, tmp_path: Path
) -> None:
    rig = rig_of(sandbox, http, tmp_path, POST)
    lived(rig)
    sandbox.clock.move(HOUR)
    said = failure(lived(rig), "post")
    assert (said.kind, said.no_effect) == (FailureKind.REJECTED, True)
    assert "Duplicate status message" in said.said
    assert "change the text" in said.todo
    assert len(posts(sandbox)) == 1


@pytest.mark.parametrize("place", ["subcode", "code"])
def test_a_link_that_cannot_be_read(sandbox: Sandbox, http: Http, tmp_path: Path, place: str) -> None:
    sandbox.set(facebook_scrape="fail", facebook_link_errors=place)
    life = lived(rig_of(sandbox, http, tmp_path, POST))
    assert not posts(sandbox)
    assert "scraping data" in failure(life, "post").said
    assert failure(life, "post").kind is FailureKind.TRANSIENT


# ---------------------------------------------------------------- the account


def test_a_dead_token_is_known_before_anything_else(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(facebook_token="expired")
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    said = failure(life, "preflight")
    assert (said.kind, said.code) == (FailureKind.AUTH, "190/463")
    assert said.said.startswith("Error validating access token: Session has expired.")
    assert "GET /me/accounts" in said.todo
    assert len(sandbox.log()) == 1


def test_a_token_without_the_scope_to_post(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(facebook_scopes="pages_show_list pages_read_engagement")
    said = failure(lived(rig_of(sandbox, http, tmp_path, POST)), "post")
    assert (said.kind, said.code) == (FailureKind.AUTH, "200")
    assert "pages_manage_posts" in said.todo


def test_another_page(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    rig = rig_of(sandbox, http, tmp_path, POST)
    block: Any = sandbox.config(tmp_path)["facebook"]
    other = FacebookAccount("111", block["access_token"], endpoints=Endpoints(block["endpoints"]["graph"]))
    life = lived(replace(rig, adapter=lambda sender: FacebookPublisher(other, sender, FileAccounts())))
    assert failure(life, "preflight").code == "100/33"
    assert "page_id" in failure(life, "preflight").todo


def test_a_time_that_passed_while_the_task_waited(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    asked = {**POST, "scheduled_publish_time": int(sandbox.clock.now()) + HOUR}
    rig = rig_of(sandbox, http, tmp_path, asked)
    life = Life(rig, Disk())
    sandbox.clock.move(2 * HOUR)
    life.run()
    assert failure(life, "preflight").said == "scheduled_publish_time must lie from 10 minutes to 30 days ahead"


def test_a_throttled_page_waits_as_long_as_told(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    start = sandbox.clock.now()
    sandbox.fault(platform="facebook", operation="feed.create", kind="rate_limit", retry_after=19 * 60)
    (noted,) = lived(rig_of(sandbox, http, tmp_path, POST)).noted
    scope = f"facebook:page:{page(sandbox)['page']['id']}"
    assert noted.failure.kind is FailureKind.RATE_LIMITED
    assert noted.failure.no_effect
    assert noted.failure.scope == scope
    assert noted.failure.not_before == pytest.approx(start + 19 * 60, abs=5)
    ((held, left, until),) = (budget for budget in noted.call.budgets if budget[0] == scope)
    assert (held, left) == (scope, 0.0)
    assert until == pytest.approx(start + 19 * 60, abs=5)
    assert posts(sandbox)[0]["created_at"] >= noted.failure.not_before


def test_every_call_is_signed_with_the_apps_secret(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    signed = [one for one in sandbox.log() if "appsecret_proof" in f"{one['path']}{one['body']}"]
    assert len(signed) == len(life.wire.sent)


# ---------------------------------------------------------------- videos and reels


def test_a_video_goes_in_the_windows_that_facebook_asks_for(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    (video,) = page(sandbox)["videos"]
    assert video["sha256"] == hashlib.sha256(VIDEO).hexdigest()
    assert (video["title"], video["description"]) == ("Tech Talk", "My latest talk")
    sent = [one.call.body for one in life.wire.sent if one.call.doing == "advance" and one.call.step == "video"]
    assert len(sent) == 1 + 3  # start; windows of 1, 2 and what is left
    (post,) = posts(sandbox)
    receipt = life.disk.steps()["permalink"].receipt
    assert receipt
    assert (receipt.id, receipt.extra) == (video["id"], {"post_id": post["id"]})
    assert receipt.url == f"https://www.facebook.com/{page(sandbox)['page']['id']}/videos/{video['id']}/"


@pytest.mark.parametrize("shape", ["dict", "string"])
def test_a_window_that_arrived_without_its_reply_is_not_sent_again(
    sandbox: Sandbox, http: Http, tmp_path: Path, shape: str
) -> None:
    sandbox.set(facebook_error_data=shape)
    sandbox.fault(platform="facebook", operation="video.transfer", kind="lost_reply", skip=1)
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    assert life.disk.steps()["post"].succeeded
    statuses = [one["status"] for one in sandbox.log() if one["operation"] == "video.transfer"]
    assert statuses == [200, None, 400, 200]
    assert page(sandbox)["videos"][0]["sha256"] == hashlib.sha256(VIDEO).hexdigest()


def test_a_last_window_that_arrived_without_its_reply_is_the_last(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="video.transfer", kind="lost_reply", skip=2)
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    assert life.disk.steps()["post"].succeeded
    operations = [one["operation"] for one in sandbox.log()]
    assert operations.count("video.start") == 1
    assert operations.count("video.transfer") == 4


def test_a_session_that_is_gone_is_begun_anew(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="video.transfer", kind="session_gone", skip=1)
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    assert life.disk.steps()["video"].reopened
    (post,) = posts(sandbox)
    assert post["video"] == life.disk.steps()["post"].receipt.id  # type: ignore[union-attr]  # it succeeded


def test_a_reel_goes_on_at_the_byte(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="reel.bytes", kind="cut", after=150_000)
    sandbox.fault(platform="facebook", operation="reel.bytes", kind="store_unit", bytes=50_000)
    life = lived(rig_of(sandbox, http, tmp_path, REEL, "short.mp4"))
    assert life.disk.steps()["post"].succeeded
    first, second = (one for one in sandbox.log() if one["operation"] == "reel.bytes")
    assert first["headers"]["offset"] == "0"
    assert 0 < int(second["headers"]["offset"]) <= 150_000
    assert page(sandbox)["videos"][0]["sha256"] == hashlib.sha256(VIDEO).hexdigest()


def test_a_reel_that_cannot_be_read_yet_is_asked_about_later(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    rig = rig_of(sandbox, http, tmp_path, REEL, "short.mp4")
    sandbox.set(facebook_read_lag_s=5.0)
    sandbox.fault(platform="facebook", operation="reel.bytes", kind="cut", after=1000)
    life = lived(rig)
    assert life.disk.steps()["post"].succeeded
    assert not life.disk.steps()["video"].reopened
    assert [one["operation"] for one in sandbox.log()].count("video.get") > 1


def test_a_reels_place_that_is_gone_is_asked_for_anew(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="reel.bytes", kind="session_gone")
    life = lived(rig_of(sandbox, http, tmp_path, REEL, "short.mp4"))
    assert life.disk.steps()["video"].reopened
    assert len(posts(sandbox)) == 1


@pytest.mark.parametrize("kind", ["lost_reply", "truncated", "empty"])
@pytest.mark.parametrize(("asked", "operation"), [(NATIVE, "video.finish"), (REEL, "reel.finish")])
def test_a_finish_whose_reply_was_lost_publishes_once(
    sandbox: Sandbox, http: Http, tmp_path: Path, asked: Json, operation: str, kind: str
) -> None:
    sandbox.set(facebook_read_lag_s=20.0)
    more = {"committed": True} if kind == "empty" else {}
    sandbox.fault(platform="facebook", operation=operation, kind=kind, **more)
    life = lived(rig_of(sandbox, http, tmp_path, asked, "short.mp4"))
    (post,) = posts(sandbox)
    assert life.disk.steps()["post"].receipt.id == post["video"]  # type: ignore[union-attr]  # it succeeded
    assert [one["operation"] for one in sandbox.log()].count(operation) == 1


def test_a_finish_that_never_arrived_is_sent_again(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="video.finish", kind="status", code=500)
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4"))
    assert life.disk.steps()["post"].succeeded
    assert len(posts(sandbox)) == 1


@pytest.mark.parametrize("words", ["guide", "sdk"])
def test_a_video_that_cannot_be_processed_leaves_a_warning(
    sandbox: Sandbox, http: Http, tmp_path: Path, words: str
) -> None:
    sandbox.set(facebook_status_words=words)
    sandbox.fault(platform="facebook", operation="processing", kind="processing_failed", reason="Codec not supported")
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4", used=True))
    assert life.disk.steps()["post"].succeeded
    assert failure(life, "permalink").said == "Codec not supported"


def test_a_video_that_is_never_ready_is_not_awaited_for_ever(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="facebook", operation="processing", kind="processing_stuck")
    life = lived(rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4", used=True))
    receipt = life.disk.steps()["permalink"].receipt
    assert receipt
    assert receipt.warnings == ("Facebook has not published the video yet: it was still being processed",)


def test_the_reels_of_a_day_are_used_up(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(facebook_reels_per_day=0)
    said = failure(lived(rig_of(sandbox, http, tmp_path, REEL, "short.mp4")), "post")
    assert said.kind is FailureKind.REJECTED
    assert said.code == "368/1390008"
    assert "Wait some hours" in said.todo
    assert not posts(sandbox)


@pytest.mark.parametrize("how", [before, within, after])
def test_what_was_given_up_is_removed(sandbox: Sandbox, http: Http, tmp_path: Path, how: Any) -> None:
    rig = rig_of(sandbox, http, tmp_path, NATIVE, "talk.mp4")
    life = Life(rig, Disk(), {3: how(Died())})
    with pytest.raises(Died):
        life.run()
    step: Step = life.disk.load("video")
    assert step.checkpoint
    assert page(sandbox)["videos"]
    life.adapter.abandon(life.call(step, "abandon"), step.checkpoint)
    assert not page(sandbox)["videos"]
