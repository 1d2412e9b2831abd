"""Vimeo's rules: what is planned for a request, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from medusa.adapters.platforms.vimeo import PLATFORM
from medusa.adapters.platforms.vimeo.account import VimeoAccount
from medusa.adapters.platforms.vimeo.rules import VimeoRules
from medusa.domain.policy import Ready
from medusa.domain.request import Asked
from medusa.domain.template import render_all
from medusa.domain.values import Media, MediaKind, Problem, StepSpec

SAMPLES = {"youtube_url": "https://youtube.com/watch?v=abcdefghijk"}


def planned(
    fields: Any, *, media: str | None = "/films/Tech Talk.mp4", used: bool = False, ready: Ready | None = None
) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
    rules = VimeoRules(VimeoAccount("token"), ready or Ready())
    named = Media.named(media) if media else None
    return rules.plan(Asked("t1:vimeo", "vimeo", fields, named, SAMPLES, used))


def steps(fields: Any, **how: Any) -> dict[str, StepSpec]:
    found = planned(fields, **how)
    assert not [item for item in found if isinstance(item, Problem)], found
    return {spec.name: spec for spec in found if isinstance(spec, StepSpec)}


def problems(fields: Any, **how: Any) -> dict[str, str]:
    found = planned(fields, **how)
    assert not [item for item in found if isinstance(item, StepSpec)], "it was planned"
    return {item.path: item.says for item in found if isinstance(item, Problem)}


def test_the_smallest_request_uploads_a_private_video_named_like_its_file() -> None:
    plan = steps({})
    assert list(plan) == ["preflight", "video"]
    assert plan["video"].fields == {"title": "Tech Talk", "details": {"privacy": {"view": "nobody"}}}
    assert plan["video"].yields == "url"
    assert plan["video"].verb == "Uploading to"
    assert plan["preflight"].media == plan["video"].media


def test_keys_are_stable_and_name_the_step() -> None:
    assert [spec.key for spec in steps({"tags": ["a"]}).values()] == [
        "t1:vimeo:preflight",
        "t1:vimeo:video",
        "t1:vimeo:tags",
    ]


def test_a_file_name_with_braces_is_no_template() -> None:
    title = steps({}, media="/films/{youtube_url} {cut}.mp4")["video"].fields["title"]
    assert render_all(title, SAMPLES) == "{youtube_url} {cut}"


def test_a_long_file_name_is_cut_to_what_a_title_may_have() -> None:
    assert len(steps({}, media=f"/films/{'x' * 200}.mp4")["video"].fields["title"]) == 128


@pytest.mark.parametrize(
    ("said", "view"),
    [
        ("private", "nobody"),
        ("public", "anybody"),
        ("unlisted", "unlisted"),
        ("nobody", "nobody"),
        ("contacts", "contacts"),
        ("users", "users"),
        ("disable", "disable"),
    ],
)
def test_privacy_words_are_mapped(said: str, view: str) -> None:
    assert steps({"privacy": said})["video"].fields["details"]["privacy"] == {"view": view}


def test_a_password_goes_along_with_its_privacy() -> None:
    details = steps({"privacy": "password", "password": "open sesame"})["video"].fields["details"]
    assert details == {"privacy": {"view": "password"}, "password": "open sesame"}


def test_everything_that_can_be_said_of_a_video_is_in_the_first_request() -> None:
    asked = {
        "title": "Launch",
        "description": "",
        "privacy": "public",
        "license": "by",
        "locale": "en_US",
        "content_rating": ["safe"],
        "comments": "nobody",
        "embed": "private",
        "download": False,
        "add": True,
    }
    assert steps(asked)["video"].fields == {
        "title": "Launch",
        "details": {
            "description": "",
            "license": "by",
            "locale": "en_US",
            "content_rating": ["safe"],
            "privacy": {"view": "anybody", "comments": "nobody", "embed": "private", "download": False, "add": True},
        },
    }


def test_what_is_added_to_a_video_is_optional_and_comes_after_it() -> None:
    plan = steps(
        {
            "thumbnail": "/films/cover.jpg",
            "texttracks": [{"file": "/films/en.vtt", "language": "en"}, {"file": "/films/de.vtt", "language": "de"}],
            "tags": ["demo", "test"],
        }
    )
    assert list(plan) == ["preflight", "video", "thumbnail", "texttracks.1", "texttracks.2", "tags"]
    added = list(plan.values())[2:]
    assert {spec.required for spec in added} == {False}
    assert {spec.after for spec in added} == {("video",)}
    assert plan["thumbnail"].media == Media.named("/films/cover.jpg")
    assert plan["texttracks.2"].fields == {"type": "subtitles", "language": "de", "name": "de.vtt", "active": True}
    assert plan["tags"].fields == {"tags": ["demo", "test"]}


@pytest.mark.parametrize(("said", "time"), [("12", 12.0), ("12.5", 12.5), (3, 3), (0, 0)])
def test_a_number_may_be_written_as_text(said: object, time: float) -> None:
    assert steps({"thumbnail_time": said}, ready=Ready(wait=True))["thumbnail"].fields == {"time": time}


def test_a_frame_is_taken_once_the_video_is_processed() -> None:
    spec = steps({"thumbnail_time": 12.5}, ready=Ready(wait=True))["thumbnail"]
    assert (spec.fields, spec.media, spec.after) == ({"time": 12.5}, None, ("video", "ready"))


@pytest.mark.parametrize(
    ("wait", "used", "waits"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_it_waits_for_processing_when_told_or_when_its_link_is_used(wait: bool | None, used: bool, waits: bool) -> None:
    plan = steps({"privacy": "public"}, used=used, ready=Ready(wait, at_most_s=60.0))
    assert ("ready" in plan) is waits
    if waits:
        assert (plan["ready"].fields, plan["ready"].after) == ({"at_most_s": 60.0}, ("video",))
        assert plan["ready"].required


@pytest.mark.parametrize("privacy", ["private", "nobody", "disable", None])
def test_the_link_of_a_closed_video_is_not_to_be_posted(privacy: str | None) -> None:
    says = problems({"privacy": privacy} if privacy else {}, used=True)["privacy"]
    assert "{vimeo_url}" in says
    assert '"unlisted" or "public"' in says


@pytest.mark.parametrize("privacy", ["unlisted", "public", "users", "contacts"])
def test_any_other_link_may_be_posted(privacy: str) -> None:
    assert "ready" in steps({"privacy": privacy}, used=True)


@pytest.mark.parametrize(
    ("fields", "path", "says"),
    [
        ({"privcy": "public"}, "privcy", "unknown key; did you mean privacy?"),
        ({"zzz": 1}, "zzz", "unknown key; known: add, "),
        ({"privacy": "pubic"}, "privacy", "did you mean public?"),
        ({"privacy": True}, "privacy", "must be text"),
        ({"title": 7}, "title", "must be text"),
        ({"title": " "}, "title", "must not be empty"),
        ({"title": "x" * 129}, "title", "is 129 characters long; Vimeo takes 128 at most"),
        ({"title": "x" * 100 + "{youtube_url}"}, "title", "is 139 characters long"),
        ({"description": "x" * 5001}, "description", "5000 at most"),
        ({"privacy": "password"}, "password", "is missing"),
        ({"password": "x", "privacy": "public"}, "password", 'with "privacy": "password" only'),
        ({"tags": "demo"}, "tags", "must be a list of texts"),
        ({"tags": ["demo", 3]}, "tags[1]", "must be text"),
        ({"tags": ["a", ""]}, "tags[1]", "must not be empty"),
        ({"tags": [str(number) for number in range(21)]}, "tags", "21 tags; Vimeo takes 20"),
        ({"download": "yes"}, "download", "must be true or false"),
        ({"license": "mit"}, "license", "unknown value; "),
        ({"embed": "whitelist"}, "embed", "unknown value; known: private, public"),
        ({"thumbnail": "/films/cover.mp4"}, "thumbnail", "cover.mp4 is not named like an image"),
        ({"thumbnail_time": True}, "thumbnail_time", "must be a number"),
        ({"thumbnail_time": "soon"}, "thumbnail_time", "must be a number, without quotes"),
        ({"thumbnail_time": "1e3"}, "thumbnail_time", "must be a number"),
        ({"thumbnail_time": "-1"}, "thumbnail_time", "must be a number"),
        ({"thumbnail_time": -1}, "thumbnail_time", "must not be negative"),
        ({"thumbnail_time": float("nan")}, "thumbnail_time", "must be a number"),
        ({"thumbnail": "/c.jpg", "thumbnail_time": 1}, "thumbnail_time", "cannot be given together"),
        ({"texttracks": {}}, "texttracks", "must be a list of objects"),
        ({"texttracks": ["en.vtt"]}, "texttracks[0]", "must be an object"),
        ({"texttracks": [{"language": "en"}]}, "texttracks[0].file", "is missing"),
        ({"texttracks": [{"file": "/en.vtt"}]}, "texttracks[0].language", "is missing"),
        ({"texttracks": [{"file": "/en.vtt", "lang": "en"}]}, "texttracks[0].lang", "did you mean language?"),
        ({"texttracks": [{"file": "/a", "language": "e", "type": "subs"}]}, "texttracks[0].type", "unknown value"),
        (["title"], "", "must be an object"),
        (None, "", "must be an object"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(fields: Any, path: str, says: str) -> None:
    assert says in problems(fields)[path]


def test_all_problems_come_at_once() -> None:
    asked = {"title": "", "privacy": "x", "nope": 1, "tags": 1, "texttracks": [{}]}
    assert set(problems(asked)) == {
        "title",
        "privacy",
        "nope",
        "tags",
        "texttracks[0].file",
        "texttracks[0].language",
    }


@pytest.mark.parametrize(
    ("media", "says"),
    [
        ("/films/cover.jpg", "cover.jpg is an image by its name; Vimeo takes videos"),
        ("/films/en.srt", "en.srt is a text by its name; Vimeo takes videos"),
        (None, "Vimeo takes videos only: a media_file is needed"),
    ],
)
def test_only_a_video_is_taken(media: str | None, says: str) -> None:
    assert problems({}, media=media)[""] == says


def looked_at(kind: MediaKind) -> Media:
    return Media("/films/thing", size=10, etag="e", kind=kind)


@pytest.mark.parametrize(
    ("name", "kind", "fits"),
    [
        ("video", MediaKind.VIDEO, True),
        ("video", MediaKind.IMAGE, False),
        ("video", MediaKind.OTHER, False),
        ("thumbnail", MediaKind.IMAGE, True),
        ("thumbnail", MediaKind.VIDEO, False),
        ("texttracks.1", MediaKind.TEXT, True),
        ("texttracks.1", MediaKind.OTHER, True),
        ("texttracks.1", MediaKind.IMAGE, False),
    ],
)
def test_media_that_was_looked_at_must_fit_its_step(name: str, kind: MediaKind, fits: bool) -> None:
    rules = VimeoRules(VimeoAccount("token"), Ready())
    problem = rules.check((StepSpec(name, "k", media=looked_at(kind)), StepSpec("tags", "k")))
    assert (problem is None) is fits
    assert fits or "thing is not a" in str(problem)


def test_the_account_hides_its_token_and_has_a_scope_of_its_own() -> None:
    account = VimeoAccount("secret-token-1")
    assert "secret" not in repr(account)
    (scope,) = PLATFORM.scopes(account)
    assert "secret" not in scope
    assert PLATFORM.scopes(VimeoAccount("secret-token-2")) != (scope,)


def test_a_negative_chunk_size_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk_size"):
        VimeoAccount("token", chunk_size=-1)
