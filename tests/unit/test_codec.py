"""What is saved comes back as it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from medusa.adapters.repositories.codec import step_from_json, step_to_json, task_from_json, task_to_json
from medusa.domain.policy import Trouble
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, StepState, Task
from medusa.domain.values import Checkpoint, Media, MediaKind, Span, StepSpec
from tests.unit.strategies import of

SPEC = StepSpec("video", "task:youtube:video", {"title": "Tech Talk"}, Media("/v.mp4", kind=MediaKind.VIDEO))
STEP = Step(SPEC, "youtube", StepState.RUNNING, checkpoint=Checkpoint({"session": "s"}, Span(5, 9), 5))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(of(Step))
def test_a_step_comes_back_as_it_was(step: Step) -> None:
    found = step_from_json(step_to_json(step))
    assert found == step
    assert step_to_json(found) == step_to_json(step)


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(of(Task))
def test_a_task_comes_back_as_it_was(task: Task) -> None:
    assert task_from_json(task_to_json(task)) == task


def test_types_come_back_too() -> None:
    found = step_from_json(step_to_json(replace(STEP, trouble=Trouble(1), warnings=("a",))))
    assert found.state is StepState.RUNNING
    assert type(found.spec) is StepSpec
    assert type(found.spec.media) is Media
    assert type(found.spec.media.kind) is MediaKind
    assert type(found.warnings) is tuple
    assert type(found.checkpoint) is Checkpoint
    assert type(found.checkpoint.want) is Span
    assert type(found.trouble) is Trouble


def test_the_text_is_one_that_a_later_version_can_read() -> None:
    text = step_to_json(STEP)
    assert json.loads(text) == {
        "spec": {
            "name": "video",
            "key": "task:youtube:video",
            "fields": {"title": "Tech Talk"},
            "media": {"uri": "/v.mp4", "kind": "video"},
        },
        "target": "youtube",
        "state": "running",
        "checkpoint": {"cursor": {"session": "s"}, "want": {"start": 5, "stop": 9}, "done": 5},
    }
    assert step_from_json(text) == STEP


def test_a_task_holds_its_request_and_its_steps() -> None:
    request = PublishRequest((Target("youtube", "youtube", "YouTube"),), {"youtube": {}}, SPEC.media)
    task = Task("t1", request, (STEP, replace(STEP, target=None)), 1000.5, 7, cancel_asked=True)
    assert task_from_json(task_to_json(task)) == task


@pytest.mark.parametrize("cursor", [{"file": object()}, {"size": float("nan")}, {1: "one"}, {"set": {1}}, {"b": b""}])
def test_what_json_cannot_hold_is_refused(cursor: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        step_to_json(replace(STEP, checkpoint=Checkpoint(cursor)))
