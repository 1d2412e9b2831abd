"""What tests can make the fake platform do, and what its rules say."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.adapters.platforms.fake.rules import FakeAccount, FakeRules
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.domain.failures import Failure, FailureKind, PlatformError, Stopped
from medusa.domain.policy import Ready
from medusa.domain.request import Asked
from medusa.domain.task import Step, StepState
from medusa.domain.values import Checkpoint, Json, Media, MediaKind, Problem, Receipt, StepSpec
from tests.contract.accidents import after
from tests.contract.drive import Died, Disk, Life
from tests.contract.rig import FakeCall, Rig
from tests.contract.test_fake import WINDOW, rig_of

LOST = Failure(FailureKind.TRANSIENT, "the line was cut")
VIDEO = {"title": "Tech Talk"}
POST = {"message": "It is out"}
ACCOUNT = StepSpec("preflight", "t:fake:preflight")


def platform_of(rig: Rig) -> FakePlatform:
    assert isinstance(rig.http, FakePlatform)
    return rig.http


def carried(rig: Rig) -> Life:
    life = Life(rig, Disk())
    life.run()
    return life


def a_call() -> FakeCall:
    return FakeCall(lambda: 1000.0)


def preflight(rig: Rig, call: FakeCall | None = None) -> Receipt | Checkpoint:
    found: Receipt | Checkpoint = rig.adapter(rig.http).advance(call or a_call(), ACCOUNT, Checkpoint())
    return found


def test_an_exchange_fails_before_its_effect(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    platform_of(rig).fail("post.create", LOST)
    life = carried(rig)
    assert [noted.failure for noted in life.noted] == [LOST]
    assert platform_of(rig).exchanges.count("post.create") == 2
    assert rig.existing() == ["post It is out"]


def test_an_exchange_fails_after_its_effect(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    platform_of(rig).fail("post.create", LOST, after=True)
    carried(rig)
    assert platform_of(rig).exchanges.count("post.create") == 1
    assert rig.existing() == ["post It is out"]


def test_any_failure_and_any_exception_can_be_scripted(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    full = Failure(FailureKind.QUOTA, "used up", not_before=5.0, scope="fake:studio", no_effect=True)
    platform_of(rig).fail("account", full)
    with pytest.raises(PlatformError) as caught:
        preflight(rig)
    assert caught.value.failure == full
    platform_of(rig).fail("account", Died())
    with pytest.raises(Died):
        preflight(rig)
    assert isinstance(preflight(rig), Receipt)


def test_a_script_acts_so_often_and_after_so_many(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    platform_of(rig).fail("*", LOST, skip=1, times=2)
    seen: list[bool] = []
    for _ in range(5):
        try:
            preflight(rig)
            seen.append(True)
        except PlatformError:
            seen.append(False)
    assert seen == [True, False, False, True, True]


def test_an_exchange_is_held_until_it_is_released(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    held = platform_of(rig).hold("account")
    found: list[Receipt | Checkpoint] = []
    thread = threading.Thread(target=lambda: found.append(preflight(rig)))
    thread.start()
    assert held.arrived.wait(20.0)
    assert not found
    held.release()
    thread.join(20.0)
    assert found == [Receipt("account-1")]


def test_a_held_exchange_ends_when_its_call_is_cancelled(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    held, call, stopped = platform_of(rig).hold("account"), a_call(), threading.Event()

    def work() -> None:
        try:
            preflight(rig, call)
        except Stopped:
            stopped.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert held.arrived.wait(20.0)
    call.cancel()
    thread.join(20.0)
    assert stopped.is_set()


def test_a_cancelled_call_sends_nothing(tmp_path: Path) -> None:
    rig, call = rig_of(tmp_path, POST, media=False), a_call()
    call.cancel()
    with pytest.raises(Stopped):
        preflight(rig, call)


# ---------------------------------------------------------------- sessions that are gone


def at_exchange(rig: Rig, operation: str, nth: int = 1) -> int:
    """The number of the plan's nth exchange of this operation."""
    carried(rig)
    numbers = [number for number, name in enumerate(platform_of(rig).exchanges) if name == operation]
    rig.reset()
    return numbers[nth - 1]


def test_a_lost_session_is_opened_anew_once(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO)
    dead = Life(rig, Disk(), {at_exchange(rig, "session.bytes", 2): after(Died())})
    with pytest.raises(Died):
        dead.run()
    platform_of(rig).forget_sessions()
    steps = Life(rig, dead.disk).run()
    assert steps["video"].succeeded
    assert steps["video"].reopened
    assert len(platform_of(rig).videos) == 1


def test_a_session_lost_with_its_last_reply_gives_the_video_that_it_made(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO)
    dead = Life(rig, Disk(), {at_exchange(rig, "session.bytes", 3): after(Died())})
    with pytest.raises(Died):
        dead.run()
    platform_of(rig).forget_sessions()
    step = Life(rig, dead.disk).run()["video"]
    assert step.receipt
    assert step.receipt.id == platform_of(rig).videos[0].id
    assert len(platform_of(rig).videos) == 1


def test_a_session_lost_with_its_last_bytes_is_not_sent_again(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO)
    number = at_exchange(rig, "session.bytes", 3)
    platform_of(rig).fail("session.bytes", Died(), skip=2)
    dead = Life(rig, Disk())
    with pytest.raises(Died):
        dead.run()
    assert len(dead.wire.sent) == number + 1
    platform_of(rig).forget_sessions()
    failure = Life(rig, dead.disk).run()["video"].failure
    assert failure
    assert failure.kind is FailureKind.OUTCOME_UNKNOWN
    assert platform_of(rig).videos == []


def test_what_is_abandoned_is_forgotten(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO)
    dead = Life(rig, Disk(), {at_exchange(rig, "session.bytes", 2): after(Died())})
    with pytest.raises(Died):
        dead.run()
    at = dead.disk.load("video").checkpoint
    assert at
    adapter = rig.adapter(rig.http)
    adapter.abandon(a_call(), at)
    with pytest.raises(PlatformError, match="session is gone"):
        adapter.ask(a_call(), dead.disk.load("video").spec, replace(at, commits=False))


# ---------------------------------------------------------------- credentials, processing, posts that show later


def test_credentials_are_renewed_and_kept_for_all(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"token": "fake-token"}))
    rig = rig_of(tmp_path, POST, media=False, credentials_file=file)
    platform_of(rig).revoke()
    life = carried(rig)
    assert [noted.failure.kind for noted in life.noted] == [FailureKind.AUTH]
    assert rig.existing() == ["post It is out"]
    assert carried(replace(rig, asked={"message": "again"})).noted == []


def test_without_a_file_the_user_must_log_in_again(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    platform_of(rig).revoke()
    failure = carried(rig).disk.load("preflight").failure
    assert failure
    assert (failure.kind, failure.todo) == (FailureKind.AUTH, "Log in again.")


def ready(rig: Rig) -> Step:
    return carried(rig).disk.load("ready")


def test_a_video_is_waited_for_until_it_is_processed(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO, used=True)
    platform_of(rig).processing_polls = 3
    step = ready(rig)
    assert step.succeeded
    assert step.checkpoint
    assert step.checkpoint.note == "processing 50 %"
    assert platform_of(rig).exchanges.count("video.get") == 4


def test_a_video_that_takes_too_long_is_warned_about(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO, used=True)
    rig = replace(rig, rules=FakeRules(FakeAccount(window=WINDOW), Ready(at_most_s=10.0)))
    platform_of(rig).processing_polls = 1000
    step = ready(rig)
    assert step.receipt
    assert step.receipt.warnings == ("the video was still being processed",)


def test_a_video_that_is_rejected_fails(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, VIDEO, used=True)
    platform_of(rig).processing_fails = "the codec is unknown"
    step = ready(rig)
    assert step.state is StepState.FAILED
    assert step.failure == Failure(FailureKind.REJECTED, "the codec is unknown")


def test_a_post_that_shows_later_is_looked_for(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False)
    platform_of(rig).shows_later = True
    life = carried(rig)
    receipt = life.disk.load("post").receipt
    assert receipt
    assert receipt.id == platform_of(rig).posts[0].id
    assert [call.doing for call in life.calls if call.step == "post"][:2] == ["publish", "find"]


def test_a_post_with_a_known_key_does_not_double_within_the_hour(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False, finds="key")
    platform_of(rig).fail("post.create", LOST, after=True)
    carried(rig)
    assert platform_of(rig).exchanges.count("post.create") == 2
    assert rig.existing() == ["post It is out"]


def test_a_key_that_is_too_old_tells_nothing(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, POST, media=False, finds="key")
    platform_of(rig).fail("post.create", Died(), after=True)
    dead = Life(rig, Disk())
    with pytest.raises(Died):
        dead.run()
    rig.clock.move(3600.0)
    failure = Life(rig, dead.disk).run()["post"].failure
    assert failure
    assert failure.kind is FailureKind.OUTCOME_UNKNOWN
    assert rig.existing() == ["post It is out"]


# ---------------------------------------------------------------- rules


def planned(fields: Json, *, media: bool = True, used: bool = False) -> dict[str, StepSpec] | list[str]:
    asked = Asked(
        "t:fake", "fake", fields, Media.named("/films/a {b}.mp4") if media else None, {"x_url": "u" * 30}, used
    )
    found = FakeRules(FakeAccount(), Ready()).plan(asked)
    problems = [str(item) for item in found if isinstance(item, Problem)]
    return problems or {item.name: item for item in found if isinstance(item, StepSpec)}


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        ({}, ["preflight", "video"]),
        ({"title": "A", "thumbnail": "/p.png"}, ["preflight", "video", "thumbnail"]),
        ({"message": "hi"}, ["preflight", "post"]),
        ({"message": "hi", "title": "A", "comment": "first"}, ["preflight", "video", "post", "comment"]),
    ],
)
def test_what_is_asked_for_decides_the_steps(fields: Json, steps: list[str]) -> None:
    assert list(planned(fields)) == steps


def test_a_title_that_is_not_given_is_the_name_of_the_file() -> None:
    found = planned({}, used=True)
    assert isinstance(found, dict)
    assert found["video"].fields["title"] == "a {{b}}"
    assert "ready" in found


@pytest.mark.parametrize(
    ("fields", "media", "problems"),
    [
        ({"privicy": "public"}, True, ["privicy: unknown key; did you mean privacy?"]),
        ({"title": 5, "privacy": "secret"}, True, ["title: expected a text, not int", "privacy: expected one of"]),
        ({"message": "x" * 260 + "{x_url}"}, False, ["message: 290 characters, at most 280 are taken"]),
        ({}, False, ["there is neither a message to post nor a video to host"]),
    ],
)
def test_a_bad_request_is_refused_with_all_that_is_wrong(fields: Json, media: bool, problems: list[str]) -> None:
    found = planned(fields, media=media)
    assert len(found) == len(problems)
    for one, expected in zip(found, problems, strict=True):
        assert expected in one


@pytest.mark.parametrize(
    ("media", "says"),
    [
        (Media("/v.mp4", 10, kind=MediaKind.VIDEO), None),
        (Media("/v.mp4", 257 * 1024**3, kind=MediaKind.VIDEO), "Video file too large (max 256GB)"),
        (Media("/v.png", 10, kind=MediaKind.IMAGE), "v.png is not a video"),
    ],
)
def test_the_media_is_judged(media: Media, says: str | None) -> None:
    problem = FakeRules(FakeAccount(), Ready()).check((StepSpec("video", "k", media=media),))
    assert (problem and problem.says) == says
