"""What a request may ask of retries, and of what one target's failure does to the others."""

from __future__ import annotations

from typing import Any

import pytest

from medusa import InvalidRequest, MedusaCore, TaskConflict
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.task import StepState
from tests.integration.conftest import SAMPLE

WITHIN_S = 20.0
REFUSED = Failure(FailureKind.REJECTED, "no", no_effect=True)
BUSY = Failure(FailureKind.TRANSIENT, "busy", "HTTP 503", no_effect=True)
TWO_VIDEOS: dict[str, Any] = {
    "media_file": SAMPLE,
    "platforms": ["fake", "gaming", "news"],
    "metadata": {"fake": {"title": "One"}, "gaming": {"title": "Two"}, "news": {"message": "It is out"}},
}


def ended(core: MedusaCore, **request: Any) -> dict[str, Any]:
    return core.wait(core.publish_async(**request), WITHIN_S)


@pytest.mark.parametrize("operation", ["account", "session.create"])
def test_others_go_on_when_one_target_fails(core: MedusaCore, platform: FakePlatform, operation: str) -> None:
    platform.fail(operation, REFUSED)
    said = ended(core, **TWO_VIDEOS, on_failure="go_on")
    assert said["status"] == "failed"
    assert said["failed_platform"] in ("fake", "gaming", "news")
    assert len(platform.videos) + len(platform.posts) == 2


def test_a_failed_target_is_stopped_at_its_first_failure(core: MedusaCore, platform: FakePlatform) -> None:
    platform.fail("account", REFUSED, times=3)
    said = ended(core, **TWO_VIDEOS, on_failure="go_on")
    assert said["status"] == "failed"
    assert set(platform.exchanges) == {"account"}


def test_who_needs_what_was_not_given_fails_with_a_reason(core: MedusaCore, platform: FakePlatform) -> None:
    platform.fail("session.create", REFUSED)
    metadata = {"fake": {"title": "One", "privacy": "public"}, "news": {"message": "See {fake_url}"}}
    task_id = core.publish_async(SAMPLE, ["fake", "news"], metadata, on_failure="go_on")
    assert core.wait(task_id, WITHIN_S)["failed_platform"] == "fake"
    post = next(step for step in core.get_task(task_id).steps if step.name == "post")
    assert post.state is StepState.FAILED
    assert post.failure
    assert "{fake_url}" in post.failure.said
    assert platform.posts == []


def test_what_failed_is_retried_alone(core: MedusaCore, platform: FakePlatform) -> None:
    platform.fail("session.create", REFUSED)
    task_id = core.publish_async(**TWO_VIDEOS, on_failure="go_on")
    core.wait(task_id, WITHIN_S)
    core.retry(task_id)
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    assert (len(platform.videos), len(platform.posts)) == (2, 1)


def test_without_a_word_the_first_failure_ends_the_task(core: MedusaCore, platform: FakePlatform) -> None:
    platform.fail("session.create", REFUSED)
    assert ended(core, **TWO_VIDEOS)["status"] == "failed"
    assert platform.posts == []


def test_a_cancelled_task_stops_whatever_its_policy(core: MedusaCore, platform: FakePlatform) -> None:
    held = platform.hold("session.bytes")
    task_id = core.publish_async(**TWO_VIDEOS, on_failure="go_on")
    assert held.arrived.wait(WITHIN_S)
    core.cancel(task_id)
    assert core.wait(task_id, WITHIN_S)["error"] == "Cancelled"
    assert platform.posts == []


def test_a_request_can_be_less_patient_than_the_configuration(core: MedusaCore, platform: FakePlatform) -> None:
    video: dict[str, Any] = {"media_file": SAMPLE, "platforms": ["fake"], "metadata": {"fake": {"title": "One"}}}
    platform.fail("session.create", BUSY)
    assert ended(core, **video, retry={"attempts": 1})["status"] == "failed"
    platform.fail("session.create", BUSY)
    assert ended(core, **video, retry={"attempts": 2, "base_s": 0.01})["status"] == "completed"


def test_what_no_policy_is_is_told_with_its_place(core: MedusaCore) -> None:
    wrong: dict[str, Any] = {"retry": {"attempts": 0, "base_s": "1", "tries": 3}, "on_failure": "ignore"}
    with pytest.raises(InvalidRequest) as refused:
        core.publish_async(**TWO_VIDEOS, **wrong)
    places = {problem.path for problem in refused.value.problems}
    assert places == {"retry.attempts", "retry.base_s", "retry.tries", "on_failure"}
    assert {problem.path for problem in core.validate(**TWO_VIDEOS, **wrong)} == places


def test_a_key_with_another_policy_is_other_content(core: MedusaCore) -> None:
    core.publish_async(**TWO_VIDEOS, idempotency_key="k")
    with pytest.raises(TaskConflict):
        core.publish_async(**TWO_VIDEOS, idempotency_key="k", on_failure="go_on")
