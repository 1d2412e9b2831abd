"""A task says the same over the wire as in the process."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.daemon.client import asked, told
from medusa.daemon.convert import plain, task_message
from medusa.domain.failures import Failure, FailureKind, InvalidRequest
from medusa.domain.policy import OnFailure
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, StepState, Task, status_reply
from medusa.domain.values import Media, Receipt, StepSpec

WORDS = st.text(max_size=8)
TARGETS = (Target("youtube", "youtube", "YouTube"), Target("news", "facebook", "Facebook (news)"))
FAILURES = st.builds(
    Failure,
    st.sampled_from(FailureKind),
    WORDS,
    st.sampled_from(["", "media", "190"]),
    unreached=st.booleans(),
    todo=WORDS,
)
RECEIPTS = st.builds(Receipt, st.none() | st.text(min_size=1), st.none() | st.text(min_size=1))


@st.composite
def steps(draw: st.DrawFn, place: int) -> Step:
    """A step as a runner leaves it: a failure where it failed, a note while it runs."""
    state = draw(st.sampled_from(StepState))
    running = state is StepState.RUNNING
    spec = StepSpec(
        f"step{place}",
        f"task:{place}",
        required=draw(st.booleans()),
        verb=draw(WORDS),
        yields=draw(st.sampled_from(["", "url", "post_id"])),
    )
    return Step(
        spec,
        draw(st.sampled_from([None, "youtube", "news"])),
        state=state,
        note=draw(WORDS) if running else "",
        receipt=draw(RECEIPTS) if state is StepState.SUCCEEDED else None,
        failure=draw(FAILURES) if state is StepState.FAILED else None,
        warnings=tuple(draw(st.lists(WORDS, max_size=2))),
    )


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    media = draw(st.none() | st.just(Media("/films/talk.mp4", 5, duration_s=1.5, width=640)))
    drawn = tuple(draw(steps(place)) for place in range(draw(st.integers(1, 4))))
    flags = {"cancel_asked": draw(st.booleans()), "paused": draw(st.booleans())}
    return Task(
        "7",
        PublishRequest(TARGETS, media=media, on_failure=draw(st.sampled_from(OnFailure))),
        drawn,
        1.5,
        draw(st.integers(1, 2**40)),
        **flags,
    )


@given(tasks())
def test_whoever_watches_from_afar_is_told_the_same(task: Task) -> None:
    seen = told.task(task_message(task, lambda _: 5))
    assert status_reply(seen) == status_reply(task)
    assert (seen.id, seen.revision, seen.message) == (task.id, task.revision, task.message)
    assert (seen.status, seen.resting, seen.stopping) == (task.status, task.resting, task.stopping)
    assert (seen.results, seen.warnings) == (task.results, task.warnings)
    assert seen.request.targets == TARGETS
    assert [(step.key, step.state, step.target) for step in seen.steps] == [
        (step.key, step.state, step.target) for step in task.steps
    ]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(WORDS, JSON_VALUES, max_size=3))
def test_metadata_arrives_as_it_was_given(metadata: dict[str, Any]) -> None:
    assert plain(asked.request(["youtube"], metadata).metadata) == metadata


LOOP: list[Any] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2**60, "cannot carry"),
        (float("nan"), "cannot carry"),
        ("film\udcff", "no UTF-8"),
        (b"bytes", "cannot be a Python bytes"),
        (LOOP, "nested more than 30 deep"),
    ],
)
def test_what_no_message_can_hold_is_a_problem_with_its_place(value: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked.request(["youtube"], {"youtube": {"tags": ["a", value]}})
    (problem,) = refused.value.problems
    assert problem.path.startswith("youtube.tags[1]")
    assert says in problem.says


@pytest.mark.parametrize("path", ["film\udcff.mp4", 7])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^media_file: "):
        asked.path_of(path)


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("media_path", "media_file"),
        ("media_id", "media_file"),
        ("targets[1]", "platforms[1]"),
        ("targets", "platforms"),
        ("metadata.youtube.title", "youtube.title"),
        ("metadata.youtube", "youtube"),
        ("metadata.vimeo", "metadata.vimeo"),
        ("metadata", "metadata"),
        ("idempotency_key", "idempotency_key"),
    ],
)
def test_places_are_named_as_the_core_names_them(field: str, place: str) -> None:
    assert asked.place(field, ["youtube"]) == place
