"""Trouble: what platforms, networks and files do while a task runs. Nothing is published twice, nothing hangs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore, container
from medusa.adapters.http import Timeouts
from medusa.adapters.platforms.vimeo.adapter import VimeoUploader
from medusa.runner import step_life
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import (
    MIB,
    SAMPLE,
    WITHIN_S,
    MakeMedusa,
    Reply,
    large,
    made,
    nothing_but,
    operations,
    publish,
    start,
)
from tests.integration.relay import Relay

ALL = ("youtube", "vimeo", "facebook")
EACH_ONCE = nothing_but(youtube=1, vimeo=1, facebook=1)
MOVING = {"youtube": "video.bytes", "vimeo": "tus.patch"}
ASKING = {"youtube": "video.status", "vimeo": "tus.head"}


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """More than the sockets between us and a platform hold."""
    return large(tmp_path)


@pytest.fixture
def relay(sandbox: Sandbox) -> Iterator[Relay]:
    with Relay(sandbox.url) as relay:
        yield relay


def ended(medusa: MedusaCore) -> bool:
    """Whether `close`, which waits for all tasks, comes back long before its time is up."""
    began = time.monotonic()
    medusa.close(WITHIN_S)
    return time.monotonic() - began < WITHIN_S / 4


def failed(reply: Reply, platform: str | None) -> str:
    """The error of a reply that blames `platform`, which is one line for people."""
    assert reply.keys() == {"status", "error", "failed_platform"}, reply
    assert (reply["status"], reply["failed_platform"]) == ("failed", platform)
    error: str = reply["error"]
    assert "Traceback" not in error
    assert "<" not in error
    assert "\n" not in error
    return error


# ---------------------------------------------------------------- refusals, in the platform's own words


@pytest.mark.parametrize(
    ("platform", "said"),
    [
        ("youtube", "YouTube API error: Token has been expired or revoked. Run: medusa auth login youtube"),
        ("vimeo", "Vimeo API error: "),
        ("facebook", "Facebook API error: "),
    ],
)
def test_a_revoked_token_is_found_before_a_byte_goes_out(
    medusa: MedusaCore, sandbox: Sandbox, platform: str, said: str
) -> None:
    sandbox.fault(platform=platform, kind="token_revoked", times=-1)
    assert failed(publish(medusa, *ALL), platform).startswith(said)
    assert made(sandbox) == nothing_but()
    assert not {record["operation"] for record in sandbox.log()} & {"videos.insert", "videos.create", "feed.create"}


@pytest.mark.parametrize(
    ("platform", "field", "says"),
    [
        ("vimeo", "access_token", "You must provide a valid authenticated access token"),
        ("facebook", "access_token", "Invalid OAuth access token - Cannot parse access token"),
    ],
)
def test_a_wrong_token_is_told_in_the_platforms_words(
    make_medusa: MakeMedusa, sandbox: Sandbox, platform: str, field: str, says: str
) -> None:
    wrong = "EAAwrongwrongwrongwrong"
    said = failed(publish(make_medusa(**{platform: {field: wrong}}), *ALL), platform)
    assert says in said
    assert wrong not in said
    assert made(sandbox) == nothing_but()


def test_a_wrong_youtube_token_is_renewed_in_silence(medusa: MedusaCore, sandbox: Sandbox) -> None:
    sandbox.fault(platform="youtube", operation="channels.list", kind="token_revoked")
    assert publish(medusa, "youtube")["status"] == "completed"
    assert operations(sandbox, "youtube")[:3] == ["channels.list", "token", "channels.list"]


@pytest.mark.parametrize("option", ["youtube_quota_inserts", "youtube_quota_units"])
def test_a_used_up_quota_is_told(medusa: MedusaCore, sandbox: Sandbox, option: str) -> None:
    sandbox.set(**{option: 0})
    said = failed(publish(medusa, *ALL), "youtube")
    assert "quota" in said
    assert "it starts anew at midnight, Pacific time." in said
    assert (made(sandbox)["youtube"], made(sandbox)["facebook"]) == (0, 0)


def test_no_space_at_vimeo_is_told_before_anything_is_sent(medusa: MedusaCore, sandbox: Sandbox) -> None:
    sandbox.set(vimeo_quota_bytes=100_000)
    assert "181.1 kB" in failed(publish(medusa, *ALL), "vimeo")
    assert made(sandbox) == nothing_but()


@pytest.mark.parametrize(("cause", "says"), [("codec", "does not know the file's codec"), ("copyright", "copyright")])
def test_a_video_that_youtube_does_not_want_is_not_posted(
    medusa: MedusaCore, sandbox: Sandbox, cause: str, says: str
) -> None:
    sandbox.fault(platform="youtube", operation="processing", kind="processing_failed", reason=cause)
    assert says in failed(publish(medusa, "youtube", "facebook"), "youtube")
    assert made(sandbox) == nothing_but(youtube=1)


def test_a_refused_post_leaves_the_video(medusa: MedusaCore, sandbox: Sandbox) -> None:
    said = {"error": {"message": "(#200) No rights", "type": "OAuthException", "code": 200}}
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=403, body=said)
    assert failed(publish(medusa, *ALL), "facebook").startswith("Facebook API error: (#200) No rights")
    assert made(sandbox) == nothing_but(youtube=1, vimeo=1)


def test_a_failing_upload_stops_the_other(medusa: MedusaCore, sandbox: Sandbox, film: Path) -> None:
    """Vimeo is slow, YouTube refuses: Vimeo's upload ends unfinished, and there is no post."""
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall")
    refusal = {"error": {"code": 400, "message": "No such category", "errors": [{"reason": "invalidCategoryId"}]}}
    sandbox.fault(platform="youtube", operation="videos.insert", kind="status", code=400, body=refusal)
    sandbox.fault(platform="youtube", operation="videos.insert", kind="delay", seconds=0.3)
    assert failed(publish(medusa, *ALL, media=film), "youtube") == "YouTube API error: No such category"
    assert made(sandbox) == nothing_but(unfinished=1)


# ---------------------------------------------------------------- replies that make no sense

EXCHANGES = [
    ("youtube", "channels.list"),
    ("youtube", "videos.insert"),
    ("youtube", "video.bytes"),
    ("youtube", "videos.list"),
    ("vimeo", "verify"),
    ("vimeo", "me"),
    ("vimeo", "videos.list"),
    ("vimeo", "videos.create"),
    ("vimeo", "tus.patch"),
    ("vimeo", "videos.edit"),
    ("vimeo", "videos.get"),
    ("facebook", "page.get"),
    ("facebook", "feed.create"),
]
NONSENSE: dict[str, dict[str, Any]] = {
    "HTML": {"kind": "html"},
    "HTML once done": {"kind": "html", "committed": True},
    "nothing": {"kind": "empty"},
    "nothing once done": {"kind": "empty", "committed": True},
    "cut JSON": {"kind": "truncated"},
    "an error with 200": {"kind": "error_in_200"},
    "503": {"kind": "status", "code": 503},
    "503 once done": {"kind": "status", "code": 503, "committed": True},
    "no reply": {"kind": "lost_reply"},
    "a reset": {"kind": "cut"},
}


@pytest.mark.parametrize("nonsense", NONSENSE)
@pytest.mark.parametrize(("platform", "operation"), EXCHANGES)
def test_one_senseless_reply_does_no_harm(
    medusa: MedusaCore, sandbox: Sandbox, platform: str, operation: str, nonsense: str
) -> None:
    sandbox.fault(platform=platform, operation=operation, **NONSENSE[nonsense])
    reply = publish(medusa, *ALL)
    unsure = reply["status"] == "failed"
    if unsure:  # only a post may end so: Facebook does not promise that its lists are complete
        assert operation == "feed.create"
        assert "it was sent, but whether it got through is not known" in failed(reply, "facebook")
    assert made(sandbox) == {**EACH_ONCE, "facebook": 0 if unsure else 1}
    assert operations(sandbox, "facebook").count("feed.create") == 1


@pytest.mark.parametrize("nonsense", [name for name in NONSENSE if "done" not in name])
@pytest.mark.parametrize(("platform", "operation"), EXCHANGES)
def test_senseless_replies_for_ever_end_the_task(
    medusa: MedusaCore, sandbox: Sandbox, platform: str, operation: str, nonsense: str
) -> None:
    sandbox.fault(platform=platform, operation=operation, times=-1, **NONSENSE[nonsense])
    reply = publish(medusa, *ALL)
    if reply["status"] == "completed":  # it was done each time, and found each time
        assert nonsense in ("cut JSON", "no reply", "an error with 200")
        assert made(sandbox) == EACH_ONCE
        return
    error = failed(reply, platform)
    assert nonsense != "an error with 200" or "{" not in error
    things = made(sandbox)
    assert things["facebook"] == 0
    assert max(things.values()) <= 1


@pytest.mark.parametrize("kind", ["html", "empty", "truncated", "status"])
def test_a_token_endpoint_that_makes_no_sense_is_asked_again(medusa: MedusaCore, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault(platform="youtube", operation="channels.list", kind="token_revoked")
    sandbox.fault(platform="youtube", operation="token", kind=kind, **({"code": 500} if kind == "status" else {}))
    assert publish(medusa, "youtube")["status"] == "completed"


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("platform", MOVING)
def test_a_line_that_breaks_goes_on_at_the_byte(
    medusa: MedusaCore, sandbox: Sandbox, film: Path, platform: str
) -> None:
    sandbox.fault(platform=platform, operation=MOVING[platform], kind="cut", after=8 * MIB)
    assert publish(medusa, platform, media=film)["status"] == "completed"
    sent = [record["received"] for record in sandbox.log() if record["operation"] == MOVING[platform]]
    assert sent == [8 * MIB, film.stat().st_size - 8 * MIB]
    assert operations(sandbox, platform).count(ASKING[platform]) == 1
    assert made(sandbox) == nothing_but(**{platform: 1})


@pytest.mark.parametrize("platform", MOVING)
def test_a_network_that_goes_and_comes_back(
    make_medusa: MakeMedusa, sandbox: Sandbox, relay: Relay, film: Path, platform: str
) -> None:
    medusa = make_medusa(via=relay.url)
    relay.hold(after=4 * MIB)
    task_id = start(medusa, platform, media=film)
    assert relay.held.wait(WITHIN_S)
    relay.cut()
    waiting = next(task for task in medusa.watch(task_id) if "no connection" in task.message or task.ended)
    assert waiting.message.startswith(("YouTube waits: no connection", "Vimeo waits: no connection"))
    relay.release()
    relay.reopen()
    assert medusa.wait(task_id, WITHIN_S)["status"] == "completed"
    assert made(sandbox) == nothing_but(**{platform: 1})


def test_a_network_that_stays_away_ends_the_task_with_retry_off(make_medusa: MakeMedusa, relay: Relay) -> None:
    relay.cut()
    said = failed(publish(make_medusa(via=relay.url, medusa={"retry": False}), "vimeo"), "vimeo")
    assert said == "Vimeo: could not connect to 127.0.0.1: connection refused"


def test_no_network_may_last_only_so_long(make_medusa: MakeMedusa, relay: Relay) -> None:
    relay.cut()
    patience = {"retry": {"offline_s": 0.01, "give_up_after_s": 0.05}}
    assert "could not connect" in failed(publish(make_medusa(via=relay.url, medusa=patience), "vimeo"), "vimeo")


def be_impatient(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """With a peer that stops, or does not answer. (The configuration allows no less than a second.)"""
    monkeypatch.setattr(container, "Timeouts", lambda **_: Timeouts(stall_s=seconds, idle_s=seconds))


@pytest.mark.parametrize("platform", MOVING)
@pytest.mark.parametrize("times", [1, -1])
def test_a_peer_that_stops_reading_is_given_up(
    make_medusa: MakeMedusa, sandbox: Sandbox, film: Path, monkeypatch: pytest.MonkeyPatch, platform: str, times: int
) -> None:
    be_impatient(monkeypatch, 0.1)
    sandbox.fault(platform=platform, operation=MOVING[platform], kind="stall", after=MIB * (times == 1), times=times)
    reply = publish(make_medusa(), platform, media=film)
    if times == 1:
        assert reply["status"] == "completed"
        assert made(sandbox) == nothing_but(**{platform: 1})
    else:
        assert "it did not answer in time" in failed(reply, platform)


def test_a_peer_that_never_answers_is_given_up(
    make_medusa: MakeMedusa, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_impatient(monkeypatch, 0.05)
    sandbox.fault(platform="facebook", operation="page.get", kind="stall", times=-1)
    assert "it did not answer in time" in failed(publish(make_medusa(), "facebook", "youtube"), "facebook")
    assert made(sandbox) == nothing_but()


# ---------------------------------------------------------------- the file, while it is sent


def delete(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    other = file.with_name("other.mp4")
    shutil.copyfile(SAMPLE, other)
    other.rename(file)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def grow(file: Path) -> None:
    os.truncate(file, file.stat().st_size + 1000)


def touch(file: Path) -> None:
    os.utime(file, (0, 0))


@pytest.mark.parametrize("platform", MOVING)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (truncate, "large.mp4 got shorter while it was sent"),
        (grow, "large.mp4 changed while it was sent: its size went from "),
        (touch, "large.mp4 changed while it was sent: it was modified"),
    ],
)
def test_a_file_that_changes_while_it_is_sent(
    make_medusa: MakeMedusa,
    sandbox: Sandbox,
    relay: Relay,
    film: Path,
    platform: str,
    change: Callable[[Path], None],
    says: str,
) -> None:
    medusa = make_medusa(via=relay.url)
    relay.hold(after=MIB)
    task_id = start(medusa, platform, "facebook", media=film, facebook={"message": "Words"})
    assert relay.held.wait(WITHIN_S)
    change(film)
    relay.release()
    assert says in failed(medusa.wait(task_id, WITHIN_S), None)
    things = made(sandbox)
    assert (things["youtube"], things["vimeo"], things["facebook"]) == (0, 0, 0)


@pytest.mark.parametrize("platform", MOVING)
@pytest.mark.parametrize("change", [delete, replace])
def test_a_file_that_is_gone_or_another_is_still_sent_as_it_was(
    make_medusa: MakeMedusa, sandbox: Sandbox, relay: Relay, film: Path, platform: str, change: Callable[[Path], None]
) -> None:
    """Whoever has it open goes on reading the old one: nothing of another file gets in."""
    size = film.stat().st_size
    medusa = make_medusa(via=relay.url)
    relay.hold(after=MIB)
    task_id = start(medusa, platform, media=film)
    assert relay.held.wait(WITHIN_S)
    change(film)
    relay.release()
    assert medusa.wait(task_id, WITHIN_S)["status"] == "completed"
    (video,) = sandbox.state()[platform]["videos"]
    assert video["size"] == size


@pytest.mark.parametrize("platform", MOVING)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (delete, "large.mp4 cannot be read: no such file or directory"),
        (replace, "large.mp4 has changed since this task began: its "),
    ],
)
def test_an_upload_does_not_go_on_with_another_file(
    make_medusa: MakeMedusa,
    sandbox: Sandbox,
    relay: Relay,
    film: Path,
    platform: str,
    change: Callable[[Path], None],
    says: str,
) -> None:
    medusa = make_medusa(via=relay.url)
    relay.hold(after=MIB)
    task_id = start(medusa, platform, media=film)
    assert relay.held.wait(WITHIN_S)
    change(film)
    relay.cut()
    relay.release()
    relay.reopen()
    assert says in failed(medusa.wait(task_id, WITHIN_S), None)
    assert made(sandbox)[platform] == 0


# ---------------------------------------------------------------- cancel, whatever the peer does

SITUATIONS = [
    ("youtube", "channels.list", 0),
    ("youtube", "videos.insert", 0),
    ("youtube", "video.bytes", MIB),
    ("vimeo", "me", 0),
    ("vimeo", "videos.create", 0),
    ("vimeo", "tus.patch", MIB),
    ("vimeo", "videos.edit", 0),
    ("facebook", "page.get", 0),
]


@pytest.mark.parametrize(("platform", "operation", "after"), SITUATIONS)
def test_a_cancel_takes_effect_within_a_second(
    medusa: MedusaCore, sandbox: Sandbox, film: Path, platform: str, operation: str, after: int
) -> None:
    sandbox.fault(platform=platform, operation=operation, kind="stall", after=after)
    request: dict[str, Any] = {"media": film}
    if platform == "facebook":
        request = {"media": None, "facebook": {"message": "Words"}}
    task_id = start(medusa, platform, **request)
    sandbox.wait_for(platform, operation)
    began = time.monotonic()
    assert medusa.cancel(task_id)
    assert medusa.wait(task_id, WITHIN_S) == {"status": "failed", "error": "Cancelled", "failed_platform": None}
    assert time.monotonic() - began < 1.0
    assert medusa.cancel(task_id) is False
    medusa.close(WITHIN_S)
    if operation == "tus.patch":
        assert operations(sandbox, "vimeo")[-1] == "videos.delete"
    things = made(sandbox)
    assert (things["youtube"], things["facebook"]) == (0, 0)
    if operation != "videos.edit":
        assert (things["vimeo"], things["unfinished"]) == (0, 0)


def test_a_cancel_while_it_waits_for_the_network(make_medusa: MakeMedusa, relay: Relay) -> None:
    medusa = make_medusa(via=relay.url, medusa={"retry": {"offline_s": 3600}})
    relay.cut()
    task_id = start(medusa, "vimeo")
    next(task for task in medusa.watch(task_id) if "no connection" in task.message)
    medusa.cancel(task_id)
    assert medusa.wait(task_id, WITHIN_S)["error"] == "Cancelled"


def test_a_platform_that_stalls_at_the_clearing_away_is_left(
    medusa: MedusaCore, sandbox: Sandbox, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unfinished video is looked for, to be deleted, and Vimeo stalls at that too; and the user cancels again."""
    monkeypatch.setattr(step_life, "ASK_WHEN_STOPPING_S", 0.1)
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall", after=MIB)
    sandbox.fault(platform="vimeo", operation="videos.list", kind="stall", skip=1)
    task_id = start(medusa, "vimeo", media=film)
    sandbox.wait_for("vimeo", "tus.patch")
    medusa.cancel(task_id)
    sandbox.wait_for("vimeo", "videos.list", count=2)
    medusa.cancel(task_id)
    assert ended(medusa)
    assert medusa.wait(task_id, WITHIN_S)["error"] == "Cancelled"


def test_a_bug_in_the_clearing_away_does_not_keep_the_engine(
    medusa: MedusaCore, sandbox: Sandbox, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def abandon(*_arguments: object) -> None:
        raise KeyError("stage")

    monkeypatch.setattr(VimeoUploader, "abandon", abandon)
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="stall", after=MIB)
    task_id = start(medusa, "vimeo", media=film)
    sandbox.wait_for("vimeo", "tus.patch")
    medusa.cancel(task_id)
    assert ended(medusa)
    assert medusa.wait(task_id, WITHIN_S)["error"] == "Cancelled"


def test_a_committed_upload_is_asked_about_before_it_ends(medusa: MedusaCore, sandbox: Sandbox) -> None:
    """YouTube got the last byte and its answer is lost: a cancel must not say that there is no video."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="lost_reply")
    task_id = start(medusa, "youtube")
    sandbox.wait_for("youtube", "video.bytes")
    medusa.cancel(task_id)
    reply = medusa.wait(task_id, WITHIN_S)
    assert made(sandbox)["youtube"] == (1 if reply["status"] == "completed" else 0)
    assert operations(sandbox, "youtube").count("videos.insert") == 1


def test_when_attempts_end_at_the_last_block_youtube_is_asked_once_more(medusa: MedusaCore, sandbox: Sandbox) -> None:
    """It says that it wants the bytes again: then it is sure that there is no video, and the error is its own."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="status", code=503, times=-1)
    reply = publish(medusa, "youtube")
    assert "not known" not in failed(reply, "youtube")
    assert operations(sandbox, "youtube")[-1] == "video.status"
    assert made(sandbox) == nothing_but()
