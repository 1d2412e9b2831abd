"""The main job: one call uploads a video and posts about it, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.adapters.engines.local import LocalEngine
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import (
    MIB,
    SAMPLE,
    WITHIN_S,
    MakeMedusa,
    large,
    made,
    nothing_but,
    operations,
    publish,
    start,
)


def only(things: list[Any]) -> Any:
    (thing,) = things
    return thing


@pytest.fixture
def at_home(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that the example assumes: a configuration and a video."""
    sandbox.write_config(tmp_path / "medusa_config.json")
    shutil.copyfile(SAMPLE, tmp_path / "video.mp4")
    monkeypatch.chdir(tmp_path)


def test_the_example_word_for_word(at_home: None, sandbox: Sandbox) -> None:
    medusa = MedusaCore(config_file="medusa_config.json")
    task_id = medusa.publish_async(
        media_file="video.mp4",
        platforms=["youtube", "vimeo", "facebook"],
        metadata={
            "youtube": {
                "title": "Tech Talk 2024",
                "description": "...",
                "privacy": "unlisted",
                "tags": ["demo", "test"],
            },
            "vimeo": {"title": "Tech Talk 2024", "privacy": "private"},
            "facebook": {"message": "My latest tech presentation: {youtube_url}"},
        },
    )
    medusa.wait(task_id, WITHIN_S)
    state = sandbox.state()
    on_youtube, on_vimeo = only(state["youtube"]["videos"]), only(state["vimeo"]["videos"])
    post = only(state["facebook"]["posts"])
    url = f"https://youtube.com/watch?v={on_youtube['id']}"
    assert medusa.get_task_status(task_id) == {
        "status": "completed",
        "results": {"youtube_url": url, "vimeo_url": on_vimeo["link"], "facebook_post_id": post["id"]},
    }
    assert on_youtube["snippet"] == {"title": "Tech Talk 2024", "description": "...", "tags": ["demo", "test"]}
    assert on_youtube["status"]["privacyStatus"] == "unlisted"
    assert (on_vimeo["name"], on_vimeo["privacy"]["view"]) == ("Tech Talk 2024", "nobody")
    assert (post["message"], post["link"]) == (f"My latest tech presentation: {url}", url)
    sent = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    assert on_youtube["sha256"] == on_vimeo["sha256"] == sent
    medusa.close(WITHIN_S)


# ---------------------------------------------------------------- the four replies, to the letter


def test_a_task_that_has_not_begun_is_pending(medusa: MedusaCore, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(LocalEngine, "submit", lambda engine, task_id: None)
        task_id = start(medusa, "vimeo")
    assert medusa.get_task_status(task_id) == {"status": "pending"}


@pytest.mark.parametrize(
    ("platforms", "message"),
    [
        (["youtube"], "Uploading to YouTube..."),
        (["vimeo"], "Uploading to Vimeo..."),
        (["youtube", "vimeo"], "Uploading to YouTube and Vimeo..."),
    ],
)
def test_a_running_task_says_what_it_does(
    medusa: MedusaCore, sandbox: Sandbox, platforms: list[str], message: str
) -> None:
    moving = {"youtube": "video.bytes", "vimeo": "tus.patch"}
    for platform in platforms:
        sandbox.fault(platform=platform, operation=moving[platform], kind="stall")
    task_id = start(medusa, *platforms)
    for platform in platforms:
        sandbox.wait_for(platform, moving[platform])
    assert medusa.get_task_status(task_id) == {"status": "in_progress", "message": message}


def test_a_video_that_is_too_large_fails_as_the_example_shows(medusa: MedusaCore, tmp_path: Path) -> None:
    huge = large(tmp_path, 256 * 1024 * MIB + 1)
    assert publish(medusa, "youtube", media=huge) == {
        "status": "failed",
        "error": "YouTube API error: Video file too large (max 256GB)",
        "failed_platform": "youtube",
    }


def test_the_call_returns_at_once_whatever_the_size(medusa: MedusaCore, sandbox: Sandbox, tmp_path: Path) -> None:
    film = large(tmp_path, 64 * 1024 * MIB)
    sandbox.fault(platform="vimeo", operation="verify", kind="stall", times=-1)
    took = []
    for _ in range(3):
        began = time.monotonic()
        start(medusa, "vimeo", media=film)
        took.append(time.monotonic() - began)
    assert min(took) < 0.05


# ---------------------------------------------------------------- what there is beyond


def test_the_post_waits_for_the_video(medusa: MedusaCore, sandbox: Sandbox) -> None:
    publish(medusa, "facebook", "youtube")
    asked = [record["operation"] for record in sandbox.log()]
    assert asked.index("page.get") < asked.index("videos.insert")
    assert asked.index("video.bytes") < asked.index("videos.list") < asked.index("feed.create")


def test_a_text_post_needs_no_media(medusa: MedusaCore, sandbox: Sandbox) -> None:
    reply = publish(medusa, "facebook", media=None, facebook={"message": "Only words"})
    post = only(sandbox.state()["facebook"]["posts"])
    assert reply == {"status": "completed", "results": {"facebook_post_id": post["id"]}}
    assert (post["message"], post["link"]) == ("Only words", "")


def test_a_photo_is_posted(medusa: MedusaCore, sandbox: Sandbox, picture: Path) -> None:
    reply = publish(medusa, "facebook", media=picture, facebook={"message": "See", "attach_media": True})
    state = sandbox.state()["facebook"]
    post, photo = only(state["posts"]), only(state["photos"])
    assert reply["results"] == {"facebook_post_id": post["id"]}
    assert (post["message"], post["photos"]) == ("See", [photo["id"]])


def test_a_video_is_attached(medusa: MedusaCore, sandbox: Sandbox) -> None:
    asked = {"message": "Watch", "attach_media": True}
    reply = publish(medusa, "facebook", facebook=asked)
    video = only(sandbox.state()["facebook"]["videos"])
    assert reply == {"status": "completed", "results": {"facebook_post_id": video["id"]}}
    assert video["size"] == SAMPLE.stat().st_size


def test_two_channels_of_one_platform(make_medusa: MakeMedusa, sandbox: Sandbox, tmp_path: Path) -> None:
    gaming = {**sandbox.config(tmp_path)["youtube"], "platform": "youtube"}
    asked = {"gaming": {"title": "Second", "privacy": "public"}, "facebook": {"message": "{youtube_url} {gaming_url}"}}
    reply = publish(make_medusa(gaming=gaming), "youtube", "gaming", "facebook", **asked)
    state = sandbox.state()
    urls = {
        video["snippet"]["title"]: f"https://youtube.com/watch?v={video['id']}" for video in state["youtube"]["videos"]
    }
    post = only(state["facebook"]["posts"])
    assert reply["results"] == {
        "youtube_url": urls["Talk"],
        "gaming_url": urls["Second"],
        "facebook_post_id": post["id"],
    }
    assert post["message"] == f"{urls['Talk']} {urls['Second']}"


@pytest.fixture
def extras(tmp_path: Path, picture: Path) -> dict[str, Any]:
    """A thumbnail, a caption track and a playlist."""
    track = tmp_path / "talk.srt"
    track.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    return {
        "thumbnail": str(picture),
        "captions": [{"file": str(track), "language": "en"}],
        "playlists": ["PL-there-is-none"],
    }


def test_optional_steps_that_fail_only_warn(medusa: MedusaCore, sandbox: Sandbox, extras: dict[str, Any]) -> None:
    for operation in ("thumbnails.set", "captions.insert"):
        said = {"error": {"code": 403, "message": f"No {operation} for you", "errors": [{"reason": "forbidden"}]}}
        sandbox.fault(platform="youtube", operation=operation, kind="status", code=403, body=said)
    reply = publish(medusa, "youtube", "facebook", youtube=extras)
    assert reply["status"] == "completed"
    assert reply["results"].keys() == {"youtube_url", "facebook_post_id"}
    thumbnail, captions, playlist = reply["warnings"]
    assert thumbnail == "thumbnail not done: YouTube API error: No thumbnails.set for you"
    assert captions == "captions.1 not done: YouTube API error: No captions.insert for you"
    assert playlist.startswith("playlist.1 not done: YouTube API error: ")
    assert made(sandbox) == nothing_but(youtube=1, facebook=1)


def test_optional_steps_that_succeed(medusa: MedusaCore, sandbox: Sandbox, extras: dict[str, Any]) -> None:
    reply = publish(medusa, "youtube", youtube={**extras, "playlists": []})
    assert reply.keys() == {"status", "results"}
    video = only(sandbox.state()["youtube"]["videos"])
    assert video["thumbnail"]
    assert len(video["captions"]) == 1


def test_validate_sends_nothing_and_online_only_reads(medusa: MedusaCore, sandbox: Sandbox) -> None:
    request: dict[str, Any] = {"media_file": SAMPLE, "platforms": ["youtube", "vimeo", "facebook"]}
    request["metadata"] = {"youtube": {"privacy": "unlisted"}, "facebook": {"message": "{youtube_url}"}}
    assert medusa.validate(**request) == ()
    assert sandbox.log() == []
    assert medusa.validate(**request, online=True) == ()
    assert {record["method"] for record in sandbox.log()} == {"GET"}
    assert operations(sandbox, "youtube") == ["channels.list"]


def test_a_watcher_sees_the_bytes_and_the_end(medusa: MedusaCore) -> None:
    seen = list(medusa.watch(start(medusa, "youtube", "facebook")))
    revisions = [task.revision for task in seen]
    assert revisions == sorted(set(revisions))
    video = next(step for step in seen[-1].of("youtube") if step.name == "video")
    assert video.done == video.total == SAMPLE.stat().st_size
    assert seen[-1].ended
    assert not any(task.ended for task in seen[:-1])


def test_the_task_can_be_shown_as_json(medusa: MedusaCore) -> None:
    reply = publish(medusa, "youtube", "vimeo", "facebook")
    assert json.loads(json.dumps(reply)) == reply
