"""YouTube's wire: requests judged by Google's discovery document, and replies of every kind."""

from __future__ import annotations

import email
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from medusa.adapters.http import Reply, Request
from medusa.adapters.platforms.youtube import resumable, wire
from medusa.adapters.platforms.youtube.errors import Caller, failure_of, not_understood, reason_of
from medusa.adapters.platforms.youtube.quota import next_reset
from medusa.adapters.platforms.youtube.rules import THUMBNAIL_BYTES, TRACK_BYTES, VIDEO_BYTES
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.values import Media, Span

ROOT = "https://youtube.googleapis.com"
DOCUMENT: Mapping[str, Any] = json.loads(
    (files("googleapiclient.discovery_cache.documents") / "youtube.v3.json").read_text(encoding="utf-8")
)
EVERYTHING = {
    "title": "T",
    "description": "D",
    "tags": ["a"],
    "privacy": "private",
    "category": "22",
    "language": "en",
    "audio_language": "de",
    "made_for_kids": False,
    "publish_at": "2026-12-24T18:00:00+01:00",
    "notify_subscribers": False,
    "license": "youtube",
    "embeddable": True,
    "public_stats": True,
    "synthetic_media": False,
    "recording_date": "2026-11-23T00:00:00Z",
    "localizations": {"de": {"title": "T", "description": "D"}},
}


# ---------------------------------------------------------------- requests, judged by Google's own document


REQUESTS = {
    "channels.list": wire.my_channel(ROOT),
    "videos.insert": wire.video_insert(ROOT, EVERYTHING),
    "videos.list": wire.video_details(ROOT, ["a", "b"]),
    "thumbnails.set": wire.thumbnail_set(ROOT, "a"),
    "captions.insert": wire.caption_insert(ROOT, "a", {"language": "en", "name": ""}, "text/vtt", b"WEBVTT"),
    "playlistItems.insert": wire.playlist_insert(ROOT, "a", "PL"),
    "playlistItems.list": wire.playlist_find(ROOT, "a", "PL"),
}


def method(name: str) -> Mapping[str, Any]:
    collection, _, verb = name.partition(".")
    found: Mapping[str, Any] = DOCUMENT["resources"][collection]["methods"][verb]
    return found


def misfits(value: Any, schema: Mapping[str, Any], path: str = "body") -> Iterator[str]:
    """Where a JSON value departs from a schema of the document."""
    schema = DOCUMENT["schemas"][schema["$ref"]] if "$ref" in schema else schema
    kinds: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool}
    if not isinstance(value, kinds[schema["type"]]) or value not in schema.get("enum", [value]):
        yield f"{path}: {value!r}"
    elif isinstance(value, dict):
        for name, item in value.items():
            known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            yield from misfits(item, known, f"{path}.{name}") if known else [f"{path}.{name}: unknown"]
    elif isinstance(value, list):
        for item in value:
            yield from misfits(item, schema["items"], f"{path}[]")


def json_of(request: Request) -> Any:
    """The JSON document of a request, the first part of a multipart one."""
    assert isinstance(request.body, bytes)
    if "multipart" not in request.headers["Content-Type"]:
        return json.loads(request.body)
    return json.loads(parts_of(request)[0].get_payload(decode=True))


def parts_of(request: Request) -> list[Any]:
    assert isinstance(request.body, bytes)
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return parts


@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_fits_the_discovery_document(name: str) -> None:
    request, known = REQUESTS[name], method(name)
    address = urlsplit(request.url)
    query = parse_qs(address.query)
    parameters = {**known["parameters"], **DOCUMENT["parameters"], "uploadType": {}}
    assert request.method == known["httpMethod"]
    assert not set(query) - set(parameters)
    assert not [name for name, one in known["parameters"].items() if one.get("required") and name not in query]
    upload = known.get("mediaUpload", {}).get("protocols", {}).get("simple", {}).get("path")
    assert address.path == (upload or f"/{DOCUMENT['servicePath']}{known['path']}")
    assert bool(request.body) is ("request" in known)
    if request.body:
        assert not list(misfits(json_of(request), known["request"]))


def test_the_parts_that_are_named_are_those_that_are_sent() -> None:
    request = REQUESTS["videos.insert"]
    named = parse_qs(urlsplit(request.url).query)["part"][0].split(",")
    assert sorted(named) == sorted(json_of(request))
    assert named[:2] == ["snippet", "status"]


def test_every_field_of_the_metadata_is_sent() -> None:
    body = json_of(REQUESTS["videos.insert"])
    sent = [*body["snippet"], *body["status"], *body["recordingDetails"], "localizations", "notify_subscribers"]
    assert len(sent) == len(EVERYTHING)


@pytest.mark.parametrize(("said", "sent"), [({}, None), ({"notify_subscribers": True}, ["true"])])
def test_subscribers_are_notified_as_youtube_does_unless_it_is_said(said: Any, sent: list[str] | None) -> None:
    request = wire.video_insert(ROOT, {"title": "T", "privacy": "private", **said})
    assert parse_qs(urlsplit(request.url).query).get("notifySubscribers") == sent


def test_a_parameter_that_the_method_does_not_have_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument colour"):
        wire.call(ROOT, "videos.list", part="id", colour="red")
    with pytest.raises(TypeError, match="Missing required parameter"):
        wire.call(ROOT, "videos.list", id="a")


@pytest.mark.parametrize("root", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "https://gateway/google"])
def test_the_root_can_be_another(root: str) -> None:
    assert wire.video_status(root, "a").url.startswith(f"{root.rstrip('/')}/youtube/v3/videos?")
    assert wire.thumbnail_set(root, "a").url.startswith(f"{root.rstrip('/')}/upload/youtube/v3/thumbnails/set?")


def test_the_root_that_is_preset_is_that_of_the_document() -> None:
    assert DOCUMENT["rootUrl"] == f"{ROOT}/"


def test_the_limits_are_those_of_the_document() -> None:
    limits = {"videos.insert": VIDEO_BYTES, "thumbnails.set": THUMBNAIL_BYTES, "captions.insert": TRACK_BYTES}
    for name, limit in limits.items():
        assert int(method(name)["mediaUpload"]["maxSize"]) == limit


def test_a_multipart_body_holds_the_file_untouched() -> None:
    content = bytes(range(256)) + b"\r\n--medusa-00000000\r\n\n" + "Grüß".encode()
    request = wire.caption_insert(ROOT, "a", {"language": "de", "name": "Ö"}, "text/vtt", content)
    document, file = parts_of(request)
    assert json.loads(document.get_payload(decode=True))["snippet"]["name"] == "Ö"
    assert document.get_content_type() == "application/json"
    assert file.get_content_type() == "text/vtt"
    assert isinstance(request.body, bytes)
    assert content in request.body
    assert file.get_boundary() is None
    assert len(parts_of(request)) == 2


# ---------------------------------------------------------------- the resumable protocol

SESSION = "https://upload.example/videos?uploadType=resumable&upload_id=SECRET-SESSION"


def test_a_session_declares_the_size_and_the_type() -> None:
    media = Media("/a.mp4", size=42, mime="video/mp4")
    request = resumable.begin(REQUESTS["videos.insert"], media)
    assert request.headers["X-Upload-Content-Length"] == "42"
    assert request.headers["X-Upload-Content-Type"] == "video/mp4"
    assert request.headers["Content-Type"] == "application/json"


def test_a_type_that_youtube_does_not_list_is_sent_as_bytes() -> None:
    request = resumable.begin(REQUESTS["videos.insert"], Media("/a.mxf", size=1, mime="application/mxf"))
    assert request.headers["X-Upload-Content-Type"] in method("videos.insert")["mediaUpload"]["accept"]


def test_bytes_and_questions_name_their_range() -> None:
    class Nothing:
        def __len__(self) -> int:
            return 5

        def readinto(self, view: memoryview, /) -> int:
            return 0

    assert resumable.put(SESSION, Span(5, 10), 42, Nothing()).headers == {"Content-Range": "bytes 5-9/42"}
    asked = resumable.query(SESSION, 42)
    assert (asked.method, asked.body) == ("PUT", b"")
    assert asked.headers == {"Content-Range": "bytes */42", "Content-Length": "0"}
    assert "SECRET-SESSION" in asked.secrets
    assert "SECRET" not in repr(asked)


@pytest.mark.parametrize(
    ("header", "offset"),
    [
        ("bytes=0-0", 1),
        ("bytes=0-524287", 524288),
        ("0-524287", 524288),
        (None, 0),
        ("bytes=5-9", None),
        ("bytes=0-", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_what_is_stored(header: str | None, offset: int | None) -> None:
    headers = {} if header is None else {"range": header}
    assert resumable.stored(Reply(308, headers, b"")) == offset


@pytest.mark.parametrize(
    ("offset", "chunk", "span"),
    [
        (0, 0, Span(0, 1_000_000)),
        (300, 0, Span(300, 1_000_000)),
        (0, 262_144, Span(0, 262_144)),
        (262_144, 524_288, Span(262_144, 786_432)),
        (786_432, 262_144, Span(786_432, 1_000_000)),
        (100, 262_144, Span(100, 262_144)),
    ],
)
def test_what_is_sent_next(offset: int, chunk: int, span: Span) -> None:
    assert resumable.next_span(offset, 1_000_000, chunk) == span


@pytest.mark.parametrize(
    ("date", "time"), [("Mon, 23 Nov 2026 12:00:00 GMT", 1795435200.0), ("", None), ("yesterday", None)]
)
def test_the_servers_clock(date: str, time: float | None) -> None:
    assert resumable.server_time(Reply(200, {"date": date} if date else {}, b"")) == time


# ---------------------------------------------------------------- what comes back


def videos(**parts: Any) -> list[dict[str, Any]]:
    return [{"id": "a", **parts}]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], wire.Processing("")),
        (videos(), wire.Processing("")),
        (videos(status={"uploadStatus": "processed"}), wire.Processing("processed")),
        (
            videos(status={"uploadStatus": "failed", "failureReason": "codec"}),
            wire.Processing("failed", "codec"),
        ),
        (
            videos(status={"uploadStatus": "rejected", "rejectionReason": "claim"}),
            wire.Processing("rejected", "claim"),
        ),
        (
            videos(
                status={"uploadStatus": "uploaded"},
                processingDetails={"processingProgress": {"partsTotal": "3", "partsProcessed": "2"}},
            ),
            wire.Processing("uploaded", "", 66),
        ),
        (
            videos(
                status={"uploadStatus": "uploaded"},
                processingDetails={"processingProgress": {"partsTotal": "0", "partsProcessed": "0"}},
            ),
            wire.Processing("uploaded"),
        ),
        (videos(status=7, processingDetails={"processingProgress": 7}), wire.Processing("")),
    ],
)
def test_how_far_processing_is(found: Any, state: wire.Processing) -> None:
    assert wire.processing(found) == state


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"kind": "youtube#videoListResponse", "items": [{"id": "a"}]}, [{"id": "a"}]),
        ({"kind": "youtube#channelListResponse"}, []),
        ({}, None),
        ({"items": []}, None),
        ({"kind": "youtube#videoListResponse", "items": {"0": {}}}, None),
        ({"kind": "youtube#videoListResponse", "items": [None]}, None),
    ],
)
def test_a_list(document: Any, found: Any) -> None:
    assert wire.items(document) == found


# ---------------------------------------------------------------- errors

CALLER = Caller("gaming", "youtube:account:A", "youtube:project:P")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()


def error(status: int, reason: str, message: str = "Said.", **headers: str) -> Failure:
    document = {"error": {"code": status, "message": message, "errors": [{"message": message, "reason": reason}]}}
    return failure_of(Reply(status, headers, json.dumps(document).encode()), CALLER, NOW)


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (500, "backendError", FailureKind.TRANSIENT),
        (503, "internalError", FailureKind.TRANSIENT),
        (400, "notReady", FailureKind.TRANSIENT),
        (403, "rateLimitExceeded", FailureKind.RATE_LIMITED),
        (429, "rateLimitExceeded", FailureKind.RATE_LIMITED),
        (403, "userRateLimitExceeded", FailureKind.RATE_LIMITED),
        (403, "servingLimitExceeded", FailureKind.RATE_LIMITED),
        (429, "somethingNew", FailureKind.RATE_LIMITED),
        (403, "quotaExceeded", FailureKind.QUOTA),
        (403, "dailyLimitExceeded", FailureKind.QUOTA),
        (400, "uploadLimitExceeded", FailureKind.QUOTA),
        (429, "uploadRateLimitExceeded", FailureKind.QUOTA),
        (401, "authError", FailureKind.AUTH),
        (401, "required", FailureKind.AUTH),
        (403, "insufficientPermissions", FailureKind.AUTH),
        (401, "youtubeSignupRequired", FailureKind.AUTH),
        (403, "channelSuspended", FailureKind.AUTH),
        (403, "accessNotConfigured", FailureKind.AUTH),
        (400, "invalidTitle", FailureKind.REJECTED),
        (403, "forbidden", FailureKind.REJECTED),
        (404, "videoNotFound", FailureKind.REJECTED),
        (413, "uploadTooLarge", FailureKind.REJECTED),
    ],
)
def test_the_reason_decides(status: int, reason: str, kind: FailureKind) -> None:
    found = error(status, reason)
    assert (found.kind, found.said, found.code) == (kind, "Said.", reason)
    assert found.no_effect is (status < 500)


def test_a_quota_starts_anew_at_midnight_in_california() -> None:
    found = error(403, "quotaExceeded")
    assert found.not_before == datetime(2026, 11, 24, 8, 0, tzinfo=UTC).timestamp()
    assert "midnight" in found.todo


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        ((2026, 7, 1, 6, 59), (2026, 7, 1, 7, 0)),
        ((2026, 7, 1, 7, 0), (2026, 7, 2, 7, 0)),
        ((2026, 11, 1, 12, 0), (2026, 11, 2, 8, 0)),
        ((2026, 3, 8, 12, 0), (2026, 3, 9, 7, 0)),
    ],
)
def test_midnight_follows_daylight_saving(now: tuple[int, ...], reset: tuple[int, ...]) -> None:
    year, month, day, hour, minute = now
    at = datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    year, month, day, hour, minute = reset
    assert next_reset(at) == datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()


def test_a_channels_own_limit_lasts_a_day() -> None:
    found = error(400, "uploadLimitExceeded")
    assert found.not_before == NOW + 86_400
    assert found.scope.startswith("youtube:account:A")


@pytest.mark.parametrize(
    ("reason", "scope"), [("rateLimitExceeded", CALLER.project), ("userRateLimitExceeded", CALLER.account)]
)
def test_a_rate_limit_names_whom_it_holds_back(reason: str, scope: str) -> None:
    assert error(403, reason).scope == scope
    assert error(403, reason).not_before == NOW + 30
    assert error(403, reason, **{"retry-after": "7"}).not_before == NOW + 7
    assert error(403, reason, **{"retry-after": "Mon, 23 Nov 2026 12:00:09 GMT"}).not_before == NOW + 9


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        ("authError", "Run: medusa auth login gaming"),
        ("insufficientPermissions", "Run: medusa auth login gaming, and leave all permissions ticked."),
        ("youtubeSignupRequired", "has a channel: medusa auth login gaming"),
        ("accessNotConfigured", "Enable the YouTube Data API v3"),
    ],
)
def test_what_the_user_can_do(reason: str, todo: str) -> None:
    assert todo in error(403, reason).todo


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (502, b"<html><h1>Bad Gateway</h1></html>", FailureKind.TRANSIENT, "Bad Gateway"),
        (503, b"", FailureKind.TRANSIENT, "HTTP 503, without a message"),
        (400, b"Failed to parse Content-Range header.", FailureKind.REJECTED, "Failed to parse Content-Range header."),
        (403, b'{"error": {"mess', FailureKind.REJECTED, '{"error": {"mess'),
        (403, b'{"error": "no"}', FailureKind.REJECTED, '{"error": "no"}'),
        (403, b'{"error": {"errors": [7], "code": "x"}}', FailureKind.REJECTED, "HTTP 403, without a message"),
        (401, b"", FailureKind.AUTH, "HTTP 401, without a message"),
        (408, b"", FailureKind.TRANSIENT, "HTTP 408, without a message"),
        (302, b"", FailureKind.BUG, "HTTP 302, without a message"),
        (200, b'{"error": {"code": 500, "message": "Backend Error"}}', FailureKind.TRANSIENT, "Backend Error"),
        (403, b'{"error": {"message": "Off.", "status": "PERMISSION_DENIED"}}', FailureKind.REJECTED, "Off."),
    ],
)
def test_replies_of_every_shape(status: int, body: bytes, kind: FailureKind, said: str) -> None:
    found = failure_of(Reply(status, {}, body), CALLER, NOW)
    assert (found.kind, found.said) == (kind, said)
    assert found.code


def test_a_message_is_of_bounded_length() -> None:
    assert len(error(400, "invalidTitle", "x" * 10_000).said) == 500


def test_a_reply_that_lacks_what_it_must_hold_is_asked_for_again() -> None:
    assert not_understood(Reply(200, {}, b""), "video") == Failure(
        FailureKind.TRANSIENT, "the reply holds no video (it says nothing)", "HTTP 200"
    )
    assert not_understood(Reply(200, {}, b"hi"), "video").said == "the reply holds no video: hi"


def test_the_reason_of_what_is_no_error() -> None:
    assert reason_of(Reply(200, {}, b'{"kind": "x"}')) == ""
    assert reason_of(Reply(200, {}, b"[1]")) == ""
