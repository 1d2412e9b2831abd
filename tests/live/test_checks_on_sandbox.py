"""The live checks' own logic, against the sandbox: they pass where the facts hold, and name the one that does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medusa.sandbox import Sandbox
from tests.live.checks import PLATFORMS, broken, check, sample, targets
from tests.live.visit import Answer, Finding, Visit, padded


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.reset()
    yield running
    running.reset()


def findings(sandbox: Sandbox, directory: Path, platform: str) -> dict[str, Finding]:
    config: Any = sandbox.config(directory)
    return {one.name: one for one in check(platform, config[platform], sample(), sandbox.clock.move)}


def left_over(sandbox: Sandbox) -> list[object]:
    state: Any = sandbox.state()
    things = [state[platform].get(kind) for platform in PLATFORMS for kind in ("videos", "posts", "photos")]
    return [thing for thing in things if thing]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_fact_is_looked_at_and_holds(sandbox: Sandbox, tmp_path: Path, platform: str) -> None:
    found = findings(sandbox, tmp_path, platform)
    assert list(found) == list(PLATFORMS[platform].FACTS)
    assert [str(one) for one in broken(tuple(found.values()))] == []
    assert left_over(sandbox) == []


ERROR = {"kind": "status", "code": 500}
BREAKS: list[tuple[str, str, dict[str, Any]]] = [
    ("vimeo.verify", "verify", ERROR),
    ("vimeo.quota", "me", ERROR),
    ("vimeo.bad_token", "me", {**ERROR, "skip": 1}),
    ("vimeo.refusal", "videos.create", ERROR),
    ("vimeo.create", "videos.create", {**ERROR, "skip": 1}),
    ("vimeo.tus_open", "tus.head", ERROR),
    ("vimeo.tus_version", "tus.head", {**ERROR, "skip": 1}),
    ("vimeo.tus_patch", "tus.patch", ERROR),
    ("vimeo.tus_patch", "tus.patch", {"kind": "partial", "keep": 100}),
    ("vimeo.tus_resume", "tus.head", {**ERROR, "skip": 2}),
    ("vimeo.tus_conflict", "tus.patch", {**ERROR, "skip": 1}),
    ("vimeo.tus_end", "tus.patch", {**ERROR, "skip": 2}),
    ("vimeo.listed", "videos.list", {**ERROR, "times": -1}),
    ("vimeo.complete", "videos.get", {**ERROR, "times": 40}),
    ("vimeo.transcode", "videos.get", {**ERROR, "times": 40}),
    ("vimeo.rename", "videos.edit", ERROR),
    ("vimeo.link", "videos.get", {**ERROR, "skip": 1}),
    ("vimeo.tags", "tags.put", {**ERROR, "skip": 1}),
    ("vimeo.picture", "pictures.create", ERROR),
    ("vimeo.picture", "pictures.bytes", ERROR),
    ("vimeo.picture", "pictures.edit", ERROR),
    ("vimeo.texttrack", "texttracks.create", ERROR),
    ("vimeo.texttrack", "texttracks.bytes", ERROR),
    ("vimeo.texttrack", "texttracks.edit", ERROR),
    ("vimeo.deleted", "videos.delete", {**ERROR, "committed": True}),
    ("youtube.token", "token", ERROR),
    ("youtube.channel", "channels.list", ERROR),
    ("youtube.bad_token", "channels.list", {**ERROR, "skip": 1}),
    ("youtube.refusal", "videos.insert", ERROR),
    ("youtube.begin", "videos.insert", {**ERROR, "skip": 1}),
    ("youtube.empty", "video.status", ERROR),
    ("youtube.chunk", "video.bytes", ERROR),
    ("youtube.chunk", "video.bytes", {"kind": "partial", "keep": 0}),
    ("youtube.status", "video.status", {**ERROR, "skip": 1}),
    ("youtube.end", "video.bytes", {**ERROR, "skip": 1}),
    ("youtube.replayed", "video.status", {**ERROR, "skip": 2}),
    ("youtube.read", "videos.list", {**ERROR, "times": 31}),
    ("youtube.listed", "playlistItems.list", {**ERROR, "times": -1}),
    ("youtube.deleted", "videos.delete", {**ERROR, "committed": True}),
    ("facebook.page", "page.get", ERROR),
    ("facebook.bad_token", "page.get", {**ERROR, "skip": 1}),
    ("facebook.lists", "published_posts", ERROR),
    ("facebook.post", "feed.create", ERROR),
    ("facebook.post_read", "post.get", {**ERROR, "times": -1}),
    ("facebook.post_deleted", "post.delete", {**ERROR, "committed": True}),
    ("facebook.start", "video.start", ERROR),
    ("facebook.transfer", "video.transfer", ERROR),
    ("facebook.misplaced", "video.transfer", {**ERROR, "skip": 1}),
    ("facebook.finish", "video.finish", ERROR),
    ("facebook.status", "video.get", {**ERROR, "times": -1}),
    ("facebook.video_deleted", "video.delete", {**ERROR, "committed": True}),
]


@pytest.mark.parametrize(("name", "operation", "fault"), BREAKS, ids=lambda value: str(value)[:40])
def test_a_fact_that_no_longer_holds_is_named(
    sandbox: Sandbox, tmp_path: Path, name: str, operation: str, fault: dict[str, Any]
) -> None:
    platform = name.partition(".")[0]
    sandbox.fault(platform=platform, operation=operation, **fault)
    found = findings(sandbox, tmp_path, platform)
    assert found[name].holds is False, "\n".join(map(str, found.values()))
    assert left_over(sandbox) == []


def test_only_what_other_facts_stand_on_hides_them(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault(platform="vimeo", operation="tags.put", kind="status", code=500)
    found = findings(sandbox, tmp_path, "vimeo")
    assert [one.name for one in broken(tuple(found.values()))] == ["vimeo.tags"]
    assert "HTTP 500" in str(found["vimeo.tags"])


def test_every_fact_is_seen_to_fail() -> None:
    """Or stands beside the ones that are, in the few cases that no fault of the sandbox brings about."""
    facts = {name for module in PLATFORMS.values() for name in module.FACTS}
    assert facts - {name for name, _, _ in BREAKS} == {"vimeo.rate", "vimeo.fields", "youtube.privacy"}


def test_the_others_are_seen_to_fail_on_made_up_answers(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault(platform="vimeo", operation="verify", kind="status", code=200, body={"scope": "public"})
    assert findings(sandbox, tmp_path, "vimeo")["vimeo.verify"].holds is False
    sandbox.fault(platform="vimeo", operation="me", kind="status", code=200, body={"uri": "/users/1", "name": "x"})
    assert findings(sandbox, tmp_path, "vimeo")["vimeo.fields"].holds is False
    public = {"items": [{"status": {"uploadStatus": "uploaded", "privacyStatus": "public"}}]}
    sandbox.fault(platform="youtube", operation="videos.list", kind="status", code=200, body=public)
    assert findings(sandbox, tmp_path, "youtube")["youtube.privacy"].holds is False


def test_no_finding_shows_a_secret(sandbox: Sandbox, tmp_path: Path) -> None:
    config: Any = sandbox.config(tmp_path)
    token = config["vimeo"]["access_token"]
    body = {"error": f"the token {token} is bad"}
    sandbox.fault(platform="vimeo", operation="me", kind="status", code=403, body=body)
    found = check("vimeo", config["vimeo"], sample(), sandbox.clock.move)
    shown = "\n".join(map(str, found))
    assert "the token *** is bad" in shown
    assert token not in shown


def test_a_configuration_gives_its_targets_with_absolute_paths(tmp_path: Path) -> None:
    blocks = {
        "medusa": {"retry": {}},
        "gaming": {"platform": "youtube", "credentials_file": "secrets/c.json"},
        "vimeo": {"access_token": "t"},
        "twitter": {"api_key": "k"},
    }
    (tmp_path / "medusa_config.json").write_text(json.dumps(blocks))
    found = targets(tmp_path / "medusa_config.json")
    assert set(found) == {"gaming", "vimeo"}
    platform, block = found["gaming"]
    assert (platform, block["credentials_file"]) == ("youtube", str(tmp_path / "secrets/c.json"))


def test_a_fact_that_failed_once_stays_failed() -> None:
    visit = Visit({"a": "says"}, lambda seconds: None)
    visit.fact("a", holds=False, saw="one")
    visit.fact("a", holds=True, saw="two")
    visit.close()
    assert str(visit.findings["a"]) == "a: NO LONGER HOLDS: says (saw: one)"


def test_what_never_shows_is_given_up() -> None:
    waits: list[float] = []
    visit = Visit({}, waits.append)
    answer = Answer(404, {}, "")
    assert visit.later(lambda: answer, lambda seen: seen.ok, tries=3) is answer
    visit.close()
    assert waits == [2.0, 3.0, 4.0]


def test_a_padded_clip_has_its_size_and_one_more_box() -> None:
    clip = padded(sample(), 300_000)
    assert len(clip) == 300_000
    box = clip[len(sample()) :]
    assert (int.from_bytes(box[:4], "big"), box[4:8]) == (len(box), b"free")
    assert padded(clip, 10) == clip
