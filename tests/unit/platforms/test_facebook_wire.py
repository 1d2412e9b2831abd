"""Facebook's wire: requests as they go out, replies of all kinds as they are understood."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from medusa.adapters.http import Reply, Request
from medusa.adapters.platforms.facebook import errors, posts, usage, wire, wire_videos
from medusa.adapters.platforms.facebook.account import Endpoints, FacebookAccount, Scopes
from medusa.adapters.platforms.facebook.multipart import Multipart
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.values import Json, Receipt, Span, StepSpec

NOW = 1_800_000_000.0
SCOPES = Scopes("facebook:app:7", "facebook:page:1029")
TOKEN, SECRET = "tok-1234567890", "hush-1234567890"
PROOF = hmac.new(SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
GRAPH = wire.Graph(FacebookAccount("1029", TOKEN, endpoints=Endpoints("https://graph.example/")))
SIGNED = wire.Graph(FacebookAccount("1029", TOKEN, SECRET, endpoints=Endpoints("https://graph.example")))


class Bytes:
    """Body over bytes."""

    def __init__(self, content: bytes) -> None:
        self._length, self._content = len(content), BytesIO(content)

    def __len__(self) -> int:
        return self._length

    def readinto(self, view: memoryview, /) -> int:
        return self._content.readinto(view)


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(status, {name.lower().replace("_", "-"): value for name, value in headers.items()}, content)


def refused(code: int, subcode: int = 0, status: int = 400, **more: Any) -> Reply:
    error = {"message": f"(#{code}) No", "type": "OAuthException", "code": code, "fbtrace_id": "A1", **more}
    return reply(status, {"error": {**error, "error_subcode": subcode} if subcode else error})


def failed(answer: Reply) -> Failure:
    return errors.failure(answer, SCOPES, NOW)


def body_of(request: Request) -> bytes:
    """The whole body, read as the sender reads it: in blocks, up to the 0."""
    if isinstance(request.body, bytes):
        return request.body
    assert request.body is not None
    view, content = memoryview(bytearray(7)), b""
    while count := request.body.readinto(view):
        content += bytes(view[:count])
    assert len(content) == len(request.body)
    return content


def form_of(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body_of(request).decode(), strict_parsing=True).items()}


# ---------------------------------------------------------------- requests


def test_a_read_puts_the_token_into_a_header() -> None:
    request = GRAPH.read("1029/published_posts", fields="id,message", limit=100)
    assert request.method == "GET"
    assert request.url == "https://graph.example/v26.0/1029/published_posts?fields=id%2Cmessage&limit=100"
    assert request.headers == {"Authorization": f"Bearer {TOKEN}"}


def test_a_post_asks_for_what_it_becomes() -> None:
    request = GRAPH.write("1029/feed", {"message": "Ünï & co", "published": "true"}, "id,permalink_url", fresh=True)
    assert request.url == "https://graph.example/v26.0/1029/feed?fields=id%2Cpermalink_url"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form_of(request) == {"message": "Ünï & co", "published": "true"}
    assert request.fresh


def test_an_app_secret_signs_reads_writes_and_files() -> None:
    read = SIGNED.read("1029", fields="id")
    write = SIGNED.write("1029/videos", {"upload_phase": "start"})
    part = SIGNED.send_part("1029/photos", {}, "source", "image/png", Bytes(b"x"))
    assert parse_qs(urlsplit(read.url).query)["appsecret_proof"] == [PROOF]
    assert form_of(write)["appsecret_proof"] == PROOF
    assert PROOF.encode() in body_of(part)
    assert {TOKEN, SECRET, PROOF} <= set(read.secrets)


def test_a_page_id_cannot_leave_its_place_in_the_path() -> None:
    graph = wire.Graph(FacebookAccount("../me?x=", TOKEN))
    assert graph.page == "..%2Fme%3Fx%3D"


def test_a_file_part_is_streamed_between_its_fields() -> None:
    content = bytes(range(256)) * 3
    params = {"upload_phase": "transfer", "start_offset": "0", "note": "Grüße"}
    request = GRAPH.send_part("1029/videos", params, "video_file_chunk", "application/octet-stream", Bytes(content))
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + body_of(request), policy=email.policy.HTTP)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    assert list(parts) == [*params, "video_file_chunk"]
    assert parts["note"].get_payload(decode=True) == "Grüße".encode()
    assert parts["video_file_chunk"].get_payload(decode=True) == content
    assert parts["video_file_chunk"].get_filename() == "video_file_chunk"


def test_no_two_multipart_bodies_share_a_boundary() -> None:
    made = {Multipart({}, "source", "image/png", Bytes(b"")).content_type for _ in range(3)}
    assert len(made) == 3


def test_a_reels_bytes_say_where_they_begin() -> None:
    request = GRAPH.send_bytes("https://rupload.example/v/55", Span(100, 900), 900, Bytes(b""))
    assert request.headers == {
        "Authorization": f"OAuth {TOKEN}",
        "Content-Type": "application/octet-stream",
        "offset": "100",
        "file_size": "900",
    }


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("https://rupload.example/v/55", "https://rupload.example/v/55"),
        ("http://rupload.example/v/55", "https://rupload.facebook.com/video-upload/v26.0/55"),
        ("file:///etc/passwd", "https://rupload.facebook.com/video-upload/v26.0/55"),
        (None, "https://rupload.facebook.com/video-upload/v26.0/55"),
    ],
)
def test_a_reels_place_is_the_one_named_if_the_token_is_safe_there(named: object, url: str) -> None:
    assert GRAPH.upload_url(named, "55") == url


def test_a_place_in_the_plain_is_fine_for_a_graph_in_the_plain() -> None:
    graph = wire.Graph(FacebookAccount("1029", TOKEN, endpoints=Endpoints("http://127.0.0.1:1")))
    assert graph.upload_url("http://127.0.0.1:1/v/55", "55") == "http://127.0.0.1:1/v/55"


def test_no_repr_shows_a_secret() -> None:
    part = SIGNED.send_part("1029/photos", {}, "source", "image/png", Bytes(b"x"))
    shown = repr((SIGNED, SIGNED.read("1029"), SIGNED.write("1029/feed", {}), part))
    assert not [secret for secret in (TOKEN, SECRET, PROOF) if secret in shown]


# ---------------------------------------------------------------- what is sent


def intended(fields: Json, **made: Receipt) -> dict[str, str]:
    found: dict[str, str] = posts.intent(StepSpec("post", "t:f:post", fields), made, NOW).fields["params"]
    return found


def test_a_link_is_taken_from_the_text_unless_it_is_given() -> None:
    text = "See https://youtu.be/abc, or not"
    assert intended({"form": "feed", "message": text})["link"] == "https://youtu.be/abc"
    assert intended({"form": "feed", "message": text, "link": "https://b.example"})["link"] == "https://b.example"
    assert intended({"form": "feed", "message": "No link"}) == {"message": "No link", "published": "true"}


def test_a_scheduled_post_is_unpublished_until_then() -> None:
    params = intended({"form": "feed", "message": "Hi", "scheduled_publish_time": 1_800_003_600})
    assert params == {"message": "Hi", "published": "false", "scheduled_publish_time": "1800003600"}


def test_a_post_of_a_photo_attaches_it() -> None:
    audience = {"geo_locations": {"countries": ["CA"]}}
    fields = {"form": "photo", "message": "See https://a.example", "targeting": audience}
    params = intended(fields, photo=Receipt("77"))
    assert json.loads(params["attached_media"]) == [{"media_fbid": "77"}]
    assert json.loads(params["targeting"]) == audience
    assert "link" not in params
    scheduled = intended({**fields, "scheduled_publish_time": 1_800_003_600}, photo=Receipt("77"))
    assert scheduled["unpublished_content_type"] == "SCHEDULED"


def test_a_video_is_published_by_its_finish() -> None:
    video = Receipt("55", extra={"session": "s1"})
    assert intended({"form": "video", "message": "Look", "title": "Talk"}, video=video) == {
        "upload_phase": "finish",
        "upload_session_id": "s1",
        "title": "Talk",
        "description": "Look",
        "published": "true",
    }


@pytest.mark.parametrize(
    ("when", "state"), [({}, "PUBLISHED"), ({"scheduled_publish_time": 1_800_003_600}, "SCHEDULED")]
)
def test_a_reel_is_published_by_its_finish(when: dict[str, int], state: str) -> None:
    params = intended({"form": "reel", "message": "Look", **when}, video=Receipt("55"))
    expected = {"upload_phase": "finish", "video_id": "55", "video_state": state, "description": "Look"}
    assert params == {**expected, **{name: str(value) for name, value in when.items()}}


def test_an_intent_is_told_apart_by_its_content() -> None:
    made = {"video": Receipt("55", extra={"session": "s1"})}
    one, same, other = (
        posts.intent(StepSpec("post", "k", {"form": "video", "title": title}), made, now)
        for title, now in (("A", NOW), ("A", NOW + 9), ("B", NOW))
    )
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert (one.handle, one.sent_at, one.send_by) == ("55", NOW, NOW + 60.0)


# ---------------------------------------------------------------- posts


@pytest.mark.parametrize(
    ("document", "number", "url"),
    [
        (
            {"id": "1029_7", "permalink_url": "https://www.facebook.com/1029/posts/7"},
            "1029_7",
            "https://www.facebook.com/1029/posts/7",
        ),
        ({"id": "1029_7"}, "1029_7", "https://www.facebook.com/1029_7"),
        ({"id": 7, "permalink_url": None}, "1029_7", "https://www.facebook.com/1029_7"),
        ({"id": "7", "permalink_url": "/1029/videos/7/"}, "1029_7", "https://www.facebook.com/1029/videos/7/"),
    ],
)
def test_a_post_is_known_by_its_full_id(document: Json, number: str, url: str) -> None:
    assert wire.posted(document, "1029") == Receipt(number, url)


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": ""}, {"id": True}, {"id": ["7"]}])
def test_a_reply_without_an_id_proves_nothing(document: Json) -> None:
    assert wire.posted(document, "1029") is None


def item(**more: Any) -> dict[str, Any]:
    return {"id": "1029_7", "message": "Hi", "created_time": "2027-01-15T08:00:00+0000", **more}


def listed(**more: Any) -> wire.Listed:
    found = wire.listed({"data": [item(**more)]}, "1029")
    assert found
    return found[0]


def test_a_listed_post_has_its_time() -> None:
    assert listed().created_at == NOW


@pytest.mark.parametrize(
    ("shown", "sent", "same"),
    [
        ({"message": "Hi\r\nthere "}, {"message": "Hi\nthere"}, True),
        ({"message": "Cafe\u0301"}, {"message": "Café"}, True),
        ({"message": "Hi"}, {"message": "Hi!"}, False),
        ({"message": None}, {"message": "Hi"}, False),
        (
            {"attachments": {"data": [{"unshimmed_url": "https://a.example/"}]}},
            {"link": "https://a.example"},
            True,
        ),
        ({"attachments": {"data": [{"unshimmed_url": "https://b.example"}]}}, {"link": "https://a.example"}, False),
        ({"attachments": {"data": "odd"}}, {"link": "https://a.example"}, False),
        (
            {"attachments": {"data": [{"target": {"id": "77"}}]}, "message": None},
            {"attached_media": '[{"media_fbid": "77"}]'},
            True,
        ),
        (
            {"attachments": {"data": [{"target": {"id": "78"}}]}, "message": None},
            {"attached_media": '[{"media_fbid": "77"}]'},
            False,
        ),
    ],
)
def test_a_post_is_recognised_by_what_it_shows(shown: dict[str, Any], sent: Json, same: bool) -> None:
    assert listed(**shown).is_of(sent) is same


@pytest.mark.parametrize("document", [{}, {"data": {}}, {"data": None}])
def test_what_is_no_list_is_told_from_an_empty_one(document: Json) -> None:
    assert wire.listed(document, "1029") is None


def test_odd_items_of_a_list_are_passed_over() -> None:
    document = {"data": ["x", {}, item(created_time="yesterday"), item(id=None), item()]}
    assert [one.receipt.id for one in wire.listed(document, "1029") or []] == ["1029_7"]


# ---------------------------------------------------------------- videos


@pytest.mark.parametrize(
    ("document", "span"),
    [
        ({"start_offset": "0", "end_offset": "1048576"}, Span(0, 1048576)),
        ({"start_offset": 5, "end_offset": 5}, Span(5, 5)),
        ({"start_offset": "6", "end_offset": "5"}, None),
        ({"start_offset": "-1", "end_offset": "5"}, None),
        ({"start_offset": "x", "end_offset": "5"}, None),
        ({"end_offset": "5"}, None),
        ({"start_offset": None, "end_offset": "5"}, None),
    ],
)
def test_windows_come_as_texts_or_numbers(document: Json, span: Span | None) -> None:
    assert wire_videos.window(document) == span


@pytest.mark.parametrize("data", [{"start_offset": 5, "end_offset": 9}, '{"start_offset": "5", "end_offset": "9"}'])
def test_an_error_names_the_right_window(data: object) -> None:
    assert wire_videos.corrected(refused(6000, 1363037, error_data=data)) == Span(5, 9)


@pytest.mark.parametrize("data", [None, "{", "[]", {"start_offset": 5}])
def test_an_error_that_names_no_window_is_just_another_try(data: object) -> None:
    answer = refused(6000, 1363037, error_data=data)
    assert wire_videos.corrected(answer) is None
    assert failed(answer).kind is FailureKind.TRANSIENT


def status(published: bool | None = None, **phases: Any) -> wire_videos.VideoStatus:
    document = {"id": "55", "published": published, "post_id": "9", "permalink_url": "/reel/55/", "status": phases}
    found = wire_videos.video_status(document)
    assert found
    return found


@pytest.mark.parametrize("spelling", ["bytes_transfered", "bytes_transferred"])
def test_the_bytes_of_a_reel_are_spelt_in_two_ways(spelling: str) -> None:
    found = status(uploading_phase={"status": "in_progress", spelling: 50002, "source_file_size": 90000})
    assert (found.received, found.uploaded) == (50002, False)


@pytest.mark.parametrize("word", ["complete", "completed"])
def test_the_end_of_a_phase_is_spelt_in_two_ways(word: str) -> None:
    assert status(uploading_phase={"status": word}).uploaded


@pytest.mark.parametrize(
    ("published", "publishing", "out"),
    [
        (True, None, True),
        (None, {"status": "complete", "publish_status": "published"}, True),
        (False, {"status": "not_started", "publish_status": "scheduled"}, True),
        (False, {"status": "complete"}, True),
        (False, {"status": "not_started", "publish_status": "draft"}, False),
        (False, {"status": "complete", "publish_status": "draft"}, False),
        (None, "odd", False),
    ],
)
def test_a_video_is_out_when_facebook_says_published(published: bool | None, publishing: Any, out: bool) -> None:
    """Its video_status "ready" alone does not say so."""
    assert status(published, video_status="ready", publishing_phase=publishing).published is out


@pytest.mark.parametrize(
    ("phases", "not_uploaded", "not_processed"),
    [
        ({"video_status": "processing"}, "", ""),
        ({"video_status": "expired"}, "the video's status is 'expired'", ""),
        ({"uploading_phase": {"status": "error", "error": {"message": "cut"}}}, "cut", ""),
        ({"video_status": "error", "processing_phase": {"errors": [{"code": 1, "message": "codec"}]}}, "", "codec"),
        ({"publishing_phase": {"status": "error", "error": {"message": "music"}, "errors": 7}}, "", "music"),
    ],
)
def test_a_failed_phase_speaks_in_facebooks_words(
    phases: dict[str, Any], not_uploaded: str, not_processed: str
) -> None:
    found = status(**phases)
    assert (found.not_uploaded, found.not_processed) == (not_uploaded, not_processed)


def test_a_videos_receipt_is_by_the_videos_id() -> None:
    expected = Receipt("55", "https://www.facebook.com/reel/55/", {"post_id": "1029_9"})
    assert status(True).receipt("55", "1029") == expected


@pytest.mark.parametrize("document", [{}, {"status": None}, {"status": "ready"}])
def test_a_reply_without_a_status(document: Json) -> None:
    assert wire_videos.video_status(document) is None


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "no_effect"),
    [
        (1, 0, FailureKind.TRANSIENT, False),
        (2, 0, FailureKind.TRANSIENT, False),
        (3, 0, FailureKind.AUTH, True),
        (10, 0, FailureKind.AUTH, True),
        (200, 0, FailureKind.AUTH, True),
        (294, 0, FailureKind.AUTH, True),
        (102, 0, FailureKind.AUTH, True),
        (190, 460, FailureKind.AUTH, True),
        (4, 0, FailureKind.RATE_LIMITED, True),
        (32, 0, FailureKind.RATE_LIMITED, True),
        (613, 0, FailureKind.RATE_LIMITED, True),
        (80001, 0, FailureKind.RATE_LIMITED, True),
        (100, 0, FailureKind.REJECTED, True),
        (100, 1609008, FailureKind.REJECTED, True),
        (1609008, 0, FailureKind.REJECTED, True),
        (100, 1609005, FailureKind.TRANSIENT, True),
        (1609005, 0, FailureKind.TRANSIENT, True),
        (368, 0, FailureKind.REJECTED, True),
        (368, 1404082, FailureKind.REJECTED, False),
        (506, 1455006, FailureKind.REJECTED, False),
        (352, 1363023, FailureKind.REJECTED, False),
        (6000, 1363022, FailureKind.REJECTED, False),
        (6000, 1363033, FailureKind.TRANSIENT, False),
        (6001, 0, FailureKind.TRANSIENT, False),
        (6000, 1363042, FailureKind.AUTH, False),
        (987654, 0, FailureKind.REJECTED, False),
    ],
)
def test_a_code_says_what_to_do(code: int, subcode: int, kind: FailureKind, no_effect: bool) -> None:
    found = failed(refused(code, subcode))
    assert (found.kind, found.no_effect) == (kind, no_effect)
    assert found.code == (f"{code}/{subcode}" if subcode else str(code))


def test_no_refusal_is_certain_once_facebook_has_failed() -> None:
    assert not failed(refused(100, status=500)).no_effect
    assert not failed(refused(100, status=200)).no_effect


def test_an_error_that_calls_itself_transient_is_one() -> None:
    found = failed(refused(987654, is_transient=True))
    assert (found.kind, found.no_effect) == (FailureKind.TRANSIENT, False)


def test_a_failure_keeps_what_the_support_asks_for() -> None:
    found = failed(refused(100, 1366046, error_user_title="Can't Read Files", error_user_msg="Too big."))
    assert found.said == "(#100) No: Can't Read Files: Too big. (fbtrace_id A1)"


def test_the_same_words_are_not_said_twice() -> None:
    assert failed(refused(506, error_user_msg="(#506) No")).said == "(#506) No (fbtrace_id A1)"


def test_long_words_are_cut() -> None:
    assert len(failed(refused(100, message="x" * 5000)).said) < 600


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(502, b"<html>Bad Gateway</html>"), FailureKind.TRANSIENT),
        (reply(500), FailureKind.TRANSIENT),
        (reply(429, b"slow down"), FailureKind.TRANSIENT),
        (reply(400, b"<html>"), FailureKind.REJECTED),
        (reply(403, {"error": ["forbidden"]}), FailureKind.REJECTED),
        (reply(401), FailureKind.AUTH),
        (reply(302, b"moved"), FailureKind.BUG),
        (reply(200, {"error": "no"}), FailureKind.BUG),
        (reply(400, {"error": {"code": "190", "message": None}}), FailureKind.AUTH),
        (reply(400, {"error": {"message": "no"}}), FailureKind.REJECTED),
    ],
)
def test_replies_that_are_not_graphs_are_sorted_by_their_status(answer: Reply, kind: FailureKind) -> None:
    found = failed(answer)
    assert found.kind is kind
    assert found.said
    assert found.code


@pytest.mark.parametrize(
    ("kind", "retriable", "expected"),
    [
        ("OffsetInvalidError", False, FailureKind.TRANSIENT),
        ("PartialRequestError", False, FailureKind.TRANSIENT),
        ("ProcessingFailedError", True, FailureKind.TRANSIENT),
        ("ProcessingFailedError", False, FailureKind.SESSION_LOST),
        ("ParameterValidationError", False, FailureKind.REJECTED),
    ],
)
def test_the_host_for_bytes_has_an_envelope_of_its_own(kind: str, retriable: bool, expected: FailureKind) -> None:
    info = {"retriable": retriable, "type": kind, "message": "It said so"}
    found = errors.rupload_failure(reply(400, {"debug_info": info}))
    assert (found.kind, found.said, found.code) == (expected, "It said so", kind)


def test_a_dead_token_at_the_host_for_bytes() -> None:
    info = {"retriable": False, "type": "NotAuthorizedError", "message": "No"}
    found = errors.rupload_failure(reply(401, {"debug_info": info}))
    assert (found.kind, found.no_effect) == (FailureKind.AUTH, True)
    assert found.todo


def test_a_success_that_cannot_be_read() -> None:
    assert errors.not_understood(reply(200), again=True).kind is FailureKind.TRANSIENT
    found = errors.not_understood(reply(200, b"<html>ok"), again=False)
    assert (found.kind, found.said) == (FailureKind.BUG, "its reply was not understood: ok")


# ---------------------------------------------------------------- usage


def business(**meter: Any) -> str:
    return json.dumps({"1029": [{"type": "pages", "call_count": 10, "total_cputime": 3, "total_time": 2, **meter}]})


def left(headers: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Scope -> (percent that are left, seconds until there is more)."""
    found = usage.left(headers, SCOPES, NOW)
    return {one.scope: (round(100 * one.share), one.regained_at - NOW) for one in found}


def test_the_fullest_meter_counts_for_each_scope() -> None:
    headers = {
        "x-app-usage": '{"call_count": 28, "total_time": 25, "total_cputime": 25}',
        "x-business-use-case-usage": business(total_time=97),
    }
    assert left(headers) == {SCOPES.app: (72, usage.RELIEF_S), SCOPES.page: (3, usage.RELIEF_S)}


def test_an_app_that_may_not_call_at_all_rests_longer() -> None:
    assert left({"x-app-usage": '{"call_count": 100}'}) == {SCOPES.app: (0, usage.BACKOFF_S)}


def test_minutes_until_access_comes_back() -> None:
    headers = {"x-business-use-case-usage": business(call_count=130, estimated_time_to_regain_access=19)}
    assert left(headers) == {SCOPES.page: (0, 19 * 60)}
    assert usage.regained_at(headers, NOW) == NOW + 19 * 60


def test_each_business_object_is_a_scope_of_its_own() -> None:
    """Up to 32 of them may be in one header; one that is of another kind says nothing about Pages."""
    meters = {"7": [{"type": "pages", "call_count": 96}], "1029": [{"type": "instagram", "call_count": 100}]}
    headers = {"x-business-use-case-usage": json.dumps(meters)}
    assert set(left(headers)) == {"facebook:page:7", "facebook:instagram:1029"}


@pytest.mark.parametrize(
    ("code", "scope", "endpoint"),
    [(4, SCOPES.app, False), (341, SCOPES.app, False), (32, SCOPES.page, False), (613, SCOPES.page, True)],
)
def test_only_who_is_meant_is_held_back(code: int, scope: str, endpoint: bool) -> None:
    found = failed(refused(code))
    assert (found.kind, found.scope, found.endpoint) == (FailureKind.RATE_LIMITED, scope, endpoint)


@pytest.mark.parametrize("header", [None, "", "{", "[]", "{}", '{"1029": {}}', '{"1029": [7, {"call_count": "many"}]}'])
def test_a_header_that_says_nothing(header: str | None) -> None:
    headers = {} if header is None else {"x-business-use-case-usage": header, "x-app-usage": header}
    assert left(headers) == {}
    assert usage.regained_at(headers, NOW) == NOW + 1800.0


def test_a_throttled_reply_holds_its_page_back() -> None:
    answer = refused(80001)
    told = Reply(answer.status, {"x-business-use-case-usage": business(estimated_time_to_regain_access=7)}, answer.body)
    found = failed(told)
    assert (found.scope, found.not_before) == (SCOPES.page, NOW + 7 * 60)
