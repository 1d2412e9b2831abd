"""The steps of the Facebook adapter, one call at a time, over a script of replies."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.facebook.account import FacebookAccount
from medusa.adapters.platforms.facebook.adapter import FacebookPublisher
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Body, Call
from medusa.domain.task import Step
from medusa.domain.values import (
    Checkpoint,
    Intent,
    Json,
    LookAgain,
    Media,
    MediaKind,
    Receipt,
    Span,
    StepSpec,
    Verdict,
)

NOW = 1_800_000_000.0
VIDEO = Media("/m/talk.mp4", size=1000, mime="video/mp4", kind=MediaKind.VIDEO, width=1920, height=1080)
PHOTO = Media("/m/gull.jpg", size=1000, mime="image/jpeg", kind=MediaKind.IMAGE)
GONE = {"error": {"message": "does not exist", "code": 100, "error_subcode": 33}}


class Script(Http):
    """Answers with what it was given, in order; a document comes with 200, an error in it with 400."""

    def __init__(self, *documents: object) -> None:
        self.sent: list[Request] = []
        self._documents = list(documents)

    def exchange(self, call: Any, request: Request) -> Reply:
        self.sent.append(request)
        document = self._documents.pop(0)
        if isinstance(document, Reply):
            return document
        refused = isinstance(document, dict) and "error" in document
        return Reply(400 if refused else 200, {}, json.dumps(document).encode())


class Bytes:
    """Body of so many zeros."""

    def __init__(self, length: int) -> None:
        self._length, self._content = length, BytesIO(bytes(length))

    def __len__(self) -> int:
        return self._length

    def readinto(self, view: memoryview, /) -> int:
        return self._content.readinto(view)


class Lent:
    """A Call at NOW."""

    def now(self) -> float:
        return NOW

    def body(self, span: Span) -> Body:
        return Bytes(len(span))

    def budget(self, scope: str, left: float, resets_at: float) -> None: ...

    def rivals(self) -> tuple[Step, ...]:
        return ()

    def taken(self, id_: str) -> bool:
        return False

    def in_flight(self, unsent: object) -> None: ...

    def check_in_time(self) -> None: ...

    def on_cancel(self, close: object) -> None: ...


CALL = Lent()


def adapter(script: Script, resend: bool = False) -> FacebookPublisher:
    account = FacebookAccount("1029", "tok-1234567890", resend_if_not_found=resend)
    return FacebookPublisher(account, script, FileAccounts())


def advanced(script: Script, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
    return adapter(script).advance(CALL, spec, at)


def refusal(script: Script, spec: StepSpec, at: Checkpoint) -> Failure:
    with pytest.raises(PlatformError) as caught:
        advanced(script, spec, at)
    return caught.value.failure


def sent_body(script: Script) -> bytes:
    """The last request's body."""
    body, view, content = script.sent[-1].body, memoryview(bytearray(4096)), b""
    if isinstance(body, bytes):
        return body
    while body and (count := body.readinto(view)):
        content += bytes(view[:count])
    return content


# ---------------------------------------------------------------- preflight


def preflight(**fields: Any) -> StepSpec:
    return StepSpec("preflight", "t:f:preflight", {"form": "feed", "scheduled_publish_time": None, **fields})


def test_a_page_is_read_once() -> None:
    script = Script({"id": "1029", "name": "Medusa"})
    assert advanced(script, preflight(), Checkpoint()) == Receipt("1029", extra={"name": "Medusa"})
    assert [urlsplit(request.url).path for request in script.sent] == ["/v26.0/1029"]


def test_a_page_under_another_number() -> None:
    found = refusal(Script({"id": "31", "name": "Medusa"}), preflight(), Checkpoint())
    assert (found.kind, found.said) == (
        FailureKind.REJECTED,
        "page_id is '1029', but Facebook calls this Page '31'",
    )


def test_a_page_without_a_number() -> None:
    assert refusal(Script({"name": "Medusa"}), preflight(), Checkpoint()).kind is FailureKind.TRANSIENT


def test_a_time_that_has_passed_asks_nobody() -> None:
    script = Script()
    found = refusal(script, preflight(scheduled_publish_time=int(NOW)), Checkpoint())
    assert (found.kind, found.no_effect, script.sent) == (FailureKind.REJECTED, True, [])


# ---------------------------------------------------------------- photos


@pytest.mark.parametrize(("scheduled", "usable_until"), [(False, NOW + 23 * 3600), (True, None)])
def test_a_photo_is_kept_for_a_day_or_until_its_post(scheduled: bool, usable_until: float | None) -> None:
    script = Script({"id": "77"})
    spec = StepSpec("photo", "k", {"form": "photo", "alt_text": "", "scheduled": scheduled}, PHOTO)
    at = adapter(script).open(CALL, spec, {})
    assert at.want == Span(0, 1000)
    assert advanced(script, spec, at) == Receipt("77", usable_until=usable_until)
    body = sent_body(script)
    assert (b'name="temporary"' in body) is scheduled
    assert b'name="published"\r\n\r\nfalse' in body
    assert b"alt_text_custom" not in body


# ---------------------------------------------------------------- phased videos

SPEC = StepSpec("video", "k", {"form": "video"}, VIDEO)
SESSION = Checkpoint({"form": "video", "session": "s1", "video": "55"}, Span(0, 400), known=Receipt("55"))


def test_a_session_is_saved_before_a_byte_goes() -> None:
    started = {"video_id": "55", "upload_session_id": "s1", "start_offset": "0", "end_offset": "400"}
    script = Script(started)
    at = adapter(script).open(CALL, SPEC, {})
    assert at.want is None
    assert advanced(script, SPEC, at) == SESSION
    assert parse_qs(sent_body(script).decode()) == {"upload_phase": ["start"], "file_size": ["1000"]}


@pytest.mark.parametrize("missing", ["video_id", "upload_session_id", "start_offset"])
def test_a_session_without_its_parts_is_none(missing: str) -> None:
    started = {"video_id": "55", "upload_session_id": "s1", "start_offset": "0", "end_offset": "400"}
    found = refusal(Script({**started, missing: None}), SPEC, Checkpoint({"form": "video"}))
    assert found.kind is FailureKind.TRANSIENT


def test_a_window_leads_to_the_next() -> None:
    moved = advanced(Script({"start_offset": "400", "end_offset": "5000"}), SPEC, SESSION)
    assert isinstance(moved, Checkpoint)
    assert (moved.want, moved.done) == (Span(400, 1000), 400)


def test_the_same_window_again_is_no_advance() -> None:
    found = refusal(Script({"start_offset": "0", "end_offset": "400"}), SPEC, SESSION)
    assert (found.kind, found.said) == (FailureKind.TRANSIENT, "it took none of the bytes that it was sent")


def test_an_upload_that_ends_too_early_is_not_posted() -> None:
    found = refusal(Script({"start_offset": "400", "end_offset": "400"}), SPEC, SESSION)
    assert (found.kind, found.said) == (
        FailureKind.BUG,
        "it says that the upload is complete after 400 of 1000 bytes",
    )


@pytest.mark.parametrize(("height", "warned"), [(1080, False), (3000, True)])
def test_an_upright_video_is_warned_about(height: int, warned: bool) -> None:
    spec = replace(SPEC, media=replace(VIDEO, height=height))
    receipt = advanced(Script({"start_offset": "1000", "end_offset": "1000"}), spec, SESSION)
    assert isinstance(receipt, Receipt)
    assert (receipt.id, receipt.extra, bool(receipt.warnings)) == ("55", {"session": "s1"}, warned)


def test_a_session_that_keeps_refusing_is_given_up() -> None:
    error = {"error": {"message": "There was a problem", "code": 6000, "error_subcode": 1363019}}
    at: Any = SESSION
    for _ in range(3):
        assert refusal(Script(error), SPEC, at).kind is FailureKind.TRANSIENT
        at = adapter(Script()).ask(CALL, SPEC, at)
        assert at.want == SESSION.want
    assert refusal(Script(error), SPEC, at).kind is FailureKind.SESSION_LOST
    assert refusal(Script(GONE), SPEC, SESSION).kind is FailureKind.SESSION_LOST


# ---------------------------------------------------------------- reels

REEL = StepSpec("video", "k", {"form": "reel"}, VIDEO)
PLACE = Checkpoint({"form": "reel", "video": "55", "url": "https://r.example/55", "since": NOW}, Span(0, 1000))


def asked(document: object, since: float = NOW) -> Checkpoint | Receipt:
    at = replace(PLACE, cursor={**PLACE.cursor, "since": since})
    return adapter(Script(document)).ask(CALL, REEL, at)


def lost(document: object, since: float = NOW) -> Failure:
    with pytest.raises(PlatformError) as caught:
        asked(document, since)
    return caught.value.failure


@pytest.mark.parametrize("answer", [Reply(200, {}, b"<html>"), {"success": False}, Reply(200, {}, b""), [1]])
def test_bytes_without_a_clear_answer_are_asked_about(answer: object) -> None:
    assert refusal(Script(answer), REEL, PLACE).kind is FailureKind.TRANSIENT


def test_a_graph_error_from_the_host_for_bytes_is_one() -> None:
    expired = {"error": {"message": "expired", "code": 190, "error_subcode": 463}}
    assert refusal(Script(expired), REEL, PLACE).kind is FailureKind.AUTH


def test_an_interrupted_reel_goes_on_where_facebook_stands() -> None:
    phase = {"status": "in_progress", "bytes_transfered": 400}
    at = asked({"status": {"video_status": "uploading", "uploading_phase": phase}})
    assert isinstance(at, Checkpoint)
    assert (at.want, at.done) == (Span(400, 1000), 400)
    assert at.cursor == PLACE.cursor


@pytest.mark.parametrize("phase", [{"status": "complete"}, {"status": "in_progress", "bytes_transfered": 1000}])
def test_a_reel_that_is_all_there_is_not_sent_again(phase: Json) -> None:
    assert asked({"status": {"uploading_phase": phase}}) == Receipt("55")


def test_a_reel_whose_upload_failed_is_begun_anew() -> None:
    found = lost({"status": {"video_status": "upload_failed", "uploading_phase": {"bytes_transfered": 400}}})
    assert found.kind is FailureKind.SESSION_LOST


def test_a_reel_that_facebook_does_not_know() -> None:
    assert lost(GONE, since=NOW - 5).kind is FailureKind.TRANSIENT
    assert lost(GONE, since=NOW - 90).kind is FailureKind.SESSION_LOST


def test_a_status_that_is_not_understood_is_asked_for_again() -> None:
    assert lost({"status": 7}, since=NOW - 90).kind is FailureKind.TRANSIENT


# ---------------------------------------------------------------- posts


def intent(form: str = "feed", sent_at: float = NOW, **params: str) -> Intent:
    edge = {"video": "videos", "reel": "video_reels"}.get(form, "feed")
    video = "55" if edge != "feed" else None
    return Intent("k", {"form": form, "edge": edge, "params": params}, "f", video, sent_at, sent_at + 60)


def refused(form: str, document: object) -> Failure:
    with pytest.raises(PlatformError) as caught:
        adapter(Script(document)).publish(CALL, intent(form, message="Hi"))
    return caught.value.failure


@pytest.mark.parametrize(("form", "no_effect"), [("feed", True), ("video", False), ("reel", False)])
def test_a_refused_finish_proves_nothing(form: str, no_effect: bool) -> None:
    found = refused(form, {"error": {"message": "No", "code": 100}})
    assert (found.kind, found.no_effect) == (FailureKind.REJECTED, no_effect)


@pytest.mark.parametrize("form", ["feed", "video"])
def test_a_dead_token_never_has_an_effect(form: str) -> None:
    assert refused(form, {"error": {"message": "No", "code": 190}}).no_effect


@pytest.mark.parametrize("form", ["feed", "video"])
@pytest.mark.parametrize("document", [{}, [], {"success": False}, Reply(200, {}, b"<html>")])
def test_a_success_that_proves_nothing_is_looked_into(form: str, document: object) -> None:
    found = refused(form, document)
    assert (found.kind, found.no_effect) == (FailureKind.BUG, False)


def test_a_reel_tells_its_post_now_and_then() -> None:
    receipt = adapter(Script({"success": True, "post_id": "9"})).publish(CALL, intent("reel"))
    assert receipt == Receipt("55", "https://www.facebook.com/reel/55", {"post_id": "1029_9"})


def post(number: int, created_time: str = "2027-01-15T08:00:00+0000", message: str = "other") -> dict[str, str]:
    return {"id": f"1029_{number}", "message": message, "created_time": created_time}


@pytest.mark.parametrize(
    ("looks", "resend", "expected"),
    [
        (0, True, LookAgain(5.0, "Looking on Facebook whether the post got through")),
        (1, True, LookAgain(30.0, "Looking on Facebook whether the post got through")),
        (2, True, Verdict.NOT_SHOWN),
        (2, False, Verdict.UNKNOWN),
    ],
)
def test_an_empty_list_is_believed_only_if_the_user_says_so(looks: int, resend: bool, expected: object) -> None:
    script = Script({"data": [post(1)]})
    assert adapter(script, resend).find(CALL, intent(message="Hi"), looks) == expected


@pytest.mark.parametrize(("oldest", "expected"), [("08:00", Verdict.UNKNOWN), ("07:50", Verdict.NOT_SHOWN)])
def test_a_full_list_has_to_reach_back_to_the_send(oldest: str, expected: Verdict) -> None:
    full = [post(number) for number in range(99)] + [post(99, f"2027-01-15T{oldest}:00+0000")]
    assert adapter(Script({"data": full}), resend=True).find(CALL, intent(message="Hi"), 2) is expected


@pytest.mark.parametrize(("age_s", "found"), [(119, True), (121, False)])
def test_our_clock_and_facebooks_may_differ_by_two_minutes(age_s: float, found: bool) -> None:
    script = Script({"data": [post(7, message="Hi")]})
    answer = adapter(script).find(CALL, intent(message="Hi", sent_at=NOW + age_s), 0)
    assert isinstance(answer, Receipt) is found


class Shared(Lent):
    """A Call of an account whose other steps have published or sent something as well."""

    def __init__(self, *rivals: Intent, taken: str = "") -> None:
        steps = (replace(Step(StepSpec("post", f"t{n}", {}), "facebook"), intent=one) for n, one in enumerate(rivals))
        self._rivals, self._taken = tuple(steps), taken

    def rivals(self) -> tuple[Step, ...]:
        return self._rivals

    def taken(self, id_: str) -> bool:
        return id_ == self._taken


def whose(call: Call, *numbers: int, looks: int = 2, resend: bool = False) -> object:
    """The answer where the list has these posts with the text that was sent."""
    listed = {"data": [post(number, message="Hi") for number in numbers]}
    return adapter(Script(listed), resend).find(call, intent(message="Hi"), looks)


def test_another_steps_post_is_not_taken_for_this_ones() -> None:
    known = Shared(taken="1029_7")
    assert whose(known, 7) is Verdict.UNKNOWN
    assert whose(known, 7, resend=True) is Verdict.NOT_SHOWN
    assert isinstance(found := whose(known, 7, 8), Receipt)
    assert found.id == "1029_8"


def test_of_two_alike_nobody_can_tell_whose_they_are() -> None:
    assert isinstance(whose(CALL, 7, 8, looks=0), LookAgain)
    assert whose(CALL, 7, 8) is Verdict.UNKNOWN
    assert whose(CALL, 7, 8, resend=True) is Verdict.UNKNOWN


def test_one_that_seems_older_may_be_this_one_by_a_clock_that_was_ahead() -> None:
    """Then it is not adopted, and nothing is sent again either."""
    older = Script({"data": [post(7, "2027-01-15T07:50:00+0000", message="Hi")]})
    assert adapter(older, resend=True).find(CALL, intent(message="Hi"), 2) is Verdict.UNKNOWN


def test_what_another_step_may_have_made_is_adopted_only_once_that_one_is_settled() -> None:
    sent = Shared(intent(message="Hi"))
    assert isinstance(whose(sent, 7, looks=0), LookAgain)
    assert whose(sent, 7, resend=True) is Verdict.UNKNOWN
    assert isinstance(whose(Shared(taken="1029_6"), 6, 7), Receipt)


@pytest.mark.parametrize(
    "other",
    [intent(message="Something else"), intent(message="Hi", sent_at=NOW - 300), intent("video", message="Hi")],
    ids=["another text", "sent long before the post was made", "a video"],
)
def test_who_cannot_have_made_it_leaves_no_doubt(other: Intent) -> None:
    assert isinstance(whose(Shared(other), 7), Receipt)


class Beside(Lent):
    """A Call of an account with one other step that may be out."""

    def __init__(self, rival: Step) -> None:
        self._rival = rival

    def rivals(self) -> tuple[Step, ...]:
        return (self._rival,)


def test_what_cannot_be_read_of_another_step_may_have_been_this_post() -> None:
    """A visible step is listed as in doubt, and has no intent: its key is lost."""
    unread = Step(StepSpec("post", "t:f:post", {}, visible=True), "facebook")
    assert isinstance(whose(Beside(unread), 7, looks=0), LookAgain)
    assert whose(Beside(unread), 7, resend=True) is Verdict.UNKNOWN
    upload = Step(StepSpec("video", "t:y:video", {}), "youtube", committed=True)
    assert isinstance(whose(Beside(upload), 7), Receipt)


def test_what_another_platform_was_sent_is_no_post_of_this_one() -> None:
    """Of a target that is not configured here nobody knows the platform, nor what its intents hold."""
    other = Intent("k", {"message": "Hi"}, "f00", None, NOW, NOW + 60.0)
    assert isinstance(whose(Shared(other), 7), Receipt)


@pytest.mark.parametrize(
    ("params", "edge"),
    [
        ({}, "published_posts"),
        ({"scheduled_publish_time": str(int(NOW) + 60)}, "scheduled_posts"),
        ({"scheduled_publish_time": str(int(NOW) - 60)}, "published_posts"),
    ],
)
def test_a_scheduled_post_is_on_a_list_of_its_own(params: dict[str, Any], edge: str) -> None:
    script = Script({"data": []})
    adapter(script).find(CALL, intent(message="Hi", **params), 0)
    assert urlsplit(script.sent[0].url).path == f"/v26.0/1029/{edge}"


def found_video(looks: int, document: object) -> object:
    return adapter(Script(document)).find(CALL, intent("video"), looks)


def phases(**named: str) -> dict[str, Any]:
    return {"status": {f"{name}_phase": {"status": state} for name, state in named.items()}}


@pytest.mark.parametrize("document", [GONE, phases(publishing="not_started"), phases(processing="complete")])
def test_a_finish_that_does_not_show_is_sent_again_in_the_end(document: object) -> None:
    note = "Looking on Facebook whether the video got through"
    assert found_video(0, document) == LookAgain(5.0, note)
    assert found_video(1, document) == LookAgain(30.0, note)
    assert found_video(2, document) is Verdict.REPEATABLE


def test_a_video_in_processing_is_given_time() -> None:
    document = phases(processing="in_progress")
    assert found_video(59, document) == LookAgain(10.0, "Facebook processes the video")
    assert found_video(60, document) is Verdict.REPEATABLE


def test_a_finished_video_that_could_not_be_processed_is_there_with_a_warning() -> None:
    document = phases(publishing="not_started")
    document["status"]["processing_phase"] = {"status": "error", "error": {"message": "Codec"}}
    assert found_video(0, document) == Receipt("55", warnings=("Facebook could not process the video: Codec",))


def test_an_upload_that_expired_cannot_be_finished() -> None:
    assert found_video(0, {"status": {"video_status": "expired"}}) is Verdict.ABSENT


# ---------------------------------------------------------------- permalinks


def looked(document: object, *, waits: bool, until: float = NOW + 30) -> Checkpoint | Receipt:
    spec = StepSpec("permalink", "k", {"until_published": waits, "at_most_s": 30.0})
    at = Checkpoint({"video": "55", "until": until, "looks": 1})
    return advanced(Script(document), spec, at)


DRAFT = {**phases(processing="in_progress"), "permalink_url": "/1029/videos/55/"}


def test_an_address_is_enough_if_nobody_waits() -> None:
    assert looked(DRAFT, waits=False) == Receipt("55", "https://www.facebook.com/1029/videos/55/")


@pytest.mark.parametrize("document", [DRAFT, GONE])
def test_publication_is_waited_for(document: object) -> None:
    at = looked(document, waits=True)
    assert isinstance(at, Checkpoint)
    assert (at.wait_s, at.cursor["looks"], at.note) == (8.0, 2, "Facebook processes the video")


@pytest.mark.parametrize(("waits", "warnings"), [(False, 0), (True, 1)])
def test_a_look_has_an_end(waits: bool, warnings: int) -> None:
    receipt = looked(GONE, waits=waits, until=NOW)
    assert isinstance(receipt, Receipt)
    assert (receipt.id, receipt.url, len(receipt.warnings)) == ("55", None, warnings)
