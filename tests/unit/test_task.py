"""What a task says of itself: the four replies to the letter, messages, results, warnings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import MEDIA_STEP, Step, StepState, Task, TaskStatus, is_fatal, status_reply
from medusa.domain.values import Checkpoint, Media, Receipt, StepSpec

YOUTUBE = Target("youtube", "youtube", "YouTube")
VIMEO = Target("vimeo", "vimeo", "Vimeo")
GAMING = Target("gaming", "youtube", "YouTube (gaming)")
FACEBOOK = Target("facebook", "facebook", "Facebook")
MEDIA = Media("/films/video.mp4")
TOO_LARGE = Failure(FailureKind.REJECTED, "Video file too large (max 128GB)")
NOW = 1000.0


def video(target: Target, **changes: Any) -> Step:
    spec = StepSpec("video", f"t:{target.key}:video", media=MEDIA, verb="Uploading to", yields="url")
    return replace(Step(spec, target.key), **changes)


def post(target: Target, **changes: Any) -> Step:
    spec = StepSpec("post", f"t:{target.key}:post", visible=True, verb="Posting on", yields="post_id")
    return replace(Step(spec, target.key), **changes)


def thumbnail(target: Target, **changes: Any) -> Step:
    spec = StepSpec("thumbnail", f"t:{target.key}:thumbnail", required=False, verb="Adding the thumbnail on")
    return replace(Step(spec, target.key), **changes)


def a_task(*steps: Step, media: Media | None = MEDIA, **changes: Any) -> Task:
    request = PublishRequest((YOUTUBE, VIMEO, GAMING, FACEBOOK), media=media)
    return replace(Task("t", request, steps, NOW), **changes)


def run(step: Step) -> Step:
    return pipeline.started(step, NOW)


def succeed(step: Step, receipt: Receipt) -> Step:
    return pipeline.succeeded(run(step), receipt, NOW)


def fail(step: Step, failure: Failure = TOO_LARGE) -> Step:
    return pipeline.failed(run(step), failure, NOW)


WATCH = Receipt("abc123", "https://youtube.com/watch?v=abc123")
POSTED = Receipt("123456789")


# ---------------------------------------------------------------- the four replies


def test_pending_has_one_key() -> None:
    assert status_reply(a_task(video(YOUTUBE), post(FACEBOOK))) == {"status": "pending"}


def test_in_progress_has_a_message() -> None:
    task = a_task(run(video(YOUTUBE)), post(FACEBOOK))
    assert status_reply(task) == {"status": "in_progress", "message": "Uploading to YouTube..."}


def test_completed_has_the_results() -> None:
    task = a_task(succeed(video(YOUTUBE), WATCH), succeed(post(FACEBOOK), POSTED))
    assert status_reply(task) == {
        "status": "completed",
        "results": {"youtube_url": "https://youtube.com/watch?v=abc123", "facebook_post_id": "123456789"},
    }


def test_failed_has_the_error_and_the_platform() -> None:
    task = a_task(fail(video(YOUTUBE)), pipeline.skipped(post(FACEBOOK), NOW))
    assert status_reply(task) == {
        "status": "failed",
        "error": "YouTube API error: Video file too large (max 128GB)",
        "failed_platform": "youtube",
    }


def test_a_cancelled_task_is_failed() -> None:
    cancelled = {"status": "failed", "error": "Cancelled", "failed_platform": None}
    asked = a_task(video(YOUTUBE), cancel_asked=True)
    assert status_reply(asked) == {"status": "in_progress", "message": "Stopping..."}
    assert status_reply(a_task(pipeline.skipped(video(YOUTUBE), NOW), cancel_asked=True)) == cancelled
    stopped = pipeline.stopped(run(video(YOUTUBE)), NOW)
    assert status_reply(a_task(stopped, pipeline.skipped(post(FACEBOOK), NOW), cancel_asked=True)) == cancelled


def test_a_failure_without_a_platform_names_none() -> None:
    look = Step(StepSpec(MEDIA_STEP, "t::media", verb="Looking at"), None)
    task = a_task(
        fail(look, Failure(FailureKind.REJECTED, "video.mp4 is empty")), pipeline.skipped(video(YOUTUBE), NOW)
    )
    assert status_reply(task) == {"status": "failed", "error": "video.mp4 is empty", "failed_platform": None}


def test_optional_failures_are_warnings() -> None:
    task = a_task(
        succeed(video(YOUTUBE), WATCH), fail(thumbnail(YOUTUBE), Failure(FailureKind.REJECTED, "2 MB at most"))
    )
    assert status_reply(task) == {
        "status": "completed",
        "results": {"youtube_url": "https://youtube.com/watch?v=abc123"},
        "warnings": ["thumbnail not done: YouTube API error: 2 MB at most"],
    }


def test_results_are_a_copy() -> None:
    task = a_task(succeed(video(YOUTUBE), WATCH))
    status_reply(task)["results"].clear()
    assert status_reply(task)["results"] == {"youtube_url": WATCH.url}


# ---------------------------------------------------------------- status


def test_a_task_that_ran_before_is_not_pending() -> None:
    task = a_task(succeed(video(YOUTUBE), WATCH), post(FACEBOOK))
    assert task.status is TaskStatus.IN_PROGRESS
    assert task.message == "Starting the next step..."


def test_what_was_not_skipped_yet_keeps_a_task_from_ending() -> None:
    """Or its last snapshot would not be the last: the rest is skipped a moment later."""
    failed = fail(video(YOUTUBE))
    assert not a_task(failed, post(FACEBOOK)).ended
    assert status_reply(a_task(failed, post(FACEBOOK))) == {"status": "in_progress", "message": "Stopping..."}
    assert a_task(failed, pipeline.skipped(post(FACEBOOK), NOW)).ended


def test_what_still_runs_keeps_a_task_from_ending() -> None:
    failing = a_task(fail(video(YOUTUBE)), run(post(FACEBOOK)))
    assert status_reply(failing) == {"status": "in_progress", "message": "Stopping..."}
    assert not failing.ended
    cancelled = a_task(run(video(YOUTUBE)), cancel_asked=True)
    assert status_reply(cancelled) == {"status": "in_progress", "message": "Stopping..."}


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    task = a_task(succeed(video(YOUTUBE), WATCH), cancel_asked=True)
    assert task.status is TaskStatus.COMPLETED


@pytest.mark.parametrize("state", StepState)
def test_only_required_steps_end_a_task(state: StepState) -> None:
    fatal = state in (StepState.FAILED, StepState.STOPPED, StepState.SKIPPED)
    assert is_fatal(video(YOUTUBE, state=state)) is fatal
    assert is_fatal(thumbnail(YOUTUBE, state=state)) is False
    assert a_task(video(YOUTUBE, state=state)).stopping is fatal


# ---------------------------------------------------------------- who is at fault


def test_the_first_of_several_failed_platforms_is_named_in_the_order_asked_for() -> None:
    busy, gone = Failure(FailureKind.TRANSIENT, "busy"), Failure(FailureKind.AUTH, "gone")
    task = a_task(fail(post(FACEBOOK), busy), fail(video(VIMEO), gone), fail(video(GAMING)))
    assert status_reply(task) == {"status": "failed", "error": "Vimeo API error: gone", "failed_platform": "vimeo"}


def test_a_target_is_named_by_its_key_and_told_by_its_display_name() -> None:
    reply = status_reply(a_task(fail(video(GAMING))))
    assert reply["failed_platform"] == "gaming"
    assert reply["error"] == "YouTube (gaming) API error: Video file too large (max 128GB)"


def test_steps_that_were_stopped_or_skipped_are_at_no_fault() -> None:
    stopped = pipeline.stopped(run(video(YOUTUBE)), NOW)
    task = a_task(stopped, pipeline.skipped(video(VIMEO), NOW), fail(post(FACEBOOK)))
    assert status_reply(task)["failed_platform"] == "facebook"


def test_optional_steps_are_at_no_fault() -> None:
    task = a_task(fail(thumbnail(YOUTUBE), Failure(FailureKind.BUG, "hm")), fail(video(VIMEO)))
    assert status_reply(task)["failed_platform"] == "vimeo"


def test_a_failure_after_a_cancel_is_told() -> None:
    assert status_reply(a_task(fail(video(YOUTUBE)), cancel_asked=True))["failed_platform"] == "youtube"


@pytest.mark.parametrize("said", ["Token has been revoked.", "Token has been revoked", "Revoked!", "Revoked?"])
def test_what_to_do_follows_what_was_said(said: str) -> None:
    expired = Failure(FailureKind.AUTH, said, todo="Run: medusa auth login youtube")
    task = a_task(fail(video(YOUTUBE), expired))
    sentence = said if said[-1] in ".!?" else f"{said}."
    assert task.told(task.steps[0]) == f"YouTube API error: {sentence} Run: medusa auth login youtube"
    assert task.told(video(YOUTUBE)) == ""


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ((YOUTUBE,), "Uploading to YouTube..."),
        ((YOUTUBE, VIMEO), "Uploading to YouTube and Vimeo..."),
        ((YOUTUBE, VIMEO, GAMING), "Uploading to YouTube, Vimeo and YouTube (gaming)..."),
    ],
)
def test_several_uploads_are_one_message(targets: tuple[Target, ...], message: str) -> None:
    assert a_task(*(run(video(target)) for target in targets)).message == message


def test_different_doings_are_told_side_by_side() -> None:
    task = a_task(run(video(YOUTUBE)), run(thumbnail(VIMEO)), run(video(VIMEO)))
    assert task.message == "Uploading to YouTube and Vimeo; adding the thumbnail on Vimeo..."


def test_a_target_is_named_once() -> None:
    twice = StepSpec("captions", "t:youtube:captions", verb="Uploading to")
    assert a_task(run(video(YOUTUBE)), run(Step(twice, "youtube"))).message == "Uploading to YouTube..."


@pytest.mark.parametrize(("media", "name"), [(MEDIA, "video.mp4"), (None, "the media")])
def test_looking_at_the_media_is_told(media: Media | None, name: str) -> None:
    look = Step(StepSpec(MEDIA_STEP, "t::media", verb="Looking at"), None)
    assert a_task(run(look), media=media).message == f"Looking at {name}..."


def test_a_task_that_only_waits_says_why() -> None:
    limited = pipeline.waits(run(video(YOUTUBE)), NOW + 60, "YouTube is rate limited, next try at 14:05:10")
    busy = pipeline.waits(run(video(VIMEO)), NOW + 9, "Vimeo is busy (503), next try at 14:05:01")
    assert a_task(limited).message == "YouTube is rate limited, next try at 14:05:10"
    assert a_task(limited, busy).message == f"{limited.note}; {busy.note}"
    same = replace(busy, note=limited.note)
    assert a_task(limited, same).message == limited.note


def test_what_moves_is_told_before_what_waits() -> None:
    limited = pipeline.waits(run(video(YOUTUBE)), NOW + 60, "YouTube is rate limited")
    assert a_task(limited, run(video(VIMEO))).message == "Uploading to Vimeo..."


# ---------------------------------------------------------------- results and warnings


def test_what_is_certain_is_kept_whatever_fails_later() -> None:
    known = run(video(YOUTUBE, checkpoint=Checkpoint({"session": "s"}, known=WATCH)))
    assert a_task(known).results == {"youtube_url": WATCH.url}
    assert a_task(pipeline.failed(known, TOO_LARGE, NOW)).results == {"youtube_url": WATCH.url}


def test_steps_that_yield_nothing_give_no_result() -> None:
    assert a_task(succeed(thumbnail(YOUTUBE), WATCH)).results == {}
    assert a_task(succeed(video(YOUTUBE), Receipt("abc123", None))).results == {}


def test_the_warnings_of_steps_and_receipts_are_told_in_order() -> None:
    warned = succeed(video(YOUTUBE, warnings=("slow",)), replace(WATCH, warnings=("is private",)))
    task = a_task(warned, fail(thumbnail(YOUTUBE), Failure(FailureKind.QUOTA, "used up", todo="Wait.")))
    assert task.warnings == ("slow", "is private", "thumbnail not done: YouTube API error: used up. Wait.")
    assert status_reply(task)["warnings"] == list(task.warnings)


def test_steps_are_found_by_their_key_and_target() -> None:
    task = a_task(video(YOUTUBE), thumbnail(YOUTUBE), post(FACEBOOK))
    assert task.step("t:facebook:post").target == "facebook"
    assert [step.name for step in task.of("youtube")] == ["video", "thumbnail"]
    assert task.target("gaming") is GAMING


def test_the_message_of_an_ended_task_says_how_it_ended() -> None:
    assert a_task(succeed(video(YOUTUBE), WATCH)).message == "Completed"
    assert a_task(fail(video(YOUTUBE))).message == "YouTube API error: Video file too large (max 128GB)"
    assert a_task(pipeline.skipped(video(YOUTUBE), NOW), cancel_asked=True).message == "Cancelled"


def test_what_was_asked_for_shows_in_no_repr() -> None:
    asked = {"vimeo": {"privacy": "password", "password": "open sesame"}}
    step = replace(video(VIMEO), spec=replace(video(VIMEO).spec, fields=asked["vimeo"]))
    task = replace(a_task(step), request=PublishRequest((VIMEO,), asked, MEDIA))
    assert "sesame" not in repr(task)
