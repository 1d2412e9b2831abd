"""A task that has ended goes on: what succeeded stays, the rest is done from where it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, InvalidRequest, TaskConflict
from medusa.domain.reopening import resolved, retried
from medusa.domain.task import StepState, TaskStatus
from medusa.domain.values import Checkpoint, Intent, Problem, Receipt, Span, StepSpec
from tests.unit.test_task import FACEBOOK, NOW, POSTED, VIMEO, WATCH, YOUTUBE, a_task, fail, post, run, succeed, video

UNSURE = Failure(FailureKind.OUTCOME_UNKNOWN, "it was sent, but whether it got through is not known")
HALFWAY = Checkpoint({"session": "s"}, Span(500, 1000), 500)
SENT = Intent("t:facebook:post", {"message": "m"}, "f", None, NOW, NOW + 30)


def test_what_succeeded_stays_and_an_upload_keeps_its_place() -> None:
    stopped = pipeline.stopped(replace(run(video(VIMEO)), checkpoint=HALFWAY, done=500), NOW)
    task = a_task(succeed(video(YOUTUBE), WATCH), stopped, fail(post(FACEBOOK)))
    again = retried(task)
    assert [step.state for step in again.steps] == [StepState.SUCCEEDED, StepState.WAITING, StepState.WAITING]
    assert (again.steps[1].checkpoint, again.steps[1].done) == (HALFWAY, 500)
    assert again.steps[2].failure is None
    assert again.status is TaskStatus.IN_PROGRESS


def test_a_cancelled_task_can_be_retried() -> None:
    task = a_task(pipeline.skipped(video(YOUTUBE), NOW), cancel_asked=True)
    assert retried(task).status is TaskStatus.PENDING


def test_a_cancelled_upload_is_shown_from_the_start_where_it_begins() -> None:
    stopped = pipeline.stopped(replace(run(video(VIMEO)), done=500, total=1000), NOW)
    assert retried(a_task(stopped, cancel_asked=True)).steps[0].done == 0


def test_a_task_that_failed_while_it_was_to_rest_goes_on() -> None:
    unsure = fail(replace(post(FACEBOOK), intent=SENT), UNSURE)
    task = a_task(unsure, pipeline.skipped(video(YOUTUBE), NOW), paused=True)
    assert [again.paused for again in (retried(task), resolved(task, None, as_said))] == [False, False]


@pytest.mark.parametrize("task", [a_task(run(video(YOUTUBE))), a_task(succeed(video(YOUTUBE), WATCH))])
def test_there_may_be_nothing_to_retry(task) -> None:
    with pytest.raises(TaskConflict):
        retried(task)


def test_a_post_of_unknown_outcome_keeps_its_intent_so_that_it_is_looked_for_and_not_sent() -> None:
    unsure = fail(replace(post(FACEBOOK), intent=SENT), UNSURE)
    assert retried(a_task(unsure)).steps[0].intent == replace(SENT, only_sought=True)


def test_a_post_that_was_found_by_hand_counts() -> None:
    unsure = fail(replace(post(FACEBOOK), intent=SENT), UNSURE)
    settled = resolved(a_task(succeed(video(YOUTUBE), WATCH), unsure), POSTED.id, as_said)
    assert settled.status is TaskStatus.COMPLETED
    assert settled.results["facebook_post_id"] == POSTED.id


def test_nothing_at_all_is_not_taken_for_not_posted() -> None:
    unsure = fail(replace(post(FACEBOOK), intent=SENT), UNSURE)
    with pytest.raises(InvalidRequest):
        resolved(a_task(unsure), "", refused)


def test_a_post_that_is_surely_not_there_is_sent_anew() -> None:
    unsure = fail(replace(post(FACEBOOK), intent=SENT), UNSURE)
    step = resolved(a_task(unsure), None, as_said).steps[0]
    assert (step.state, step.intent, step.committed) == (StepState.WAITING, None, False)
    assert step.first_sent_at == SENT.sent_at, "a person may be wrong"
    again = fail(replace(step, intent=replace(SENT, sent_at=NOW + 9.0)), UNSURE)
    assert resolved(a_task(again), None, as_said).steps[0].first_sent_at == SENT.sent_at


@pytest.mark.parametrize(
    "steps", [[fail(post(FACEBOOK))], [fail(post(FACEBOOK), UNSURE), fail(video(YOUTUBE), UNSURE)]]
)
def test_only_one_unknown_outcome_can_be_settled(steps) -> None:
    with pytest.raises(TaskConflict, match="whose outcome is unknown"):
        resolved(a_task(*steps), "1", as_said)


def test_where_several_are_unknown_the_target_is_named() -> None:
    task = a_task(fail(video(YOUTUBE), UNSURE), fail(post(FACEBOOK), UNSURE))
    with pytest.raises(TaskConflict, match=r"name the target \(facebook, youtube\)"):
        resolved(task, "1", as_said)
    with pytest.raises(TaskConflict, match=r"no step of vimeo whose outcome is unknown \(there: facebook, youtube\)"):
        resolved(task, "1", as_said, "vimeo")
    settled = resolved(task, "abc", lambda target, _, said: Receipt(said, f"https://{target}/{said}"), "youtube")
    assert settled.results == {"youtube_url": "https://youtube/abc"}
    assert [step.state for step in settled.steps] == [StepState.SUCCEEDED, StepState.WAITING]


def refused(_target: str, _spec: StepSpec, said: str) -> Receipt:
    raise InvalidRequest([Problem("posted", f"{said!r} is no id")])


def as_said(_target: str, _spec: StepSpec, said: str) -> Receipt:
    return Receipt(said)
