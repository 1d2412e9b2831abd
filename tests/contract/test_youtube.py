"""The YouTube adapter against the sandbox's YouTube: the shared exam, and what is YouTube's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Http, Reply, Request
from medusa.adapters.platforms.youtube.account import CHUNK_UNIT, Endpoints, YouTubeAccount
from medusa.adapters.platforms.youtube.adapter import YouTubeUploader
from medusa.adapters.platforms.youtube.rules import YouTubeRules
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import Ready
from medusa.domain.task import Step
from medusa.domain.values import Json, Media, Receipt
from medusa.sandbox import Sandbox
from tests.contract.drive import Died, Disk, Life
from tests.contract.exam import UploaderContract, after, before, garbled
from tests.contract.rig import Accident, MovedClock, Rig, looked_at

SCOPE = "https://www.googleapis.com/auth/"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(2000)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
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


def account_of(sandbox: Sandbox, directory: Path, chunk_size: int = 0) -> YouTubeAccount:
    block: Any = sandbox.config(directory)["youtube"]
    return YouTubeAccount(
        Path(block["client_secrets_file"]),
        Path(block["credentials_file"]),
        Endpoints(**block["endpoints"]),
        chunk_size,
    )


def videos(sandbox: Sandbox) -> list[dict[str, Any]]:
    youtube: Any = sandbox.state()["youtube"]
    return list(youtube["videos"])


def existing(sandbox: Sandbox) -> Iterator[str]:
    youtube: Any = sandbox.state()["youtube"]
    for one in youtube["videos"]:
        yield f"video {one['snippet']['title']} {one['sha256']} {one['status']['privacyStatus']}"
        if one["thumbnail"]:
            yield f"thumbnail {one['thumbnail']['sha256']}"
        yield from (f"captions {track['language']} {track['sha256']}" for track in one["captions"])
    for playlist in youtube["playlists"]:
        yield from (f"item of {playlist['title']}" for _ in playlist["videos"])


def sent(sandbox: Sandbox, operation: str) -> list[dict[str, Any]]:
    found: Any = sandbox.log()
    return [record for record in found if record["operation"] == operation]


def secrets_of(account: YouTubeAccount) -> tuple[str, ...]:
    info = json.loads(account.credentials_file.read_text())
    return info["token"], info["refresh_token"], info["client_secret"]


def asks_only(request: Request) -> bool:
    """A status query is a PUT that changes nothing."""
    return request.headers.get("Content-Range", "").startswith("bytes */")


@dataclass(frozen=True)
class Stage:
    """A target in the sandbox, from which rigs are made."""

    sandbox: Sandbox
    http: Http
    directory: Path
    account: YouTubeAccount
    video: Path

    def rig(self, asked: Json, **more: Any) -> Rig:
        """A plan for this target."""
        return Rig(
            **{
                "adapter": lambda sender: YouTubeUploader(self.account, sender, FileAccounts()),
                "rules": YouTubeRules(self.account, Ready(at_most_s=600.0)),
                "asked": asked,
                "existing": lambda: existing(self.sandbox),
                "reset": self.sandbox.reset,
                "clock": self.sandbox.clock,
                "http": self.http,
                "media": self.video,
                "is_read": asks_only,
                "secrets": secrets_of(self.account),
                **more,
            }
        )

    def publish(self, asked: Json, accidents: Mapping[int, Accident] | None = None, **more: Any) -> dict[str, Step]:
        """Carry a plan out, with accidents to some of its exchanges."""
        return Life(self.rig(asked, **more), Disk(), accidents).run()

    def chunked(self, size: int = CHUNK_UNIT) -> Stage:
        """The same target, with requests of `size` bytes."""
        return replace(self, account=replace(self.account, chunk_size=size))

    def file(self, name: str, content: bytes) -> str:
        (self.directory / name).write_bytes(content)
        return str(self.directory / name)

    def playlist(self, title: str) -> str:
        """Make one, and return its id."""
        token = secrets_of(self.account)[0]
        reply = requests.post(
            f"{self.sandbox.url}/youtube/v3/playlists?part=snippet",
            json={"snippet": {"title": title}},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        return str(reply.json()["id"])

    def only(self) -> dict[str, Any]:
        """The one video that there is."""
        (video,) = videos(self.sandbox)
        assert video["size"] == self.video.stat().st_size
        return video


def stage_of(sandbox: Sandbox, http: Http, directory: Path) -> Stage:
    """A video of three chunks."""
    video = directory / "Tech Talk.mp4"
    video.write_bytes(bytes(range(251)) * (5 * CHUNK_UNIT // 502))
    return Stage(sandbox, http, directory, account_of(sandbox, directory), video)


@pytest.fixture
def stage(sandbox: Sandbox, http: Http, tmp_path: Path) -> Stage:
    return stage_of(sandbox, http, tmp_path)


def additions(stage: Stage) -> dict[str, Any]:
    """A thumbnail, two caption tracks, and a playlist that `renewed` keeps alive over resets."""
    return {
        "title": "Launch",
        "privacy": "unlisted",
        "thumbnail": stage.file("cover.png", PICTURE),
        "captions": [
            {"file": stage.file("en.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n"), "language": "en"},
            {"file": stage.file("de.srt", "Grüß dich\n".encode()), "language": "de", "name": "Deutsch"},
        ],
    }


class TestYouTube(UploaderContract):
    @pytest.fixture(params=["chunks", "additions", "a playlist that takes a video twice"])
    def rig(self, request: pytest.FixtureRequest, stage: Stage) -> Rig:
        if request.param == "chunks":
            return stage.chunked().rig({"title": "Launch", "privacy": "unlisted"})
        if request.param == "additions":
            return stage.rig(additions(stage), used=True)
        return self.with_playlist(stage)

    def with_playlist(self, stage: Stage) -> Rig:
        asked: dict[str, Any] = {"title": "Launch"}

        def reset() -> None:
            stage.sandbox.reset()
            stage.sandbox.set(youtube_duplicate_item="allow")
            asked["playlists"] = [stage.playlist("All")]

        reset()
        return stage.rig(asked, reset=reset)


def receipt(steps: Mapping[str, Step], name: str) -> Receipt:
    step = steps[name]
    assert step.receipt is not None, step.failure
    return step.receipt


def failure(steps: Mapping[str, Step], name: str) -> Failure:
    found = steps[name].failure
    assert found is not None, f"{name} {steps[name].state}"
    return found


# ---------------------------------------------------------------- what is written


def test_every_field_arrives(stage: Stage) -> None:
    steps = stage.publish(
        {
            "title": "Launch: {vimeo_url}",
            "description": "Over {vimeo_url} and {{out}}",
            "tags": ["demo", "two words"],
            "privacy": "unlisted",
            "category": 28,
            "language": "en",
            "audio_language": "de",
            "made_for_kids": False,
            "notify_subscribers": False,
            "license": "creativeCommon",
            "embeddable": False,
            "public_stats": False,
            "synthetic_media": True,
            "recording_date": "2026-11-23",
            "localizations": {"de": {"title": "Start", "description": "Los"}},
        },
        known={"vimeo_url": "https://vimeo.com/1"},
    )
    video = stage.only()
    assert receipt(steps, "video").url == f"https://youtube.com/watch?v={video['id']}"
    assert receipt(steps, "video").id == video["id"]
    assert video["snippet"] == {
        "title": "Launch: https://vimeo.com/1",
        "description": "Over https://vimeo.com/1 and {out}",
        "tags": ["demo", "two words"],
        "categoryId": "28",
        "defaultLanguage": "en",
        "defaultAudioLanguage": "de",
    }
    status = {name: video["status"][name] for name in ("privacyStatus", "license", "embeddable", "publicStatsViewable")}
    assert status == {
        "privacyStatus": "unlisted",
        "license": "creativeCommon",
        "embeddable": False,
        "publicStatsViewable": False,
    }
    assert (video["status"]["selfDeclaredMadeForKids"], video["status"]["containsSyntheticMedia"]) == (False, True)
    assert video["recordingDetails"] == {"recordingDate": "2026-11-23T00:00:00Z"}
    assert video["localizations"] == {"de": {"title": "Start", "description": "Los"}}
    assert not video["notify_subscribers"]
    assert video["content_type"] == "video/mp4"


def test_what_is_left_out_is_private_and_named_like_the_file(stage: Stage) -> None:
    stage.publish({})
    video = stage.only()
    assert (video["snippet"]["title"], video["status"]["privacyStatus"]) == ("Tech Talk", "private")
    assert video["notify_subscribers"]


def test_a_file_with_braces_in_its_name_is_no_template(stage: Stage) -> None:
    odd = stage.video.rename(stage.directory / "a {vimeo_url} }}.mp4")
    replace(stage, video=odd).publish({}, known={"vimeo_url": "https://vimeo.com/1"})
    assert videos(stage.sandbox)[0]["snippet"]["title"] == "a {vimeo_url} }}"


def test_a_scheduled_video_is_private_until_then(stage: Stage) -> None:
    steps = stage.publish({"publish_at": "2199-12-24T18:00:00+01:00"})
    assert receipt(steps, "video").warnings == ()
    assert stage.only()["status"]["publishAt"] == "2199-12-24T17:00:00Z"


def test_another_privacy_than_asked_is_a_warning(stage: Stage) -> None:
    def closed(reply: Reply) -> Reply:
        return replace(reply, body=reply.body.replace(b'"unlisted"', b'"private"'))

    steps = stage.publish({"privacy": "unlisted"}, {2: garbled(closed)})
    assert receipt(steps, "video").warnings == ("the video was asked to be unlisted, and YouTube made it private",)


# ---------------------------------------------------------------- the bytes


def test_one_request_brings_the_whole_video(stage: Stage) -> None:
    stage.publish({})
    size = stage.video.stat().st_size
    (put,) = sent(stage.sandbox, "video.bytes")
    assert put["headers"]["content-range"] == f"bytes 0-{size - 1}/{size}"
    assert not sent(stage.sandbox, "video.status")


def test_chunks_are_of_the_size_that_was_set(stage: Stage) -> None:
    stage.chunked(2 * CHUNK_UNIT).publish({})
    assert [put["received"] for put in sent(stage.sandbox, "video.bytes")] == [
        2 * CHUNK_UNIT,
        stage.video.stat().st_size - 2 * CHUNK_UNIT,
    ]


@pytest.mark.parametrize("prefix", ["bytes=", ""])
def test_a_cut_is_resumed_where_the_server_stands(stage: Stage, prefix: str) -> None:
    stage.sandbox.set(youtube_range_prefix=prefix)
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="cut", after=CHUNK_UNIT + 1000)
    stage.publish({})
    stage.only()
    assert sent(stage.sandbox, "video.bytes")[1]["headers"]["content-range"].startswith(f"bytes {CHUNK_UNIT}-")


def test_a_chunk_is_not_assumed_to_be_stored_whole(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="partial", keep=CHUNK_UNIT)
    stage.chunked(2 * CHUNK_UNIT).publish({})
    stage.only()
    assert sent(stage.sandbox, "video.bytes")[1]["headers"]["content-range"].startswith(f"bytes {CHUNK_UNIT}-")


def test_a_server_that_stores_nothing_is_not_asked_without_end(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="partial", keep=0, times=-1)
    found = failure(stage.publish({}), "video")
    assert (found.kind, found.said) == (FailureKind.TRANSIENT, "YouTube stored nothing of what was sent")


@pytest.mark.parametrize("status", [200, 201])
def test_a_lost_final_reply_is_asked_for(stage: Stage, status: int) -> None:
    stage.sandbox.set(youtube_final_status=status)
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="lost_reply")
    steps = stage.publish({})
    assert receipt(steps, "video").id == stage.only()["id"]
    assert len(sent(stage.sandbox, "video.bytes")) == len(sent(stage.sandbox, "video.status")) == 1


def test_a_complete_upload_without_a_reply_is_asked_for_with_patience(stage: Stage) -> None:
    size = stage.video.stat().st_size
    all_stored = garbled(lambda reply: Reply(308, {"range": f"bytes=0-{size - 1}"}, b""))
    began = stage.sandbox.clock.now()
    steps = stage.publish({}, dict.fromkeys(range(2, 9), all_stored))
    assert receipt(steps, "video").id == stage.only()["id"]
    assert len(sent(stage.sandbox, "video.bytes")) == 1
    assert stage.sandbox.clock.now() - began > 1 + 2 + 4 + 8 + 16 + 32


def test_a_complete_upload_that_is_never_confirmed_is_not_sent_again(stage: Stage) -> None:
    size = stage.video.stat().st_size
    stage.sandbox.set(youtube_list_lag_s=1e9)
    all_stored = garbled(lambda reply: Reply(308, {"range": f"bytes=0-{size - 1}"}, b""))
    found = failure(stage.publish({}, dict.fromkeys(range(2, 23), all_stored)), "video")
    assert found.said == "YouTube has had the whole video, but never confirmed it"
    assert len(sent(stage.sandbox, "videos.insert")) == len(sent(stage.sandbox, "video.bytes")) == 1


# ---------------------------------------------------------------- a session that is gone


def lose_the_reply_and_the_session(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="lost_reply")
    stage.sandbox.fault(platform="youtube", operation="video.status", kind="session_gone")


@pytest.mark.parametrize("status", [404, 410])
def test_the_video_of_a_lost_session_is_found_among_the_uploads(stage: Stage, status: int) -> None:
    stage.sandbox.set(youtube_gone_status=status)
    lose_the_reply_and_the_session(stage)
    steps = stage.publish({})
    assert receipt(steps, "video").id == stage.only()["id"]
    assert receipt(steps, "video").url


def test_it_is_not_mistaken_for_an_older_one_or_another_file(stage: Stage) -> None:
    def dated(reply: Reply) -> Reply:
        return replace(reply, headers={**reply.headers, "date": formatdate(stage.sandbox.clock.now(), usegmt=True)})

    older = receipt(stage.publish({}), "video").id
    stage.sandbox.clock.move(60)
    lose_the_reply_and_the_session(stage)
    disk = Disk()
    with pytest.raises(Died):
        Life(stage.rig({}), disk, {1: garbled(dated), 3: before(Died())}).run()
    other = Path(stage.file("other.mp4", b"another file"))
    same_title = receipt(replace(stage, video=other).publish({"title": "Tech Talk"}), "video").id
    same_file = receipt(stage.publish({"title": "Another"}), "video").id
    found = receipt(Life(stage.rig({}), disk).run(), "video").id
    assert found not in (None, older, same_title, same_file)
    assert len(videos(stage.sandbox)) == 4


def test_it_is_found_though_our_clock_is_fast(stage: Stage) -> None:
    lose_the_reply_and_the_session(stage)
    steps = stage.publish({}, clock=MovedClock(stage.sandbox.clock.now() + 1000))
    assert receipt(steps, "video").id == stage.only()["id"]


def test_before_its_last_chunk_another_one_is_not_mistaken_for_it(stage: Stage) -> None:
    disk = Disk()
    chunked = stage.chunked()
    with pytest.raises(Died):
        Life(chunked.rig({}), disk, {2: before(Died())}).run()
    other = receipt(stage.publish({}), "video").id
    stage.sandbox.fault(platform="youtube", operation="video.status", kind="session_gone")
    found = receipt(Life(chunked.rig({}), disk).run(), "video").id
    assert found not in (None, other)
    assert len(videos(stage.sandbox)) == 2


def test_two_that_fit_are_none(stage: Stage) -> None:
    """Which of the two is this task's, nothing tells: it may be there, and is not sent again."""
    disk = Disk()
    with pytest.raises(Died):
        Life(stage.rig({}), disk, {2: after(Died())}).run()
    stage.publish({})
    stage.sandbox.fault(platform="youtube", operation="video.status", kind="session_gone")
    steps = Life(stage.rig({}), disk).run()
    assert failure(steps, "video").kind is FailureKind.OUTCOME_UNKNOWN
    assert len(videos(stage.sandbox)) == 2


def test_a_session_lost_before_its_last_chunk_is_begun_anew(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="session_gone", skip=1)
    steps = stage.chunked().publish({})
    assert receipt(steps, "video").id == stage.only()["id"]
    assert len(sent(stage.sandbox, "videos.insert")) == 2


# ---------------------------------------------------------------- what is added, and the wait


def test_additions_are_there(stage: Stage) -> None:
    playlist = stage.playlist("All")
    stage.publish({**additions(stage), "playlists": [playlist]})
    video = stage.only()
    assert video["thumbnail"]["size"] == len(PICTURE)
    tracks = [(track["language"], track["name"], track["size"]) for track in video["captions"]]
    assert tracks == [("en", "", 38), ("de", "Deutsch", len("Grüß dich\n".encode()))]
    state: Any = stage.sandbox.state()["youtube"]
    assert state["playlists"][0]["videos"] == [video["id"]]


def test_what_cannot_be_added_leaves_the_video(stage: Stage) -> None:
    steps = stage.publish({"playlists": ["PLnone"], "thumbnail": stage.file("cover.png", b"no image")})
    assert receipt(steps, "video").url
    assert failure(steps, "thumbnail").said == "The provided image content is invalid."
    assert failure(steps, "playlist.1").code == "playlistNotFound"
    assert not steps["thumbnail"].spec.required


@pytest.mark.parametrize("operation", ["captions.insert", "playlistItems.insert"])
def test_what_is_there_already_is_no_failure(stage: Stage, operation: str) -> None:
    playlist = stage.playlist("All")
    stage.sandbox.set(youtube_list_lag_s=1e9)
    stage.sandbox.fault(platform="youtube", operation=operation, kind="html", committed=True)
    steps = stage.publish({**additions(stage), "playlists": [playlist]})
    assert all(step.succeeded for step in steps.values())
    assert 409 in [record["status"] for record in sent(stage.sandbox, operation)]


def tall(media: Media) -> Media:
    return replace(looked_at(media), width=720, height=1280)


def test_the_thumbnail_of_a_short_waits_until_it_is_processed(stage: Stage) -> None:
    stage.sandbox.set(processing_s=100.0)
    stage.publish({"thumbnail": stage.file("cover.png", PICTURE)}, look=tall)
    assert stage.only()["thumbnail"]["size"] == len(PICTURE)
    statuses = sent(stage.sandbox, "videos.list")
    assert len(statuses) > 3
    assert sent(stage.sandbox, "thumbnails.set")[0]["n"] > statuses[-1]["n"]


def test_a_short_that_stays_in_processing_gets_its_thumbnail_all_the_same(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="processing", kind="processing_stuck")
    stage.publish({"thumbnail": stage.file("cover.png", PICTURE)}, look=tall)
    assert stage.only()["thumbnail"]["size"] == len(PICTURE)


def test_it_waits_until_the_video_is_processed(stage: Stage) -> None:
    stage.sandbox.set(processing_s=300.0)
    steps = stage.publish({"wait_until_processed": True})
    assert receipt(steps, "ready").warnings == ()
    assert stage.only()["status"]["uploadStatus"] == "processed"
    assert 5 < len(sent(stage.sandbox, "videos.list")) < 15


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("codec", "YouTube could not process the video: it does not know the file's codec"),
        ("duplicate", "YouTube rejected the video because it is a duplicate of another video"),
    ],
)
def test_a_video_that_youtube_does_not_want_fails_the_step(stage: Stage, reason: str, said: str) -> None:
    stage.sandbox.fault(platform="youtube", operation="processing", kind="processing_failed", reason=reason)
    steps = stage.publish({"wait_until_processed": True})
    found = failure(steps, "ready")
    assert (found.kind, found.said, found.code) == (FailureKind.REJECTED, said, reason)
    assert steps["ready"].spec.required
    assert receipt(steps, "video").url


def test_a_video_that_stays_in_processing_is_a_warning_in_the_end(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="processing", kind="processing_stuck")
    began = stage.sandbox.clock.now()
    (warning,) = receipt(stage.publish({"wait_until_processed": True}), "ready").warnings
    assert warning == "after 10 minutes YouTube was still processing the video; not waited any longer"
    assert stage.sandbox.clock.now() - began == pytest.approx(600, abs=90)


def test_a_video_that_is_gone_is_told(stage: Stage) -> None:
    empty = garbled(lambda reply: replace(reply, body=b'{"kind": "youtube#videoListResponse"}'))
    found = failure(stage.publish({"wait_until_processed": True}, dict.fromkeys(range(3, 40), empty)), "ready")
    assert (found.kind, found.said) == (FailureKind.REJECTED, "the video was deleted")


# ---------------------------------------------------------------- who is logged in


def test_a_login_that_allows_uploads_only_will_do(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(youtube_scopes="https://www.googleapis.com/auth/youtube.upload")
    stage = stage_of(sandbox, http, tmp_path)
    steps = stage.publish({"wait_until_processed": True, "thumbnail": stage.file("cover.png", PICTURE)}, look=tall)
    assert "allows uploads only" in receipt(steps, "preflight").warnings[0]
    assert "not waited" in receipt(steps, "ready").warnings[0]
    assert stage.only()["thumbnail"]
    assert not sent(sandbox, "videos.list")


def test_a_login_that_allows_no_uploads_is_refused(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(youtube_scopes="https://www.googleapis.com/auth/youtube.readonly")
    found = failure(stage_of(sandbox, http, tmp_path).publish({}), "preflight")
    assert (found.kind, found.todo) == (FailureKind.AUTH, "Run: medusa auth login target")
    assert {record["operation"] for record in sandbox.log()} <= {"token"}


def test_an_expired_token_is_renewed_and_kept(stage: Stage) -> None:
    stage.sandbox.clock.move(4000)
    old = secrets_of(stage.account)
    stage.publish({}, reset=lambda: None)
    new = secrets_of(stage.account)
    assert stage.only()
    assert new[0] != old[0]
    assert new[1:] == old[1:]
    assert stage.account.credentials_file.stat().st_mode & 0o777 == 0o600
    assert [record["status"] for record in stage.sandbox.log()] == [200] * 4


def test_a_token_revoked_in_mid_upload_is_renewed(stage: Stage) -> None:
    stage.sandbox.fault(platform="youtube", operation="video.bytes", kind="token_revoked")
    stage.publish({})
    stage.only()
    assert len(sent(stage.sandbox, "token")) == 1


def test_a_login_that_has_ended_says_how_to_log_in_again(stage: Stage) -> None:
    stage.sandbox.clock.move(4000)
    stage.sandbox.fault(platform="youtube", operation="token", kind="token_revoked")
    found = failure(stage.publish({}), "preflight")
    assert (found.kind, found.code, found.said) == (
        FailureKind.AUTH,
        "invalid_grant",
        "Token has been expired or revoked.",
    )
    assert found.todo.startswith("Run: medusa auth login target")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "html"},
        {"kind": "empty"},
        {"kind": "truncated"},
        {"kind": "cut"},
        {"kind": "status", "code": 429, "body": {"error": "rate_limit_exceeded"}},
        {"kind": "status", "code": 400, "body": {"error": "temporarily_unavailable"}},
        {"kind": "status", "code": 400, "body": ["strange"]},
    ],
)
def test_trouble_with_the_token_endpoint_passes(stage: Stage, fault: dict[str, Any]) -> None:
    stage.sandbox.clock.move(4000)
    stage.sandbox.fault(platform="youtube", operation="token", **fault)
    found = failure(stage.publish({}), "preflight")
    assert (found.kind, found.no_effect) == (FailureKind.TRANSIENT, fault["kind"] != "cut")
    assert secrets_of(stage.account)


@pytest.mark.parametrize(("error", "status"), [("invalid_client", 401), ("unauthorized_client", 400)])
def test_a_client_that_google_does_not_know_means_a_new_login(stage: Stage, error: str, status: int) -> None:
    stage.sandbox.clock.move(4000)
    refusal = {"error": error, "error_description": "The OAuth client was deleted."}
    stage.sandbox.fault(platform="youtube", operation="token", kind="status", code=status, body=refusal)
    found = failure(stage.publish({}), "preflight")
    assert (found.kind, found.code, found.said) == (FailureKind.AUTH, error, "The OAuth client was deleted.")
    assert found.todo == "Run: medusa auth login target"


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"token": "t"}', b"\xff\xfe", b'{"refresh_token": 1}'])
def test_credentials_that_are_no_use_say_how_to_log_in(stage: Stage, content: bytes | None) -> None:
    rig = stage.rig({})
    stage.account.credentials_file.unlink()
    if content is not None:
        stage.account.credentials_file.write_bytes(content)
    found = failure(Life(rig, Disk()).run(), "preflight")
    assert (found.kind, found.todo) == (FailureKind.AUTH, "Run: medusa auth login target")
    assert str(stage.account.credentials_file) in found.said
    assert not stage.sandbox.log()


@pytest.mark.parametrize("scopes", [None, "", 5, f"{SCOPE}youtube {SCOPE}other", [f"{SCOPE}youtube.upload", 7]])
def test_scopes_are_read_as_others_write_them(stage: Stage, scopes: object) -> None:
    file = stage.account.credentials_file
    file.write_text(json.dumps({**json.loads(file.read_text()), "scopes": scopes}))
    assert stage.publish({})["preflight"].succeeded


@pytest.mark.parametrize(
    ("said", "lives_s"), [(1000, 1000), ("1000", 1000), (None, 3599), ("soon", 3599), (1e30, 3599)]
)
def test_how_long_a_new_token_lives(stage: Stage, said: object, lives_s: int) -> None:
    stage.sandbox.clock.move(4000)
    rig = stage.rig({})

    def other_life(reply: Reply) -> Reply:
        return replace(reply, body=json.dumps({**reply.json(), "expires_in": said}).encode())

    now = stage.sandbox.clock.now()
    Life(rig, Disk(), {0: garbled(other_life)}).run()
    expiry = datetime.fromisoformat(json.loads(stage.account.credentials_file.read_text())["expiry"])
    assert expiry.timestamp() == pytest.approx(now + lives_s, abs=10)


def test_an_account_without_a_channel_is_told(stage: Stage) -> None:
    stage.sandbox.set(youtube_has_channel=False)
    found = failure(stage.publish({}), "preflight")
    assert (found.kind, found.said) == (FailureKind.AUTH, "the logged-in account has no channel")
    assert "Create a channel" in found.todo


# ---------------------------------------------------------------- what is refused


def long(media: Media) -> Media:
    return replace(looked_at(media), duration_s=16 * 60.0)


def test_a_long_video_needs_a_verified_channel(stage: Stage) -> None:
    stage.sandbox.set(youtube_long_uploads="disallowed")
    found = failure(stage.publish({}, look=long), "preflight")
    assert (found.kind, found.said) == (FailureKind.REJECTED, "Video too long for this channel (max 15 minutes)")
    assert "youtube.com/verify" in found.todo


@pytest.mark.parametrize(("permitted", "warned"), [("eligible", True), ("allowed", False)])
def test_a_long_video_may_be_a_warning(stage: Stage, permitted: str, warned: bool) -> None:
    stage.sandbox.set(youtube_long_uploads=permitted)
    assert bool(receipt(stage.publish({}, look=long), "preflight").warnings) is warned
    stage.only()


def test_a_schedule_that_has_passed_is_refused_before_anything_is_sent(stage: Stage) -> None:
    found = failure(stage.publish({"publish_at": "2020-01-01T00:00:00Z"}), "preflight")
    assert (found.kind, found.code) == (FailureKind.REJECTED, "invalidPublishAt")
    assert not stage.sandbox.log()


@pytest.mark.parametrize(("asked", "fits"), [({}, False), ({"category": "22"}, True)])
def test_a_category_may_turn_out_to_be_needed(stage: Stage, asked: Json, fits: bool) -> None:
    stage.sandbox.set(youtube_category_required=True)
    steps = stage.publish(asked, reset=lambda: None)
    assert steps["video"].succeeded is fits
    if not fits:
        found = failure(steps, "video")
        assert (found.kind, found.code) == (FailureKind.REJECTED, "invalidVideoMetadata")
        assert "category" in found.todo


def test_a_used_up_quota_says_when_it_starts_anew(stage: Stage) -> None:
    stage.sandbox.set(youtube_quota_inserts=0)
    found = failure(stage.publish({}), "video")
    quota: Any = stage.sandbox.state()["youtube"]
    assert (found.kind, found.code) == (FailureKind.QUOTA, "quotaExceeded")
    assert "exceeded your" in found.said
    assert found.not_before == quota["quota"]["resets_at"]


def test_a_channels_own_limit_is_told(stage: Stage) -> None:
    stage.publish({})
    stage.sandbox.set(youtube_uploads_per_day=1)
    found = failure(stage.publish({}), "video")
    assert (found.kind, found.code) == (FailureKind.QUOTA, "uploadLimitExceeded")
    assert found.not_before == pytest.approx(stage.sandbox.clock.now() + 86_400, abs=10)


def test_an_error_that_comes_with_status_200_is_read_all_the_same(stage: Stage) -> None:
    error = {"code": 403, "message": "Enough for today.", "errors": [{"reason": "quotaExceeded"}]}
    said = garbled(lambda reply: Reply(200, {}, json.dumps({"error": error}).encode()))
    found = failure(stage.publish({}, {0: said}), "preflight")
    assert (found.kind, found.said) == (FailureKind.QUOTA, "Enough for today.")


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_holds_back_the_project(stage: Stage, status: int) -> None:
    stage.sandbox.set(youtube_rate_limit_status=status)
    stage.sandbox.fault(platform="youtube", operation="videos.insert", kind="rate_limit", retry_after=40)
    life = Life(stage.rig({}), Disk())
    began = stage.sandbox.clock.now()
    life.run()
    (noted,) = life.noted
    assert noted.failure.kind is FailureKind.RATE_LIMITED
    client = json.loads(stage.account.credentials_file.read_text())["client_id"]
    assert noted.failure.scope == f"youtube:project:{client.partition('-')[0]}"
    assert noted.failure.not_before == pytest.approx(began + 40, abs=5)
    stage.only()


def test_giving_up_touches_nothing(stage: Stage) -> None:
    disk = Disk()
    with pytest.raises(Died):
        Life(stage.rig({}), disk, {2: before(Died())}).run()
    requests_so_far = len(stage.sandbox.log())
    life = Life(stage.rig({}), disk)
    step = disk.load("video")
    assert step.checkpoint is not None
    life.adapter.abandon(life.call(step, "abandon"), step.checkpoint)
    assert len(stage.sandbox.log()) == requests_so_far


def test_the_api_that_is_configured_is_used(stage: Stage) -> None:
    elsewhere = replace(stage.account, endpoints=replace(stage.account.endpoints, api=f"{stage.sandbox.url}/"))
    replace(stage, account=elsewhere).publish({})
    stage.only()
