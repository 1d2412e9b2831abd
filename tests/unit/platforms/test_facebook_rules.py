"""Facebook's rules: what is refused before anything is sent, and the steps of each form of a post."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from medusa.adapters.platforms.facebook import PLATFORM
from medusa.adapters.platforms.facebook.account import FacebookAccount
from medusa.adapters.platforms.facebook.asked import first_url, moment
from medusa.adapters.platforms.facebook.rules import FacebookRules, Form, schedule_problem
from medusa.config import survey
from medusa.domain.policy import Ready
from medusa.domain.request import Asked
from medusa.domain.values import Media, MediaKind, Problem, StepSpec

NOW = 1_800_000_000.0
DAY = 86400
SAMPLES = {"youtube_url": "https://youtube.com/watch?v=abcdefghijk", "vimeo_url": "https://vimeo.com/123456789"}
ACCOUNT = FacebookAccount("1029", "token-123456")
VIDEO = Media.named("/media/My {nice} talk.mp4")
IMAGE = Media.named("/media/gull.jpg")
ATTACHED = {"attach_media": True}


def planned(
    fields: Any, media: Media | None = None, ready: Ready | None = None, used: bool = False
) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
    rules = FacebookRules(ACCOUNT, ready or Ready(), now=lambda: NOW)
    return rules.plan(Asked("task:facebook", "facebook", fields, media, SAMPLES, used))


def steps(fields: Mapping[str, Any], media: Media | None = None, **more: Any) -> dict[str, StepSpec]:
    plan = planned(fields, media, **more)
    assert not [item for item in plan if isinstance(item, Problem)], plan
    return {spec.name: spec for spec in plan if isinstance(spec, StepSpec)}


def problems(fields: Any, media: Media | None = None) -> dict[str, str]:
    plan = planned(fields, media)
    assert all(isinstance(item, Problem) for item in plan), plan
    return {item.path: item.says for item in plan if isinstance(item, Problem)}


# ---------------------------------------------------------------- plans


def test_a_post_is_a_preflight_and_one_visible_step() -> None:
    plan = steps({"message": "New: {youtube_url}"}, VIDEO)
    assert list(plan) == ["preflight", "post"]
    assert plan["post"].fields == {"form": "feed", "message": "New: {youtube_url}"}
    assert (plan["post"].visible, plan["post"].yields, plan["post"].verb) == (True, "post_id", "Posting on")
    assert plan["post"].media is None


def test_a_link_alone_is_a_post() -> None:
    assert steps({"link": "{vimeo_url}"})["post"].fields == {"form": "feed", "link": "{vimeo_url}"}


def test_nothing_given_is_nothing_asked() -> None:
    assert steps({"message": "Hello", "link": None, "attach_media": None})["post"].fields["message"] == "Hello"


@pytest.mark.parametrize("fields", [ATTACHED, {}])
def test_a_picture_is_posted_if_asked_for_or_if_there_is_nothing_else(fields: dict[str, Any]) -> None:
    plan = steps(fields, IMAGE)
    assert list(plan) == ["preflight", "photo", "post"]
    assert plan["photo"].media == IMAGE
    assert plan["post"].after == ("photo",)


def test_a_picture_stays_at_home_when_a_text_is_posted() -> None:
    assert list(steps({"message": "Hello"}, IMAGE)) == ["preflight", "post"]


def test_a_photo_takes_its_description_along() -> None:
    plan = steps({**ATTACHED, "message": "Seen", "alt_text": "A gull"}, IMAGE)
    assert plan["photo"].fields["alt_text"] == "A gull"
    assert plan["post"].fields == {"form": "photo", "message": "Seen"}


@pytest.mark.parametrize(("how", "form"), [({}, "video"), ({"as": "video"}, "video"), ({"as": "reel"}, "reel")])
def test_a_video_is_uploaded_then_finished_then_looked_at(how: dict[str, str], form: str) -> None:
    plan = steps({**ATTACHED, **how, "message": "Look", "title": "Talk"}, VIDEO)
    assert list(plan) == ["preflight", "video", "post", "permalink"]
    assert (plan["video"].fields["form"], plan["video"].verb) == (form, "Uploading to")
    assert plan["post"].fields == {"form": form, "message": "Look", "title": "Talk"}
    assert [plan[name].required for name in plan] == [True, True, True, False]
    assert plan["permalink"].fields == {"until_published": False, "at_most_s": 30.0}


def test_the_file_names_a_video_without_a_title() -> None:
    assert steps(ATTACHED, VIDEO)["post"].fields["title"] == "My {{nice}} talk"


def test_a_videos_message_is_its_description() -> None:
    assert steps({**ATTACHED, "description": "Look"}, VIDEO)["post"].fields["message"] == "Look"


@pytest.mark.parametrize(
    ("ready", "used", "waits"),
    [(Ready(), True, True), (Ready(wait=True), False, True), (Ready(wait=False), True, False)],
)
def test_a_video_is_awaited_when_somebody_needs_it(ready: Ready, used: bool, waits: bool) -> None:
    fields = steps(ATTACHED, VIDEO, ready=ready, used=used)["permalink"].fields
    assert fields == {"until_published": waits, "at_most_s": 1800.0 if waits else 30.0}


def test_a_scheduled_video_has_no_address_to_wait_for() -> None:
    plan = steps({**ATTACHED, "scheduled_publish_time": int(NOW) + DAY}, VIDEO)
    assert list(plan) == ["preflight", "video", "post"]
    assert plan["preflight"].fields == {"form": "video", "scheduled_publish_time": int(NOW) + DAY}


def test_audiences_go_as_they_are() -> None:
    canada = {"geo_locations": {"countries": ["CA"]}}
    fields = steps({"message": "Eh", "targeting": canada, "feed_targeting": {"age_min": 21}})["post"].fields
    assert (fields["targeting"], fields["feed_targeting"]) == (canada, {"age_min": 21})


# ---------------------------------------------------------------- refusals


def test_all_that_is_wrong_is_told_at_once() -> None:
    said = problems({"massage": "Hi", "link": "youtube.com", "attach_media": "yes", "targeting": "CA"})
    assert said == {
        "attach_media": "must be true or false, without quotes",
        "link": "is no http(s) URL: 'youtube.com'",
        "targeting": "must be an object",
        "massage": "unknown key; did you mean message?",
    }


@pytest.mark.parametrize(
    ("fields", "media", "path", "words"),
    [
        ({}, None, "message", "is missing"),
        ({}, VIDEO, "message", "is missing"),
        ({"attach_media": False}, IMAGE, "message", "is missing"),
        ({"message": "  "}, None, "message", "must not be empty"),
        ({"message": 7}, None, "message", "must be text"),
        ({"message": "x" * 63_207}, None, "message", "is 63207 characters long; Facebook takes 63206 at most"),
        (ATTACHED, None, "attach_media", "there is no media_file"),
        (ATTACHED, Media.named("/m/notes.pdf"), "attach_media", "not notes.pdf"),
        (ATTACHED, Media.named("/m/loop.gif"), "attach_media", "not loop.gif"),
        ({**ATTACHED, "as": "real"}, VIDEO, "as", "unknown value; did you mean reel?"),
        ({**ATTACHED, "as": "reel"}, Media.named("/m/a.mov"), "as", "a reel has to be an MP4 file, not a.mov"),
        ({"message": "Hi", "as": "reel"}, VIDEO, "as", 'with "attach_media": true'),
        ({**ATTACHED, "as": "video"}, IMAGE, "as", "is for a video"),
        ({"message": "Hi", "title": "T"}, None, "title", "is for a video"),
        ({**ATTACHED, "title": "T" * 255}, VIDEO, "title", "takes 254 at most"),
        ({"message": "Hi", "description": "D"}, None, "description", "is for a video"),
        ({**ATTACHED, "message": "Hi", "description": "D"}, VIDEO, "description", "give one of them"),
        ({**ATTACHED, "alt_text": "A"}, VIDEO, "alt_text", "is for a photo"),
        ({**ATTACHED, "link": "https://a.example"}, VIDEO, "link", "put the URL into the message"),
        ({**ATTACHED, "link": "https://a.example"}, IMAGE, "link", "put the URL into the message"),
        ({"link": "https://www.facebook.com/x"}, None, "link", "facebook.com"),
        ({"link": "https://facebook.com"}, None, "link", "facebook.com"),
        ({"link": "ftp://a.example"}, None, "link", "is no http(s) URL"),
        ({"link": "https://a.example https://b.example"}, None, "link", "is no http(s) URL"),
        ({"message": "Hi", "scheduled_publish_time": "tomorrow"}, None, "scheduled_publish_time", "is no time"),
        ({"message": "Hi", "scheduled_publish_time": True}, None, "scheduled_publish_time", "must be a time"),
        ({"message": "Hi", "scheduled_publish_time": 1e999}, None, "scheduled_publish_time", "must be a time"),
        (
            {"message": "Hi", "scheduled_publish_time": "2027-01-16T09:00:00"},
            None,
            "scheduled_publish_time",
            "has no time zone",
        ),
        (
            {"message": "Hi", "scheduled_publish_time": NOW + 599},
            None,
            "scheduled_publish_time",
            "from 10 minutes to 30 days ahead",
        ),
        (
            {**ATTACHED, "as": "reel", "scheduled_publish_time": NOW + 29 * DAY + 60},
            VIDEO,
            "scheduled_publish_time",
            "from 10 minutes to 29 days ahead",
        ),
        ("Hello", None, "", "must be an object"),
    ],
)
def test_a_request_is_refused(fields: Any, media: Media | None, path: str, words: str) -> None:
    said = problems(fields, media)
    assert list(said) == [path]
    assert words in said[path]


def test_texts_are_measured_with_their_urls() -> None:
    room = 63_206 - len(SAMPLES["youtube_url"])
    assert steps({"message": "x" * room + "{youtube_url}"})
    assert "message" in problems({"message": "x" * (room + 1) + "{youtube_url}"})


@pytest.mark.parametrize(
    ("ahead_s", "form", "fits"),
    [
        (600, Form.FEED, True),
        (30 * DAY, Form.VIDEO, True),
        (30 * DAY + 1, Form.FEED, False),
        (29 * DAY, Form.REEL, True),
        (29 * DAY + 1, Form.REEL, False),
        (-5, Form.FEED, False),
    ],
)
def test_the_window_of_a_schedule(ahead_s: float, form: Form, fits: bool) -> None:
    assert (schedule_problem(NOW + ahead_s, NOW, form) is None) is fits


@pytest.mark.parametrize(
    "value", [1_800_003_600, 1_800_003_600.9, "1800003600", "2027-01-15T09:00:00Z", "2027-01-15T10:00:00+01:00"]
)
def test_a_moment_is_written_in_several_ways(value: object) -> None:
    assert moment(value) == 1_800_003_600


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("New: https://youtu.be/abc.", "https://youtu.be/abc"),
        ("https://youtube.com/watch?v=p68IP8ec82_", "https://youtube.com/watch?v=p68IP8ec82_"),
        ("(see https://a.example/x)", "https://a.example/x"),
        ("https://a.example/x_(film), and more", "https://a.example/x_(film)"),
        ("first https://a.example/1 then https://b.example/2", "https://a.example/1"),
        ("https://www.facebook.com/me and https://a.example", "https://a.example"),
        ("HTTPS://A.example/Q?a=1&b=[2]!", "HTTPS://A.example/Q?a=1&b=[2]"),
        ("„https://a.example/ü”", "https://a.example/ü"),
        ("https:// is no URL, nor is a.example", ""),
        ("http://[::1 is broken", ""),
        ("", ""),
    ],
)
def test_a_link_is_found_in_a_text(text: str, url: str) -> None:
    assert first_url(text) == url


# ---------------------------------------------------------------- media


def looked_at(name: str, **about: Any) -> Media:
    media = Media.named(f"/media/{name}")
    return replace(media, **{"size": 5000, "duration_s": 30.0, "width": 1080, "height": 1920, **about})


def misfit(fields: dict[str, Any], media: Media) -> str:
    plan = FacebookRules(ACCOUNT, Ready(), now=lambda: NOW).plan(
        Asked("task:facebook", "facebook", fields, Media.named(media.uri), SAMPLES)
    )
    specs = tuple(replace(spec, media=media if spec.media else None) for spec in plan if isinstance(spec, StepSpec))
    assert specs
    problem = FacebookRules(ACCOUNT, Ready()).check(specs)
    return problem.says if problem else ""


@pytest.mark.parametrize(
    ("how", "name", "about", "says"),
    [
        ({}, "a.mp4", {}, ""),
        ({}, "a.mp4", {"size": 1023}, "Video file too small (min 1024 bytes)"),
        ({}, "a.mp4", {"size": 10 * 1024**3}, ""),
        ({}, "a.mp4", {"size": 10 * 1024**3 + 1}, "Video file too large (max 10GB)"),
        ({}, "a.mp4", {"duration_s": 4 * 3600 + 9.0}, "Video too long (max 4 h)"),
        ({}, "a.mp4", {"kind": MediaKind.IMAGE}, "a.mp4 is not a video"),
        ({}, "a.jpg", {"size": 4 * 1024**2}, ""),
        ({}, "a.jpg", {"size": 4 * 1024**2 + 1}, "Photo file too large (max 4MB)"),
        ({}, "a.jpg", {"mime": "image/webp"}, "a.jpg is not a JPG or PNG picture"),
        ({"as": "reel"}, "a.mp4", {}, ""),
        ({"as": "reel"}, "a.mp4", {"duration_s": 90.2}, ""),
        ({"as": "reel"}, "a.mp4", {"duration_s": 91.0}, "a reel lasts 3 to 90 seconds; a.mp4 lasts 91.0"),
        ({"as": "reel"}, "a.mp4", {"duration_s": 2.0}, "a reel lasts 3 to 90 seconds; a.mp4 lasts 2.0"),
        ({"as": "reel"}, "a.mp4", {"width": 1920, "height": 1080}, "a reel is upright, 9:16; this video is 1920x1080"),
        ({"as": "reel"}, "a.mp4", {"width": 608, "height": 1080}, ""),
        (
            {"as": "reel"},
            "a.mp4",
            {"width": 360, "height": 640},
            "a reel has 540x960 pixels at least; this video has 360x640",
        ),
        ({"as": "reel"}, "a.mp4", {"duration_s": None, "width": None, "height": None}, ""),
        ({"as": "reel"}, "a.mp4", {"mime": "video/quicktime"}, "a reel has to be an MP4 file; a.mp4 is none"),
    ],
)
def test_media_are_judged_once_they_were_looked_at(how: dict[str, str], name: str, about: Any, says: str) -> None:
    assert misfit({**ATTACHED, **how}, looked_at(name, **about)) == says


def test_a_post_without_media_has_nothing_to_judge() -> None:
    assert FacebookRules(ACCOUNT, Ready()).check(tuple(steps({"message": "Hi"}).values())) is None


# ---------------------------------------------------------------- the platform


def test_limits_hold_back_one_page_or_all_of_one_app() -> None:
    app, page = PLATFORM.scopes(ACCOUNT)
    assert page == "facebook:page:1029"
    assert (app, "facebook:page:7") == PLATFORM.scopes(replace(ACCOUNT, page_id="7"))
    assert app != PLATFORM.scopes(replace(ACCOUNT, app_secret="of-another-app"))[0]


def test_an_account_shows_no_secret() -> None:
    assert "token-123456" not in repr(ACCOUNT)
    assert "hush" not in repr(FacebookAccount("1", "t", app_secret="hush"))


@pytest.mark.parametrize(
    ("page_id", "good"), [("1029", True), (1029, True), ("abc", False), ("../1", False), ("¹", False)]
)
def test_a_page_is_named_by_its_number(page_id: object, good: bool) -> None:
    block = {"page_id": page_id, "access_token": "token"}
    _, wrong = survey({"facebook": block}, {"facebook": PLATFORM})
    expected = [] if good else ["facebook.page_id: must be digits only, such as 1234567890"]
    assert [str(problem) for problem in wrong] == expected
