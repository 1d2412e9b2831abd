"""The rules that order steps: examples, then any plan with any outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from medusa.domain import pipeline
from medusa.domain.failures import Failure, FailureKind, InvalidRequest
from medusa.domain.policy import Trouble
from medusa.domain.request import Asked, PublishRequest, Target
from medusa.domain.task import PREFLIGHT_STEP, Step, StepState, Task
from medusa.domain.values import Checkpoint, Intent, Json, Media, Problem, Receipt, Span, StepSpec

NOW = 1000.0
MEDIA = Media.named("/films/video.mp4")
REFUSED = Failure(FailureKind.REJECTED, "no")
RECEIPT = Receipt("id1", "https://example.org/1")


class Planned:
    """Rules that plan what they were told to, or tell what is wrong."""

    def __init__(self, *planned: StepSpec | Problem) -> None:
        self.planned = planned
        self.asked: Asked | None = None

    def plan(self, asked: Asked) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
        self.asked = asked
        specs = (spec for spec in self.planned if isinstance(spec, StepSpec))
        problems = tuple(problem for problem in self.planned if isinstance(problem, Problem))
        return problems or tuple(replace(spec, key=f"{asked.key}:{spec.name}") for spec in specs)

    def check(self, specs: tuple[StepSpec, ...]) -> Problem | None:
        return None


def spec(name: str, text: str = "", **changes: Any) -> StepSpec:
    return StepSpec(name, "", {"text": text} if text else {}, **changes)


PREFLIGHT = spec(PREFLIGHT_STEP)
VIDEO = spec("video", media=MEDIA, yields="url")
READY = spec("ready", after=("video",))
THUMBNAIL = spec("thumbnail", after=("video",), required=False)
POST = spec("post", visible=True, yields="post_id")


def request_of(rules: Mapping[str, Planned], metadata: Json | None = None) -> PublishRequest:
    targets = tuple(Target(key, key, key.title()) for key in rules)
    return PublishRequest(targets, metadata or {}, MEDIA)


def a_task(metadata: Json | None = None, **planned: tuple[StepSpec, ...]) -> Task:
    """Targets with their steps; each target's metadata is checked for placeholders."""
    rules = {key: Planned(PREFLIGHT, *specs) for key, specs in planned.items()}
    request = request_of(rules, metadata)
    return Task("t", request, pipeline.plan("t", request, rules), NOW)


def with_step(task: Task, step: Step) -> Task:
    return replace(task, steps=tuple(step if one.key == step.key else one for one in task.steps))


def named(task: Task, name: str) -> Step:
    """The step "target.name"; ".media" is the task's own."""
    target, _, step = name.partition(".")
    return next(one for one in task.steps if (one.target or "", one.name) == (target, step))


def succeed(task: Task, *names: str, receipt: Receipt = RECEIPT) -> Task:
    for name in names:
        task = with_step(task, pipeline.succeeded(pipeline.started(named(task, name), NOW), receipt, NOW))
    return task


def fail(task: Task, name: str) -> Task:
    return with_step(task, pipeline.failed(pipeline.started(named(task, name), NOW), REFUSED, NOW))


def start(task: Task, name: str) -> Task:
    return with_step(task, pipeline.started(named(task, name), NOW))


def startable(task: Task) -> list[str]:
    return [f"{step.target or ''}.{step.name}" for step in pipeline.next_steps(task)]


def skippable(task: Task) -> list[str]:
    return [f"{step.target or ''}.{step.name}" for step in pipeline.unreachable(task)]


# ---------------------------------------------------------------- planning


def problems_of(metadata: Json, **rules: Planned) -> list[Problem]:
    with pytest.raises(InvalidRequest) as caught:
        pipeline.plan("t", request_of(rules, metadata), rules)
    return list(caught.value.problems)


def test_a_plan_looks_at_the_media_first_and_then_follows_the_targets() -> None:
    task = a_task(youtube=(VIDEO, THUMBNAIL), facebook=(POST,))
    assert [step.key for step in task.steps] == [
        "t::media",
        "t:youtube:preflight",
        "t:youtube:video",
        "t:youtube:thumbnail",
        "t:facebook:preflight",
        "t:facebook:post",
    ]
    assert [step.target for step in task.steps] == [None, "youtube", "youtube", "youtube", "facebook", "facebook"]
    assert all(step == Step(step.spec, step.target) for step in task.steps)


def test_without_media_there_is_nothing_to_look_at() -> None:
    assert [step.name for step in a_task(facebook=(POST,)).steps] == ["preflight", "post"]


def test_rules_are_asked_for_their_target() -> None:
    rules = {"youtube": Planned(PREFLIGHT, VIDEO), "facebook": Planned(PREFLIGHT, POST)}
    metadata = {"youtube": {"title": "A"}, "facebook": {"message": "{youtube_url}"}}
    pipeline.plan("t", request_of(rules, metadata), rules)
    youtube, facebook = rules["youtube"].asked, rules["facebook"].asked
    assert youtube is not None
    assert facebook is not None
    assert (youtube.key, youtube.target, youtube.fields, youtube.media) == (
        "t:youtube",
        "youtube",
        {"title": "A"},
        MEDIA,
    )
    assert (youtube.used, facebook.used) == (True, False)
    assert set(youtube.samples) == {"youtube_url", "youtube_post_id", "facebook_url", "facebook_post_id"}
    assert len(youtube.samples["youtube_url"]) == len("https://youtube.com/watch?v=abcdefghijk")


def test_all_problems_of_all_targets_are_told_together() -> None:
    found = problems_of(
        {"facebook": {"message": "{nonsense_url}"}},
        youtube=Planned(Problem("title", "too long"), Problem("", "no video")),
        facebook=Planned(PREFLIGHT, POST),
        vimeo=Planned(Problem("tags[2]", "too long")),
    )
    assert [problem.path for problem in found] == ["youtube.title", "youtube", "vimeo.tags[2]", "facebook.message"]


def test_an_unknown_placeholder_is_told_with_those_that_are_known() -> None:
    metadata = {"facebook": {"message": "ok {youtube_url}", "deep": [{"text": "see {you_tube_url}"}]}}
    found = problems_of(metadata, youtube=Planned(PREFLIGHT, VIDEO), facebook=Planned(PREFLIGHT, POST))
    assert [problem.path for problem in found] == ["facebook.deep[0].text"]
    assert found[0].says == (
        "unknown placeholder {you_tube_url} (known here: {facebook_post_id}, {youtube_url}; "
        "write {{you_tube_url}} for the text itself)"
    )


def test_what_a_target_does_not_give_is_unknown() -> None:
    metadata = {"facebook": {"message": "{youtube_post_id}"}}
    found = problems_of(metadata, youtube=Planned(PREFLIGHT, VIDEO), facebook=Planned(PREFLIGHT, POST))
    assert "unknown placeholder {youtube_post_id}" in found[0].says


def test_a_placeholder_of_a_target_that_has_other_problems_is_not_blamed() -> None:
    metadata = {"facebook": {"message": "{youtube_url}"}}
    found = problems_of(metadata, youtube=Planned(Problem("title", "too long")), facebook=Planned(PREFLIGHT, POST))
    assert [problem.path for problem in found] == ["youtube.title"]


@pytest.mark.parametrize(
    ("texts", "circle"),
    [
        ({"a": "{a_url}"}, "a needs a"),
        ({"a": "{b_url}", "b": "{a_url}"}, "a needs b needs a"),
        ({"a": "{b_url}", "b": "{c_url}", "c": "{b_url}"}, "b needs c needs b"),
    ],
)
def test_placeholders_in_a_circle_are_told_once(texts: dict[str, str], circle: str) -> None:
    metadata = {key: {"text": text} for key, text in texts.items()}
    found = problems_of(metadata, **{key: Planned(PREFLIGHT, VIDEO) for key in texts})
    assert [problem.says for problem in found] == [f"placeholders form a circle: {circle}"]


# ---------------------------------------------------------------- ordering


def test_every_preflight_ends_before_anything_else_begins() -> None:
    task = a_task(youtube=(VIDEO,), facebook=(POST,))
    assert startable(task) == [".media"]
    task = succeed(task, ".media")
    assert startable(task) == ["youtube.preflight", "facebook.preflight"]
    task = succeed(task, "youtube.preflight")
    assert startable(task) == ["facebook.preflight"]
    assert startable(start(task, "facebook.preflight")) == []


def test_uploads_run_side_by_side_and_posts_wait_for_them() -> None:
    task = a_task(youtube=(VIDEO,), vimeo=(VIDEO,), facebook=(POST,))
    task = succeed(task, ".media", "youtube.preflight", "vimeo.preflight", "facebook.preflight")
    assert startable(task) == ["youtube.video", "vimeo.video"]
    task = succeed(task, "youtube.video")
    assert startable(task) == ["vimeo.video"]
    assert startable(succeed(task, "vimeo.video")) == ["facebook.post"]


def test_a_step_waits_for_those_before_it_however_they_end() -> None:
    last = spec("last", after=("video", "thumbnail"), required=False)
    task = a_task(youtube=(VIDEO, THUMBNAIL, spec("late", after=("thumbnail",))))
    task = succeed(task, ".media", "youtube.preflight", "youtube.video")
    assert startable(task) == ["youtube.thumbnail"]
    assert startable(fail(task, "youtube.thumbnail")) == ["youtube.late"]
    task = succeed(a_task(youtube=(VIDEO, THUMBNAIL, last)), ".media", "youtube.preflight", "youtube.video")
    assert skippable(fail(task, "youtube.thumbnail")) == ["youtube.last"]


def test_a_placeholder_is_waited_for_and_filled_in() -> None:
    description = spec("description", "see {facebook_post_id}", required=False)
    metadata = {"youtube": {"description": "see {facebook_post_id}"}}
    task = a_task(metadata, youtube=(description,), facebook=(POST,))
    task = succeed(task, "youtube.preflight", "facebook.preflight")
    assert startable(task) == ["facebook.post"]
    task = succeed(task, "facebook.post", receipt=Receipt("1_2"))
    assert startable(task) == ["youtube.description"]
    assert pipeline.rendered(task, named(task, "youtube.description")).fields == {"text": "see 1_2"}


def test_what_waits_for_a_post_does_not_hold_it_up() -> None:
    after_it = spec("pinned", after=("post",))
    task = a_task(facebook=(POST, after_it))
    task = succeed(task, "facebook.preflight")
    assert startable(task) == ["facebook.post"]
    assert startable(succeed(task, "facebook.post")) == ["facebook.pinned"]


def test_a_failure_stops_what_has_not_begun() -> None:
    task = a_task(youtube=(VIDEO, THUMBNAIL), vimeo=(VIDEO,), facebook=(POST,))
    task = succeed(task, ".media", "youtube.preflight", "vimeo.preflight", "facebook.preflight")
    task = fail(start(task, "youtube.video"), "vimeo.video")
    assert startable(task) == []
    assert skippable(task) == ["youtube.thumbnail", "facebook.post"]


def test_a_cancel_stops_what_has_not_begun() -> None:
    task = replace(succeed(a_task(youtube=(VIDEO,)), ".media"), cancel_asked=True)
    assert startable(task) == []
    assert skippable(task) == ["youtube.preflight", "youtube.video"]


def test_an_optional_failure_stops_nothing() -> None:
    task = a_task(youtube=(VIDEO, THUMBNAIL), facebook=(POST,))
    task = succeed(task, ".media", "youtube.preflight", "facebook.preflight", "youtube.video")
    assert startable(fail(task, "youtube.thumbnail")) == ["facebook.post"]
    assert skippable(fail(task, "youtube.thumbnail")) == []


def test_an_optional_step_whose_placeholder_will_never_be_known_is_skipped() -> None:
    tweet = replace(POST, required=False)
    mention = spec("mention", "{facebook_post_id}", required=False)
    task = a_task(facebook=(tweet,), youtube=(mention,))
    task = succeed(task, "facebook.preflight", "youtube.preflight")
    assert skippable(task) == []
    assert skippable(fail(task, "facebook.post")) == ["youtube.mention"]


def test_a_step_is_given_the_receipts_of_its_own_target() -> None:
    task = succeed(a_task(youtube=(VIDEO, THUMBNAIL), vimeo=(VIDEO,)), "youtube.preflight", "vimeo.video")
    assert pipeline.made(task, named(task, "youtube.video")) == {"preflight": RECEIPT}


def test_the_sources_of_a_step_are_the_invisible_ones_behind_it() -> None:
    chain = (spec("photo"), spec("container", after=("photo",)), spec("other"), replace(POST, after=("container",)))
    task = a_task(instagram=chain)
    assert [step.name for step in pipeline.sources(task, named(task, "instagram.post"))] == ["photo", "container"]


# ---------------------------------------------------------------- one step's life

STEP = Step(spec("video", media=MEDIA), "youtube", total=100)
AT = Checkpoint({"session": "s"}, Span(10, 20), 10)


def test_a_step_that_starts_again_keeps_when_it_started() -> None:
    first = pipeline.started(STEP, NOW)
    again = pipeline.started(pipeline.waits(first, NOW + 9, "busy"), NOW + 5)
    assert (again.state, again.started_at, again.note, again.wait_until) == (StepState.RUNNING, NOW, "", None)


def test_tries_are_counted() -> None:
    assert pipeline.trying(pipeline.trying(STEP)).attempt == 2


def test_progress_is_never_more_than_there_is() -> None:
    assert pipeline.progressed(STEP, 60).done == 60
    assert pipeline.progressed(STEP, 160).done == 100
    assert pipeline.progressed(replace(STEP, total=0), 160).done == 160


def test_a_byte_of_advance_forgets_the_trouble_before() -> None:
    step = replace(pipeline.advanced(STEP, AT), trouble=Trouble(3))
    assert pipeline.advanced(step, replace(AT, done=11)).trouble == Trouble()
    assert pipeline.advanced(step, AT).trouble == Trouble(3)
    assert pipeline.advanced(step, replace(AT, done=9)).trouble == Trouble(3)


def test_an_exchange_without_bytes_forgets_the_trouble_and_an_answer_does_not() -> None:
    polling = replace(pipeline.advanced(STEP, Checkpoint({"video": "1"})), trouble=Trouble(3))
    assert polling.checkpoint is not None
    assert pipeline.advanced(polling, polling.checkpoint).trouble == Trouble()
    assert pipeline.advanced(polling, polling.checkpoint, asked=True).trouble == Trouble(3)
    assert pipeline.advanced(polling, replace(polling.checkpoint, done=5), asked=True).trouble == Trouble()


def test_a_checkpoint_is_kept_with_what_is_certain() -> None:
    step = pipeline.advanced(STEP, replace(AT, known=RECEIPT, note="soon"))
    assert (step.checkpoint, step.done, step.note, step.known) == (step.checkpoint, 10, "soon", RECEIPT)
    later = pipeline.advanced(step, replace(AT, done=20))
    assert later.checkpoint == replace(AT, done=20, known=RECEIPT)
    newer = Receipt("id2")
    assert pipeline.advanced(step, replace(AT, known=newer)).known == newer


def test_a_reopened_step_begins_anew_and_says_so() -> None:
    step = pipeline.reopened(pipeline.committed(pipeline.advanced(STEP, AT)))
    assert (step.checkpoint, step.done, step.committed, step.reopened) == (None, 0, False, True)


def test_an_intent_that_had_no_effect_is_forgotten() -> None:
    intent = Intent("k", {}, "f", None, NOW, NOW + 60)
    assert pipeline.intended(STEP, intent).intent == intent
    assert pipeline.unsent(pipeline.intended(STEP, intent)).intent is None


def test_a_step_that_succeeded_is_done() -> None:
    before = pipeline.waits(replace(pipeline.started(STEP, NOW), failure=REFUSED, done=60), NOW + 3, "busy", Trouble(2))
    step = pipeline.succeeded(before, RECEIPT, NOW + 9)
    assert (step.state, step.receipt, step.failure, step.done) == (StepState.SUCCEEDED, RECEIPT, None, 100)
    assert (step.note, step.wait_until, step.ended_at) == ("", None, NOW + 9)


@pytest.mark.parametrize(
    "end", [lambda step: pipeline.failed(step, REFUSED, NOW), lambda step: pipeline.stopped(step, NOW)]
)
def test_a_step_that_did_not_succeed_keeps_where_it_stood(end: Any) -> None:
    intent = Intent("k", {}, "f", None, NOW, NOW + 60)
    step = end(pipeline.waits(pipeline.intended(pipeline.advanced(STEP, AT), intent), NOW + 5, "busy"))
    assert (step.checkpoint, step.intent, step.done) == (AT, intent, 10)
    assert (step.note, step.wait_until, step.ended_at) == ("", None, NOW)


# ---------------------------------------------------------------- known bugs


def test_a_rewound_step_is_not_committed() -> None:
    assert not pipeline.rewound(pipeline.committed(pipeline.advanced(STEP, AT))).committed


def test_what_waits_for_another_post_does_not_hold_up_a_post() -> None:
    finish, processed = spec("finish", visible=True), spec("processed", after=("finish",))
    task = a_task(page=(finish, processed), other=(finish, processed))
    task = succeed(task, "page.preflight", "other.preflight")
    assert startable(task) == ["page.finish", "other.finish"]


@pytest.mark.parametrize("receipt", [None, Receipt("id1", url=None)], ids=["optional giver fails", "no URL comes back"])
def test_a_required_step_whose_placeholder_will_never_be_known_ends_the_task(receipt: Receipt | None) -> None:
    giver = replace(VIDEO, media=None, required=False)
    task = a_task(
        {"facebook": {"m": "{youtube_url}"}}, youtube=(giver,), facebook=(replace(POST, fields={"m": "{youtube_url}"}),)
    )
    task = succeed(task, "youtube.preflight", "facebook.preflight")
    task = succeed(task, "youtube.video", receipt=receipt) if receipt else fail(task, "youtube.video")
    assert startable(task) or skippable(task)
