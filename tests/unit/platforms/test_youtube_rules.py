"""YouTube's rules: what is planned for a request, and what is refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa.adapters.platforms.youtube import PLATFORM
from medusa.adapters.platforms.youtube.account import YouTubeAccount
from medusa.adapters.platforms.youtube.fields import KEYS, tags_length
from medusa.adapters.platforms.youtube.rules import THUMBNAIL_BYTES, TRACK_BYTES, VIDEO_BYTES, YouTubeRules
from medusa.config import concerns, survey
from medusa.domain.policy import Ready
from medusa.domain.request import Asked
from medusa.domain.template import render_all
from medusa.domain.values import Media, MediaKind, Problem, StepSpec

SAMPLES = {"vimeo_url": "https://vimeo.com/123456789"}
ACCOUNT = YouTubeAccount(Path("/secrets/client.json"), Path("/secrets/login.json"))


def planned(
    fields: Any, *, media: str | None = "/films/Tech Talk.mp4", used: bool = False, ready: Ready | None = None
) -> tuple[StepSpec, ...] | tuple[Problem, ...]:
    named = Media.named(media) if media else None
    rules = YouTubeRules(ACCOUNT, ready or Ready())
    return rules.plan(Asked("t1:gaming", "gaming", fields, named, SAMPLES, used))


def steps(fields: Any, **how: Any) -> dict[str, StepSpec]:
    found = planned(fields, **how)
    assert not [item for item in found if isinstance(item, Problem)], found
    return {spec.name: spec for spec in found if isinstance(spec, StepSpec)}


def problems(fields: Any, **how: Any) -> dict[str, str]:
    found = planned(fields, **how)
    assert not [item for item in found if isinstance(item, StepSpec)], "it was planned"
    return {item.path: item.says for item in found if isinstance(item, Problem)}


# ---------------------------------------------------------------- the plan


def test_the_smallest_request_uploads_a_private_video_named_like_its_file() -> None:
    plan = steps({})
    assert list(plan) == ["preflight", "video"]
    video = plan["video"]
    assert video.fields == {"title": "Tech Talk", "privacy": "private"}
    assert (video.verb, video.yields, video.required, video.visible) == ("Uploading to", "url", True, False)
    assert video.key == "t1:gaming:video"
    assert plan["preflight"].media == video.media == Media.named("/films/Tech Talk.mp4")


def test_a_file_name_with_braces_is_no_template() -> None:
    title = steps({}, media="/films/{vimeo_url} {cut}}.mp4")["video"].fields["title"]
    assert render_all(title, SAMPLES) == "{vimeo_url} {cut}}"


def test_texts_stay_templates_until_the_runner_renders_them() -> None:
    assert steps({"description": "See {vimeo_url}"})["video"].fields["description"] == "See {vimeo_url}"


def test_additions_are_optional_steps_after_the_video() -> None:
    plan = steps(
        {
            "thumbnail": "/films/cover.jpg",
            "captions": [
                {"file": "/films/en.srt", "language": "en"},
                {"file": "/films/de.vtt", "language": "de", "name": "D"},
            ],
            "playlists": ["PL1", " PL2 "],
        }
    )
    assert list(plan) == ["preflight", "video", "thumbnail", "captions.1", "captions.2", "playlist.1", "playlist.2"]
    additions = list(plan.values())[2:]
    assert all(spec.after == ("video",) and not spec.required for spec in additions)
    assert plan["thumbnail"].media == Media.named("/films/cover.jpg")
    assert plan["captions.1"].fields == {"language": "en", "name": ""}
    assert plan["captions.2"].fields == {"language": "de", "name": "D"}
    assert plan["captions.2"].media == Media.named("/films/de.vtt")
    assert plan["playlist.2"].fields == {"playlist": "PL2"}


@pytest.mark.parametrize(
    ("wait", "used", "asked", "waits"),
    [
        (None, False, None, False),
        (None, True, None, True),
        (True, False, None, True),
        (False, True, None, False),
        (False, False, True, True),
        (True, True, False, False),
    ],
)
def test_when_it_waits_until_the_video_is_processed(
    wait: bool | None, used: bool, asked: bool | None, waits: bool
) -> None:
    fields = {"privacy": "public", **({} if asked is None else {"wait_until_processed": asked})}
    plan = steps(fields, used=used, ready=Ready(wait, at_most_s=7.0))
    assert ("ready" in plan) is waits
    if waits:
        assert (plan["ready"].after, plan["ready"].required) == (("video",), True)
        assert plan["ready"].fields == {"at_most_s": 7.0}


def test_what_belongs_to_other_steps_is_not_in_the_video() -> None:
    fields = {"thumbnail": "/a.png", "captions": [], "playlists": [], "wait_until_processed": False, "tags": ["a"]}
    assert set(steps(fields)["video"].fields) == {"title", "privacy", "tags"}


def test_times_and_numbers_are_spelt_as_youtube_reads_them() -> None:
    fields = {"publish_at": "2026-12-24 18:00+01:00", "recording_date": "2026-11-23", "category": 22}
    plan = steps(fields)
    assert plan["video"].fields["publish_at"] == "2026-12-24T18:00:00+01:00"
    assert plan["video"].fields["recording_date"] == "2026-11-23T00:00:00Z"
    assert plan["video"].fields["category"] == "22"
    assert plan["preflight"].fields == {"publish_at": "2026-12-24T18:00:00+01:00"}


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("fields", "path", "says"),
    [
        ({"privacyStatus": "public"}, "privacyStatus", "unknown key; did you mean privacy?"),
        ({"xyz": 1}, "xyz", "unknown key; known: title,"),
        ({"title": 5}, "title", "must be text in quotes, not 5"),
        ({"title": None}, "title", "must be text in quotes, not null"),
        ({"title": "  "}, "title", "is empty"),
        ({"title": "x" * 101}, "title", "has 101 characters; at most 100"),
        ({"title": "x" * 75 + "{vimeo_url}"}, "title", "has 102 characters"),
        ({"title": "a <b>"}, "title", "holds < or >"),
        ({"description": "é" * 2501}, "description", "has 5002 bytes in UTF-8; at most 5000"),
        ({"description": "a > b"}, "description", "holds < or >"),
        ({"tags": "demo"}, "tags", 'must be a list of texts, such as ["demo", "test"], not "demo"'),
        ({"tags": ["a", 1]}, "tags", "must be a list of texts"),
        ({"tags": ["a", " "]}, "tags[1]", "is empty"),
        ({"tags": ["<a"]}, "tags[0]", "holds < or >"),
        ({"tags": ["x" * 250, "y" * 250]}, "tags", "501 characters in all; YouTube takes 500 (it counts"),
        ({"tags": ["a" * 248 + " ", "y" * 249]}, "tags", "501 characters in all"),
        ({"privacy": "Public"}, "privacy", '"Public" is not one of public, unlisted, private; did you mean public?'),
        ({"license": "cc"}, "license", "is not one of youtube, creativeCommon"),
        ({"category": "Music"}, "category", 'must be a category\'s number, such as "22", not "Music"'),
        ({"category": True}, "category", "not true"),
        ({"embeddable": "yes"}, "embeddable", 'must be true or false, without quotes, not "yes"'),
        ({"language": "English"}, "language", '"English" is no language tag'),
        ({"audio_language": ""}, "audio_language", "is no language tag"),
        ({"publish_at": "2026-12-24T18:00:00"}, "publish_at", "expected a time with its offset"),
        ({"publish_at": "tomorrow"}, "publish_at", "expected a time with its offset"),
        ({"publish_at": "2026-12-24T18:00:00Z", "privacy": "public"}, "publish_at", "is private until then"),
        ({"recording_date": "yesterday"}, "recording_date", "expected a date"),
        ({"localizations": {"de": {"title": "T"}}}, "localizations", "need language"),
        ({"language": "en", "localizations": {"de": {}}}, "localizations.de.title", "is empty"),
        ({"language": "en", "localizations": {"de": "T"}}, "localizations", "must be an object"),
        ({"language": "en", "localizations": {"German": {"title": "T"}}}, "localizations.German", "no language tag"),
        ({"language": "en", "localizations": {"de": {"titel": "T"}}}, "localizations.de.titel", "did you mean title?"),
        (
            {"language": "en", "localizations": {"de": {"title": "T", "description": "é" * 2501}}},
            "localizations.de.description",
            "has 5002 bytes",
        ),
        ({"thumbnail": ""}, "thumbnail", "is empty"),
        ({"captions": [{"file": "/a.srt"}]}, "captions[0].language", "is missing"),
        ({"captions": [{"language": "en"}]}, "captions[0].file", "is missing"),
        ({"captions": [{"file": "/a.srt", "lang": "en"}]}, "captions[0].lang", "did you mean language?"),
        ({"captions": [{"file": "/a.srt", "language": "en", "name": "x" * 151}]}, "captions[0].name", "at most 150"),
        ({"captions": [{"file": "/a.srt", "language": "en"}] * 2}, "captions[1]", "same language and name"),
        ({"captions": ["/a.srt"]}, "captions", "must be a list of {file, language, name}"),
        ({"playlists": ["PL1", "PL1"]}, "playlists[1]", "is named twice"),
        ({"playlists": [""]}, "playlists[0]", "is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields: Any, path: str, says: str) -> None:
    found = problems(fields)
    assert says in found[path]


def test_a_suggestion_spares_the_list_of_keys() -> None:
    assert problems({"titel": "T"}) == {"titel": "unknown key; did you mean title?"}


def test_all_problems_are_told_together() -> None:
    found = problems({"title": "<", "privacy": "x", "tags": 1, "typo": 1})
    assert set(found) == {"title", "privacy", "tags", "typo"}


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x" * 100, "description": "é" * 2500, "tags": ["x" * 250, "y" * 249]},
        {"tags": ["Foo Baz"] * 50},
        {"publish_at": "2026-12-24T18:00:00Z", "privacy": "private"},
        {"title": "x" * 98 + "{{"},
        {"language": "pt-BR", "localizations": {"zh-Hans": {"title": "T"}}},
    ],
)
def test_what_is_just_right_is_planned(fields: Any) -> None:
    assert steps(fields)


def test_a_tag_with_a_space_counts_its_quotes_and_commas_count() -> None:
    assert tags_length(["Foo Baz"]) == 9
    assert tags_length(["a", "b"]) == 3
    assert tags_length([]) == 0


def test_a_file_name_that_is_no_title_is_told() -> None:
    found = problems({}, media=f"/films/{'x' * 101}.mp4")
    assert found["title"] == "is not given, and the file's name has 101 characters; at most 100 are allowed"


@pytest.mark.parametrize(
    ("media", "says"),
    [
        (None, "give media_file"),
        ("/a.jpg", "a.jpg is an image by its name; YouTube takes videos"),
        ("/a.srt", "a.srt is a text by its name; YouTube takes videos"),
    ],
)
def test_it_takes_a_video(media: str | None, says: str) -> None:
    assert says in problems({}, media=media)[""]


def test_a_file_of_an_unknown_kind_may_be_a_video() -> None:
    assert steps({}, media="/films/clip.mxf")


@pytest.mark.parametrize(
    ("fields", "path"),
    [({}, "privacy"), ({"privacy": "private"}, "privacy"), ({"publish_at": "2026-12-24T18:00:00Z"}, "publish_at")],
)
def test_the_link_of_a_private_video_is_no_use_in_a_post(fields: Any, path: str) -> None:
    found = problems(fields, used=True)
    assert list(found) == [path]
    assert "another target's text uses {gaming_url}" in found[path]
    assert 'say "privacy": "unlisted" or "public"' in found[path]
    assert steps(fields)


def test_a_misspelt_privacy_is_told_once() -> None:
    assert list(problems({"privacy": "publik"}, used=True)) == ["privacy"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(), JSON, max_size=6), st.booleans())
def test_nothing_that_json_can_hold_breaks_the_rules(fields: dict[str, Any], used: bool) -> None:
    found = planned(fields, used=used)
    assert found
    assert len({type(item) for item in found}) == 1


# ---------------------------------------------------------------- the files, looked at

VIDEO = Media("/films/a.mp4", size=1000, etag="e", mime="video/mp4", kind=MediaKind.VIDEO, duration_s=60.0)


def checked(**files: Media) -> str:
    """What check says about steps with these files."""
    specs = [StepSpec(name.replace("_", "."), f"t:y:{name}", media=media) for name, media in files.items()]
    problem = YouTubeRules(ACCOUNT, Ready()).check(tuple(specs))
    return str(problem) if problem else ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": VIDEO_BYTES}, ""),
        ({"size": VIDEO_BYTES + 1}, "Video file too large (max 256GB)"),
        ({"size": 0}, "a.mp4 is empty"),
        ({"kind": MediaKind.IMAGE}, "a.mp4 is not a video"),
        ({"duration_s": 12 * 3600.0}, ""),
        ({"duration_s": 12 * 3600.0 + 1}, "Video too long (max 12 hours)"),
        ({"duration_s": None}, ""),
    ],
)
def test_the_video_is_checked(change: Any, says: str) -> None:
    assert checked(preflight=replace(VIDEO, **change), video=replace(VIDEO, **change)) == says


@pytest.mark.parametrize(
    ("mime", "size", "says"),
    [
        ("image/png", THUMBNAIL_BYTES, ""),
        ("image/jpeg", THUMBNAIL_BYTES + 1, "Thumbnail too large (max 50MB)"),
        ("image/webp", 5, "the thumbnail c.img is neither a JPEG nor a PNG image"),
    ],
)
def test_the_thumbnail_is_checked(mime: str, size: int, says: str) -> None:
    thumbnail = Media("/films/c.img", size=size, mime=mime, kind=MediaKind.IMAGE)
    assert checked(video=VIDEO, thumbnail=thumbnail) == says


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (TRACK_BYTES, ""),
        (TRACK_BYTES + 1, "Captions file too large (max 100MB)"),
        (0, "the captions file en.srt is empty"),
    ],
)
def test_captions_are_checked(size: int, says: str) -> None:
    assert checked(video=VIDEO, captions_1=Media("/films/en.srt", size=size)) == says


# ---------------------------------------------------------------- the target's block


@pytest.mark.parametrize("size", [-262144, 1, 262143, 262145])
def test_a_chunk_size_has_googles_unit(size: int) -> None:
    with pytest.raises(ValueError, match=r"^chunk_size must be 0 or a multiple of 262144"):
        replace(ACCOUNT, chunk_size=size)


def test_limits_hold_back_the_user_or_the_project() -> None:
    same_project = replace(ACCOUNT, credentials_file=Path("/secrets/other.json"))
    one, other = PLATFORM.scopes(ACCOUNT), PLATFORM.scopes(same_project)
    assert len(set(one)) == 2
    assert len(set(one) & set(other)) == 1


def settled(**block: Any) -> tuple[YouTubeAccount | None, list[str]]:
    """The account of this block, beside what is wrong with it."""
    files = {"client_secrets_file": "c.json", "credentials_file": "l.json"}
    found, wrong = survey({"youtube": {**files, **block}}, {"youtube": PLATFORM}, Path("/secrets"))
    return (found.targets["youtube"].account if found.targets else None), [str(problem) for problem in wrong]


@pytest.mark.parametrize("name", ["api", "token", "auth"])
@pytest.mark.parametrize("url", ["notaurl", "ftp://host", "https://", "http://:80", "http://host:port", "http://[::1"])
def test_an_endpoint_is_a_url(name: str, url: str) -> None:
    _, wrong = settled(endpoints={name: url})
    assert [line.partition(": must be an http(s) URL with a host")[0] for line in wrong] == [
        f"youtube.endpoints.{name}"
    ]
    assert settled(endpoints={name: "http://[::1]:8080/x"})[1] == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("client_secrets_file", "{}", 'holds no "installed"'),
        ("client_secrets_file", '["installed"]', 'holds no "installed"'),
        ("client_secrets_file", '{"installed": {}}', "holds no client_id and no client_secret"),
        ("client_secrets_file", '{"web": {"client_id": "a", "client_secret": "b"}}', ""),
        ("client_secrets_file", None, "there is no file"),
        ("credentials_file", "junk", "is not valid JSON"),
        ("credentials_file", "", "the file is empty"),
        ("credentials_file", "[]", "holds no refresh_token and no client_id and no client_secret"),
        ("credentials_file", '{"refresh_token": "r", "client_id": "c", "client_secret": 1}', "holds no client_secret"),
        ("credentials_file", '{"refresh_token": "r", "client_id": "c", "client_secret": "s"}', ""),
        ("credentials_file", None, "there is no file"),
    ],
)
def test_files_that_are_no_use_are_told(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    good = {
        "client_secrets_file": '{"installed": {"client_id": "a", "client_secret": "b"}}',
        "credentials_file": '{"refresh_token": "r", "client_id": "c", "client_secret": "s"}',
    }
    for key, text in {**good, name: content}.items():
        if text is not None:
            (tmp_path / key).touch(mode=0o600)
            (tmp_path / key).write_text(text)
    found, _ = survey({"youtube": {key: str(tmp_path / key) for key in good}}, {"youtube": PLATFORM})
    told = [str(one) for one in concerns(found)]
    assert len(told) == bool(says)
    assert all(line.startswith(f"youtube.{name}: ") and says in line for line in told)
    assert all(line.endswith("medusa auth login youtube") for line in told)
