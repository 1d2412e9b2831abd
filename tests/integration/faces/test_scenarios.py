"""What a user does with Medusa, from the first call to the last, whoever answers."""

from __future__ import annotations

import threading
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from medusa import FailureKind, InvalidRequest, StepState, Task, TaskConflict, TaskNotFound, TaskStatus
from medusa.sandbox import Sandbox
from tests.integration.faces.conftest import Face
from tests.integration.rehearsal import MIB, SAMPLE, WITHIN_S, large, made, nothing_but, operations, publish, start

POST: dict[str, Any] = {"platforms": ["facebook"], "metadata": {"facebook": {"message": "It is out"}}}
WRONG: dict[str, Any] = {
    "media_file": SAMPLE,
    "platforms": ["youtube", "facebok", "youtube"],
    "metadata": {"youtube": {"titel": "Talk"}, "vimeo": {}, "facebook": 5},
}


def stalled(face: Face, sandbox: Sandbox, media: Path = SAMPLE) -> str:
    """A YouTube upload that stands still after at most 1 MiB until someone ends it."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=min(MIB, media.stat().st_size // 2))
    task_id = start(face, "youtube", media=media)
    sandbox.wait_for("youtube", "video.bytes")
    return task_id


# ---------------------------------------------------------------- publishing


def test_one_call_publishes_everywhere(face: Face, sandbox: Sandbox) -> None:
    said = publish(face, "youtube", "vimeo", "facebook")
    state = sandbox.state()
    url, post = said["results"]["youtube_url"], said["results"]["facebook_post_id"]
    assert said == {
        "status": "completed",
        "results": {"youtube_url": url, "vimeo_url": said["results"]["vimeo_url"], "facebook_post_id": post},
    }
    assert made(sandbox) == nothing_but(youtube=1, vimeo=1, facebook=1)
    (shown,) = state["facebook"]["posts"]
    assert (shown["id"], shown["message"]) == (post, f"Look: {url}")
    assert url.endswith(state["youtube"]["videos"][0]["id"])


def test_a_task_under_way_says_what_it_does_and_a_cancelled_one_that_it_failed(face: Face, sandbox: Sandbox) -> None:
    task_id = stalled(face, sandbox)
    assert face.get_task_status(task_id) == {"status": "in_progress", "message": "Uploading to YouTube..."}
    with pytest.raises(TimeoutError, match=r"has not ended within .* s: Uploading to YouTube\.\.\."):
        face.wait(task_id, 0.01)
    assert face.cancel(task_id) is True
    assert face.wait(task_id, WITHIN_S) == {"status": "failed", "error": "Cancelled", "failed_platform": None}
    assert face.cancel(task_id) is False
    assert face.pause(task_id) is False
    assert face.unpause(task_id) is False


def test_a_failure_has_the_platforms_own_words_and_names_the_target(face: Face, sandbox: Sandbox) -> None:
    sandbox.fault(platform="facebook", operation="*", kind="token_revoked")
    said = publish(face, "facebook", media=None, facebook={"message": "It is out"})
    assert (said["status"], said["failed_platform"]) == ("failed", "facebook")
    assert said["error"].startswith("Facebook API error: Error validating access token")


def test_bad_media_is_nobodys_fault(face: Face, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_text("no film")
    said = publish(face, "vimeo", media=film)
    assert (said["status"], said["failed_platform"]) == ("failed", None)
    assert "not a video" in said["error"]


def test_what_is_optional_and_fails_is_a_warning(face: Face, sandbox: Sandbox, picture: Path) -> None:
    sandbox.fault(platform="youtube", operation="thumbnails.set", kind="status", code=403)
    said = publish(face, "youtube", youtube={"thumbnail": str(picture)})
    assert said["status"] == "completed"
    (warning,) = said["warnings"]
    assert warning.startswith("thumbnail not done: YouTube API error: ")


# ---------------------------------------------------------------- what is wrong with a request


def test_all_that_is_wrong_is_told_at_once_with_its_place(face: Face, sandbox: Sandbox) -> None:
    found = face.validate(**WRONG)
    said = {problem.path: problem.says for problem in found}
    assert sorted(said) == [
        "metadata.facebook",
        "metadata.vimeo",
        "platforms[1]",
        "platforms[2]",
        "youtube.titel",
    ]
    assert "did you mean facebook?" in said["platforms[1]"]
    assert "did you mean title?" in said["youtube.titel"]
    known = len(face.list_tasks(1000))
    with pytest.raises(InvalidRequest) as told:
        face.publish_async(**WRONG)
    assert told.value.problems == found
    assert len(face.list_tasks(1000)) == known, "no task came to be"
    assert sandbox.log() == []


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"platforms": "facebook"}, "platforms"),
        ({"platforms": []}, "platforms"),
        ({"platforms": [None]}, "platforms[0]"),
        ({**POST, "metadata": ["facebook"]}, "metadata"),
        ({**POST, "metadata": {"facebook": "It is out"}}, "facebook"),
        ({**POST, "media_file": 7}, "media_file"),
        ({**POST, "media_file": "/nowhere/film.mp4"}, "media_file"),
        ({**POST, "media_file": str(SAMPLE)}, "media_file"),
        ({**POST, "media_file": "a\0b"}, "media_file"),
        ({**POST, "media_file": "/"}, "media_file"),
    ],
)
def test_whatever_comes_is_a_problem_with_its_place(face: Face, request_: dict[str, Any], path: str) -> None:
    assert path in [problem.path for problem in face.validate(**request_)]
    with pytest.raises(InvalidRequest) as told:
        face.publish_async(**request_)
    assert path in [problem.path for problem in told.value.problems]


def test_online_the_accounts_and_the_media_are_looked_at(face: Face, sandbox: Sandbox, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_text("no film")
    asked: dict[str, Any] = {"platforms": ["vimeo"], "metadata": {"vimeo": {"title": "Talk"}}}
    assert face.validate(SAMPLE, **asked, online=True) == ()
    assert made(sandbox) == nothing_but()
    assert [problem.path for problem in face.validate(film, **asked, online=True)] == ["media_file"]


# ---------------------------------------------------------------- watching


def test_a_watcher_sees_growing_revisions_and_the_final_state(face: Face, sandbox: Sandbox) -> None:
    seen = list(face.watch(start(face, "youtube", "facebook")))
    assert all(one.revision < other.revision for one, other in pairwise(seen))
    assert [task.ended for task in seen] == [False] * (len(seen) - 1) + [True]
    assert len(seen) > 1
    assert seen[-1].status is TaskStatus.COMPLETED


def test_a_watcher_that_comes_again_goes_on_where_it_was(face: Face) -> None:
    task_id = start(face, "vimeo")
    face.wait(task_id, WITHIN_S)
    (last,) = face.watch(task_id)
    assert list(face.watch(task_id, last.revision - 1)) == [last]
    assert list(face.watch(task_id, after_revision=last.revision)) == []


def test_several_watchers_see_the_same_end(face: Face, sandbox: Sandbox) -> None:
    task_id = stalled(face, sandbox)
    ends: list[Task] = []
    threads = [threading.Thread(target=lambda: ends.append(list(face.watch(task_id))[-1])) for _ in range(3)]
    for thread in threads:
        thread.start()
    face.cancel(task_id)
    for thread in threads:
        thread.join(WITHIN_S)
    assert ends == [face.get_task(task_id)] * 3


def test_a_task_tells_all_of_its_steps(face: Face, sandbox: Sandbox) -> None:
    task_id = start(face, "youtube", "facebook")
    face.wait(task_id, WITHIN_S)
    task = face.get_task(task_id)
    assert [target.display for target in task.request.targets] == ["YouTube", "Facebook"]
    assert task.request.media is not None
    assert task.request.media.name == SAMPLE.name
    video = next(step for step in task.of("youtube") if step.name == "video")
    assert (video.state, video.done, video.total) == (StepState.SUCCEEDED, *[SAMPLE.stat().st_size] * 2)
    assert video.known is not None
    assert video.known.url == task.results["youtube_url"]
    assert 0 < task.created_at <= task.updated_at
    assert task.warnings == ()
    assert task.message == "Completed"


# ---------------------------------------------------------------- steering


def test_a_paused_upload_rests_and_goes_on_at_the_byte(face: Face, sandbox: Sandbox, tmp_path: Path) -> None:
    film = large(tmp_path)
    task_id = stalled(face, sandbox, film)
    assert face.pause(task_id) is True
    resting = next(task for task in face.watch(task_id) if task.resting)
    assert (resting.paused, resting.message, resting.ended) == (True, "Paused", False)
    assert face.unpause(task_id) is True
    assert face.wait(task_id, WITHIN_S)["status"] == "completed"
    sent = sum(record["received"] for record in sandbox.log() if record["operation"] == "video.bytes")
    assert sent <= film.stat().st_size + 2 * MIB
    assert made(sandbox) == nothing_but(youtube=1)


def test_a_retry_repeats_only_what_had_not_succeeded(face: Face, sandbox: Sandbox) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", kind="token_revoked")
    task_id = start(face, "vimeo", "facebook", facebook={"message": "It is out"})
    assert face.wait(task_id, WITHIN_S)["failed_platform"] == "facebook"
    failed = face.get_task(task_id)
    face.retry(task_id)
    assert face.wait(task_id, WITHIN_S)["status"] == "completed"
    assert face.get_task(task_id).revision > failed.revision
    assert made(sandbox) == nothing_but(vimeo=1, facebook=1)
    with pytest.raises(TaskConflict, match="nothing to retry"):
        face.retry(task_id)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_post_of_unknown_outcome_is_settled_by_hand(face: Face, sandbox: Sandbox, is_there: bool) -> None:
    posted = f"1_{uuid4().int}" if is_there else None  # no other task has published it
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=500)
    sandbox.fault(platform="facebook", operation="published_posts", kind="status", code=400, times=-1)
    task_id = start(face, "facebook", media=None, facebook={"message": "It is out"})
    assert "whether it got through is not known" in face.wait(task_id, WITHIN_S)["error"]
    kinds = [step.failure.kind for step in face.get_task(task_id).steps if step.failure]
    assert kinds == [FailureKind.OUTCOME_UNKNOWN]
    sandbox.clear_faults()
    with pytest.raises(InvalidRequest, match="'nonsense' is no post of Facebook"):
        face.resolve(task_id, posted="nonsense")
    face.resolve(task_id, posted=posted)
    said = face.wait(task_id, WITHIN_S)
    posts = [post["id"] for post in sandbox.state()["facebook"]["posts"]]
    assert said == {"status": "completed", "results": {"facebook_post_id": posted or posts[0]}}
    assert operations(sandbox, "facebook").count("feed.create") == (1 if posted else 2)
    with pytest.raises(TaskConflict, match="no step whose outcome is unknown"):
        face.resolve(task_id, posted=posted)


def test_the_same_key_gives_the_same_task_and_other_content_is_refused(face: Face, sandbox: Sandbox) -> None:
    key = f"monday of {face!r}"
    task_id = face.publish_async(**POST, idempotency_key=key)
    assert face.publish_async(**POST, idempotency_key=key) == task_id
    face.wait(task_id, WITHIN_S)
    assert face.publish_async(**POST, idempotency_key=key) == task_id
    other = {**POST, "metadata": {"facebook": {"message": "It is not out"}}}
    with pytest.raises(TaskConflict, match="used with other content"):
        face.publish_async(**other, idempotency_key=key)
    assert made(sandbox) == nothing_but(facebook=1)


def test_the_same_media_under_the_same_key_is_the_same_task(face: Face, sandbox: Sandbox) -> None:
    asked: dict[str, Any] = {"platforms": ["vimeo"], "metadata": {"vimeo": {"title": "Talk"}}}
    key = f"film of {face!r}"
    task_id = face.publish_async(SAMPLE, **asked, idempotency_key=key)
    assert face.wait(task_id, WITHIN_S)["status"] == "completed"
    assert face.publish_async(SAMPLE, **asked, idempotency_key=key) == task_id
    assert made(sandbox) == nothing_but(vimeo=1)


# ---------------------------------------------------------------- all tasks


def test_tasks_are_listed_newest_first_a_page_at_a_time(face: Face) -> None:
    newest = [face.publish_async(**POST) for _ in range(3)][::-1]
    assert [task.id for task in face.list_tasks(limit=3)] == newest
    assert [task.id for task in face.list_tasks(limit=2)] == newest[:2]
    assert [task.id for task in face.list_tasks(limit=2, before=newest[0])] == newest[1:]


def test_only_what_has_ended_is_deleted(face: Face, sandbox: Sandbox) -> None:
    task_id = stalled(face, sandbox)
    with pytest.raises(TaskConflict, match="cancel it first"):
        face.delete(task_id)
    face.cancel(task_id)
    face.wait(task_id, WITHIN_S)
    face.delete(task_id)
    with pytest.raises(TaskNotFound):
        face.get_task(task_id)
    assert task_id not in [task.id for task in face.list_tasks()]


def test_whoever_asks_for_a_task_that_is_not_there_is_told(face: Face) -> None:
    asks = (face.get_task, face.get_task_status, face.wait, face.cancel, face.pause, face.unpause, face.retry)
    for ask in (
        *asks,
        face.delete,
        lambda nobody: face.resolve(nobody, posted=None),
        lambda nobody: list(face.watch(nobody)),
    ):
        with pytest.raises(TaskNotFound, match="there is no task 'nobody'") as told:
            ask("nobody")
        assert told.value.task_id == "nobody"


# ---------------------------------------------------------------- limits


def test_the_targets_say_what_is_left_for_today(face: Face) -> None:
    left = {target.key: {quota.name: quota for quota in quotas} for target, quotas in face.quotas().items()}
    assert list(left) == ["youtube", "vimeo", "facebook"]
    assert left["youtube"]["videos"].limit == 100
    assert 0 < left["youtube"]["videos"].remaining <= 100


def test_bandwidth_is_limited_by_hand_and_goes_back_to_the_configuration(face: Face) -> None:
    face.limit_bandwidth("2 MiB/s", "youtube")
    face.limit_bandwidth(1e6)
    assert face.bandwidth() == {None: 1e6, "youtube": 2.0 * MIB, "vimeo": inf, "facebook": inf}
    for target in ("youtube", None):
        face.limit_bandwidth(None, target)
    assert set(face.bandwidth().values()) == {inf}


@pytest.mark.parametrize(
    ("rate", "target", "path"), [("fast", None, "rate"), (5, None, "rate"), (None, "nobody", "target")]
)
def test_what_is_no_limit_is_refused(face: Face, rate: Any, target: str | None, path: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        face.limit_bandwidth(rate, target)
    assert [problem.path for problem in refused.value.problems] == [path]
