"""Vimeo's wire: requests as they go out, replies of all kinds as they are understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from medusa.adapters.http import Reply
from medusa.adapters.platforms.vimeo import wire, wire_tus
from medusa.adapters.platforms.vimeo.auth import lacking
from medusa.adapters.platforms.vimeo.errors import SAID_LIMIT, failure, moment, resets_at, unreadable
from medusa.domain.failures import Failure, FailureKind

NOW = 1_800_000_000.0
WIRE = wire.Wire("https://api.example/", "tok-1234567890")


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(status, {name.lower().replace("_", "-"): value for name, value in headers.items()}, content)


def failed(status: int, body: Any = None, **headers: str) -> Failure:
    return failure(reply(status, body, **headers), NOW, "vimeo:token:1")


# ---------------------------------------------------------------- requests


def test_a_create_says_everything_at_once() -> None:
    request = WIRE.create("Launch (medusa-1)", 734_003_200, {"description": "d", "privacy": {"view": "unlisted"}})
    assert request.method == "POST"
    assert request.url.startswith("https://api.example/me/videos?fields=uri,name,link,")
    assert request.headers["Authorization"] == "bearer tok-1234567890"
    assert request.headers["Accept"] == "application/vnd.vimeo.*+json;version=3.4"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {  # type: ignore[arg-type]  # bytes, as built here
        "description": "d",
        "privacy": {"view": "unlisted"},
        "name": "Launch (medusa-1)",
        "upload": {"approach": "tus", "size": 734_003_200},
    }


def test_the_hosts_that_take_bytes_get_no_token() -> None:
    requests = [
        wire_tus.head("https://files.example/x"),
        wire_tus.patch("https://files.example/x", 5, b"bytes"),
        wire.put_bytes("https://files.example/p", "image/jpeg", b"bytes"),
    ]
    assert not any("Authorization" in request.headers for request in requests)
    assert {request.secrets for request in requests} == {("https://files.example/x",), ("https://files.example/p",)}


def test_a_patch_says_where_its_bytes_begin() -> None:
    assert wire_tus.patch("https://files.example/x", 5, b"bytes").headers == {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "5",
        "Content-Type": "application/offset+octet-stream",
    }


def test_tags_go_as_a_list_of_objects() -> None:
    assert json.loads(WIRE.tag("/videos/1", ["a", "b"]).body) == [{"name": "a"}, {"name": "b"}]  # type: ignore[arg-type]  # bytes


def test_no_repr_shows_a_token_or_a_link() -> None:
    shown = repr((WIRE, WIRE.me(), wire_tus.head("https://files.example/secret"), wire.Attached("/p/1", "secret")))
    assert "tok-" not in shown
    assert "secret" not in shown


# ---------------------------------------------------------------- the marker


def test_a_marker_is_stable_and_belongs_to_its_step() -> None:
    assert wire.marker("t1:vimeo:video") == wire.marker("t1:vimeo:video")
    assert wire.marker("t1:vimeo:video") != wire.marker("t2:vimeo:video")


@pytest.mark.parametrize("title", ["", "Launch", "x" * 100, "x" * 128])
def test_a_working_name_carries_the_marker_and_is_as_long_as_the_title_but_never_too_long(title: str) -> None:
    mark = wire.marker("k")
    name = wire.working_name(title, mark)
    assert mark in name
    assert len(title) <= len(name) <= 128


# ---------------------------------------------------------------- replies


def test_a_video_is_read() -> None:
    found = wire.video(
        {
            "uri": "/videos/901:ab12cd34ef",
            "name": "Launch",
            "link": "https://vimeo.com/901/ab12cd34ef",
            "status": "uploading",
            "privacy": {"view": "unlisted"},
            "upload": {"status": "in_progress", "size": "734003200", "upload_link": "https://files.example/x"},
            "transcode": {"status": "in_progress"},
        }
    )
    assert found is not None
    assert (found.id, found.size, found.view, found.complete) == ("901", 734_003_200, "unlisted", False)
    assert "files.example" not in repr(found)


@pytest.mark.parametrize("body", [None, [], "x", {}, {"uri": 5}, {"uri": "/users/1"}, {"error": "no"}])
def test_what_is_no_video_is_none(body: Any) -> None:
    assert wire.video(body) is None


def test_a_video_with_odd_parts_is_still_one() -> None:
    found = wire.video({"uri": "/videos/1", "upload": None, "privacy": [], "transcode": "x", "name": None})
    assert found is not None
    assert (found.name, found.view, found.upload_link, found.size, found.complete) == ("", "", "", 0, False)


@pytest.mark.parametrize("body", [None, {}, {"data": None}, {"data": {}}, []])
def test_what_is_no_listing_is_none(body: Any) -> None:
    assert wire.videos(body) is None


def test_a_listing_leaves_out_what_is_no_video() -> None:
    found = wire.videos({"data": [{"uri": "/videos/1"}, None, {"uri": "/x"}]})
    assert found is not None
    assert [one.id for one in found] == ["1"]


@pytest.mark.parametrize("body", [None, {}, {"uri": 1}, {"uri": "https://elsewhere.example/1"}])
def test_what_is_no_attachment_is_none(body: Any) -> None:
    assert wire.attached(body) is None


@pytest.mark.parametrize("link", [None, 7, "", "/pictures/1", "ftp://files.example/x"])
def test_what_is_no_address_takes_no_bytes(link: Any) -> None:
    video = wire.video({"uri": "/videos/1", "upload": {"upload_link": link}})
    picture = wire.attached({"uri": "/videos/1/pictures/2", "link": link})
    assert (video and video.upload_link, picture and picture.link) == ("", "")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ({"space": {"free": 5, "max": 9, "used": 4, "showing": "lifetime"}}, (5, 9, None)),
        ({"space": {"free": 5, "max": None, "showing": "periodic"}, "periodic": {"reset_date": "R"}}, (5, None, "R")),
        ({"space": {"free": 5, "max": 9, "showing": "lifetime"}, "periodic": {"reset_date": "R"}}, (5, 9, None)),
        ({"space": {"free": None, "max": None}}, (None, None, None)),
        ({"space": None}, (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_free_space_is_read(quota: Any, expected: Any) -> None:
    assert wire.free_space({"upload_quota": quota}) == expected


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"X_RateLimit_Limit": "100", "X_RateLimit_Remaining": "25"}, 0.25),
        ({"X_RateLimit_Limit": "100", "X_RateLimit_Remaining": "0"}, 0.0),
        ({"X_RateLimit_Limit": "100", "X_RateLimit_Remaining": "500"}, 1.0),
        ({"X_RateLimit_Limit": "0", "X_RateLimit_Remaining": "0"}, None),
        ({"X_RateLimit_Limit": "many", "X_RateLimit_Remaining": "some"}, None),
        ({}, None),
    ],
)
def test_rate_headers_are_a_share(headers: dict[str, str], left: float | None) -> None:
    assert wire.budget(reply(200, {}, **headers)) == left


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"X_RateLimit_Reset": "1800000042"}, 1_800_000_042.0),
        ({"X_RateLimit_Reset": "2027-01-15T08:00:30+00:00"}, 1_800_000_030.0),
        ({"X_RateLimit_Reset": "2027-01-15T08:00:30"}, 1_800_000_030.0),
        ({"X_RateLimit_Reset": "45"}, NOW + 45),
        ({"Retry_After": "30"}, NOW + 30),
        ({"X_RateLimit_Reset": "soon", "Retry_After": "30"}, NOW + 30),
        ({"X_RateLimit_Reset": "soon"}, None),
        ({}, None),
    ],
)
def test_a_reset_may_be_an_epoch_or_iso(headers: dict[str, str], at: float | None) -> None:
    assert resets_at(reply(429, None, **headers).headers, NOW) == at


@pytest.mark.parametrize("text", [None, 5, "", "tomorrow"])
def test_no_moment_is_none(text: object) -> None:
    assert moment(text) is None


@pytest.mark.parametrize(
    ("status", "headers", "gone"),
    [
        (404, {}, True),
        (410, {}, True),
        (403, {}, True),
        (403, {"Upload_Offset": "7"}, False),
        (200, {"Upload_Offset": "7"}, False),
        (409, {}, False),
        (500, {}, False),
    ],
)
def test_an_upload_is_gone_only_when_the_server_knows_no_offset(
    status: int, headers: dict[str, str], gone: bool
) -> None:
    assert wire_tus.gone(reply(status, None, **headers)) is gone


@pytest.mark.parametrize(
    ("text", "offset"), [("0", 0), ("134217728", 134_217_728), ("", None), ("-1", None), ("x", None)]
)
def test_an_offset_is_digits(text: str, offset: int | None) -> None:
    assert wire_tus.offset(reply(204, None, Upload_Offset=text)) == offset


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 8000, FailureKind.AUTH),
        (401, 8002, FailureKind.AUTH),
        (400, 8001, FailureKind.AUTH),
        (401, None, FailureKind.AUTH),
        (400, 2204, FailureKind.REJECTED),
        (400, 2205, FailureKind.REJECTED),
        (400, 2230, FailureKind.REJECTED),
        (400, 3116, FailureKind.REJECTED),
        (403, 3200, FailureKind.REJECTED),
        (403, 3400, FailureKind.REJECTED),
        (403, 3427, FailureKind.REJECTED),
        (403, 4101, FailureKind.QUOTA),
        (403, 4102, FailureKind.QUOTA),
        (403, 4103, FailureKind.QUOTA),
        (403, 4104, FailureKind.QUOTA),
        (403, 3428, FailureKind.QUOTA),
        (404, 5000, FailureKind.REJECTED),
        (500, 4003, FailureKind.TRANSIENT),
        (500, 4000, FailureKind.TRANSIENT),
        (500, 7100, FailureKind.TRANSIENT),
        (200, 4003, FailureKind.TRANSIENT),
        (200, 2204, FailureKind.BUG),
        (200, None, FailureKind.TRANSIENT),
        (429, 9000, FailureKind.RATE_LIMITED),
        (429, None, FailureKind.RATE_LIMITED),
        (408, None, FailureKind.TRANSIENT),
        (423, None, FailureKind.TRANSIENT),
        (502, None, FailureKind.TRANSIENT),
        (302, None, FailureKind.BUG),
    ],
)
def test_refusals_are_sorted_by_what_to_do(status: int, code: int | None, kind: FailureKind) -> None:
    body = {"error": "No.", "error_code": code} if code else {"error": "No."}
    found = failed(status, body)
    assert (found.kind, found.said, found.code) == (kind, "No.", str(code) if code else f"HTTP {status}")


def test_a_refusal_had_no_effect_and_an_error_of_the_server_may_have_had_one() -> None:
    assert failed(400, {"error": "No."}).no_effect
    assert failed(429).no_effect
    assert not failed(500, {"error": "No."}).no_effect
    assert not failed(408).no_effect
    assert not failed(200, {"error": "No."}).no_effect


def test_invalid_parameters_are_told_with_their_names() -> None:
    body = {
        "error": "Something strange occurred.",
        "developer_message": "The parameters did not pass.",
        "error_code": 2204,
        "invalid_parameters": [
            {"field": "privacy.view", "error_code": 2221, "error": "That is not allowed."},
            {"field": "name", "developer_message": "Too long."},
            {"error": ""},
            "odd",
        ],
    }
    assert failed(400, body).said == (
        "Something strange occurred. (privacy.view: That is not allowed.; name: Too long.; a parameter: is not valid)"
    )


def test_the_words_for_developers_come_along() -> None:
    body = {"error": "Something strange occurred.", "developer_message": "No user is attached.", "error_code": 8002}
    assert failed(401, body).said == "Something strange occurred. (No user is attached.)"
    assert failed(400, {"error": "server_error", "error_description": "Try again."}).said == "server_error (Try again.)"
    assert failed(400, {"developer_message": "Only this."}).said == "Only this."
    assert failed(400, {"error": "Twice.", "developer_message": "Twice."}).said == "Twice."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "HTTP 502, and nothing instead of an explanation"),
        (b"<html><h1>Bad gateway</h1></html>", "HTTP 502, and a web page instead of an explanation"),
        (b"upstream timed out", "HTTP 502: upstream timed out"),
        (b'{"error": "cut', 'HTTP 502: {"error": "cut'),
        ([1, 2], "HTTP 502: [1, 2]"),
        ({"error": {"message": "odd"}}, 'HTTP 502: {"error": {"message": "odd"}}'),
    ],
)
def test_replies_without_words_are_described(body: Any, said: str) -> None:
    assert failed(502, body).said == said


def test_words_have_an_end() -> None:
    assert len(failed(400, {"error": "x" * 10_000}).said) == SAID_LIMIT


def test_a_rate_limit_holds_back_the_whole_token_until_it_resets() -> None:
    found = failed(429, {"error": "Slow down."}, X_RateLimit_Reset="1800000042")
    assert (found.scope, found.not_before) == ("vimeo:token:1", 1_800_000_042.0)


def test_a_rate_limit_without_headers_lasts_a_minute() -> None:
    assert failed(429).not_before == NOW + 60


def test_only_a_rate_limit_has_a_scope_and_a_time() -> None:
    found = failed(403, {"error": "Full.", "error_code": 4101}, X_RateLimit_Reset="1800000042")
    assert (found.scope, found.not_before) == ("", None)
    assert found.todo


def test_a_bad_token_tells_how_to_get_a_good_one() -> None:
    assert "developer.vimeo.com" in failed(401).todo


def test_an_unreadable_success_is_asked_about_again() -> None:
    assert unreadable(reply(200), "where the bytes go").said == (
        "Vimeo's reply does not tell where the bytes go (the reply was empty)"
    )
    found = unreadable(reply(200, b'{"uri": "/vid'), "which video it is about")
    assert (found.kind, found.said) == (
        FailureKind.TRANSIENT,
        'Vimeo\'s reply does not tell which video it is about: {"uri": "/vid',
    )


def test_a_token_must_have_the_scopes_of_an_upload() -> None:
    assert lacking({"scope": "public private edit upload delete"}) is None
    assert lacking({}) is None
    found = lacking({"scope": "public private"})
    assert found is not None
    assert (found.kind, found.said) == (FailureKind.AUTH, "the access token lacks the scopes edit, upload")
    assert "delete" in found.todo
