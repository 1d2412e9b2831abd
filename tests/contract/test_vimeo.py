"""The Vimeo adapter against the sandbox's Vimeo: the shared exam, and what is Vimeo's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Http
from medusa.adapters.platforms.vimeo.account import Endpoints, VimeoAccount
from medusa.adapters.platforms.vimeo.adapter import VimeoUploader
from medusa.adapters.platforms.vimeo.rules import VimeoRules
from medusa.adapters.platforms.vimeo.wire import marker
from medusa.domain.failures import Failure, FailureKind
from medusa.domain.policy import Ready
from medusa.domain.task import Step
from medusa.domain.values import Checkpoint, Json, Receipt
from medusa.sandbox import Sandbox
from tests.contract.drive import Died, Disk, Life
from tests.contract.exam import UploaderContract, after, before, within
from tests.contract.rig import Rig

CHUNK = 300_000
PICTURE = b"\xff\xd8\xff\xe0" + bytes(2000)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    sender = Http()
    yield sender
    sender.close()


def videos(sandbox: Sandbox) -> list[dict[str, Any]]:
    vimeo: Any = sandbox.state()["vimeo"]
    return list(vimeo["videos"])


def existing(sandbox: Sandbox) -> Iterator[str]:
    """What others could see; a title that still carries the marker is none yet."""
    for one in videos(sandbox):
        if one["upload"] == "complete":
            yield f"video {one['sha256']} {one['privacy']['view']}"
            yield from () if "(medusa-" in one["name"] else (f"title {one['name']}",)
            yield from (f"tag {tag}" for tag in one["tags"])
            yield from (
                f"picture {item['sha256']}" for item in one["pictures"] if item["active"] and "time" not in item
            )
            yield from (f"track {item['language']} {item['sha256']}" for item in one["texttracks"] if item["active"])


def rig_of(
    sandbox: Sandbox, http: Http, directory: Path, asked: Json, *, used: bool = False, chunk_size: int = CHUNK
) -> Rig:
    """A target in this sandbox with this request, and a video of a few chunks."""
    block: Any = sandbox.config(directory)["vimeo"]
    account = VimeoAccount(block["access_token"], chunk_size, Endpoints(block["endpoints"]["api"]))
    video = directory / "Tech Talk.mp4"
    video.write_bytes(bytes(range(251)) * (2 * CHUNK // 251))
    return Rig(
        adapter=lambda sender: VimeoUploader(account, sender, FileAccounts()),
        rules=VimeoRules(account, Ready(at_most_s=600.0)),
        asked=asked,
        existing=lambda: existing(sandbox),
        reset=sandbox.reset,
        clock=sandbox.clock,
        http=http,
        media=video,
        used=used,
        secrets=(account.access_token,),
    )


def additions(directory: Path) -> Mapping[str, Any]:
    """A thumbnail, a text track and tags."""
    (directory / "cover.jpg").write_bytes(PICTURE)
    (directory / "en.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    return {
        "thumbnail": str(directory / "cover.jpg"),
        "texttracks": [{"file": str(directory / "en.vtt"), "language": "en"}],
        "tags": ["demo", "test"],
    }


class TestVimeo(UploaderContract):
    @pytest.fixture(params=["chunks", "additions"])
    def rig(self, request: pytest.FixtureRequest, sandbox: Sandbox, http: Http, tmp_path: Path) -> Rig:
        asked = {"title": "Launch", "privacy": "unlisted"}
        if request.param == "chunks":
            return rig_of(sandbox, http, tmp_path, asked)
        return rig_of(sandbox, http, tmp_path, {**asked, **additions(tmp_path)}, used=True, chunk_size=0)


@pytest.fixture
def rig(sandbox: Sandbox, http: Http, tmp_path: Path) -> Rig:
    return rig_of(sandbox, http, tmp_path, {"title": "Launch", "privacy": "unlisted"})


def carried_out(rig: Rig) -> dict[str, Step]:
    return Life(rig, Disk()).run()


def receipt(steps: Mapping[str, Step], name: str) -> Receipt:
    step = steps[name]
    assert step.receipt is not None, step.failure
    return step.receipt


def failure(steps: Mapping[str, Step], name: str) -> Failure:
    found = steps[name].failure
    assert found is not None, f"{name} {steps[name].state}"
    return found


def only(sandbox: Sandbox) -> dict[str, Any]:
    """The one video that there is, with all bytes of the file."""
    (video,) = videos(sandbox)
    assert video["upload"] == "complete"
    assert video["received"] == video["size"]
    return video


def sent(sandbox: Sandbox, operation: str = "") -> list[dict[str, Any]]:
    return [record for record in sandbox.log() if operation in ("", record["operation"])]


def dead_at(rig: Rig, number: int) -> Disk:
    """What is on disk when the process died after the exchange of this number."""
    disk = Disk()
    with pytest.raises(Died):
        Life(rig, disk, {number: after(Died())}).run()
    return disk


def checkpoint(disk: Disk, name: str) -> Checkpoint:
    found = disk.load(name).checkpoint
    assert found is not None
    return found


CREATE = 3
"""The number of the exchange that makes the video: after verify, me and the listing."""


# ---------------------------------------------------------------- one video, whatever happens


def test_the_result_is_the_link_that_vimeo_gives(rig: Rig, sandbox: Sandbox) -> None:
    steps = carried_out(rig)
    video = only(sandbox)
    assert video["name"] == "Launch"
    assert receipt(steps, "video") == Receipt(video["id"], video["link"], {"uri": f"/videos/{video['id']}"})
    assert video["link"].count("/") == 4, "an unlisted video's link has a hash"


def test_while_bytes_are_sent_the_name_carries_the_marker_and_the_number_is_known(rig: Rig, sandbox: Sandbox) -> None:
    disk = dead_at(rig, CREATE + 1)
    (video,) = videos(sandbox)
    assert video["name"] == f"Launch ({marker('task:target:video')})"
    assert disk.load("video").known == Receipt(video["id"])


def test_a_create_whose_reply_is_lost_is_found_again(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="videos.create", kind="lost_reply")
    carried_out(rig)
    assert only(sandbox)["name"] == "Launch"
    assert len(sent(sandbox, "videos.create")) == 1


def test_a_create_that_shows_late_is_given_time(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="videos.create", kind="lost_reply")
    started = sandbox.clock.now()
    carried_out(rig)
    first, second = sent(sandbox, "videos.list")
    assert second["at"] - first["at"] >= 5.0
    assert sandbox.clock.now() > started + 5.0


@pytest.mark.parametrize("status", [404, 410, 403])
def test_a_lost_upload_is_begun_anew_and_its_orphan_removed(rig: Rig, sandbox: Sandbox, status: int) -> None:
    sandbox.set(vimeo_gone_status=status)
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="session_gone", skip=1)
    life = Life(rig, Disk())
    steps = life.run()
    assert receipt(steps, "video").id == only(sandbox)["id"]
    assert [noted.failure.kind for noted in life.noted] == [FailureKind.SESSION_LOST]
    assert len(sent(sandbox, "videos.delete")) == 1


def test_an_upload_that_is_lost_while_nobody_looks_is_begun_anew(rig: Rig, sandbox: Sandbox) -> None:
    disk = dead_at(rig, CREATE + 1)
    sandbox.clock.move(2 * 86_400)
    steps = Life(rig, disk).run()
    assert receipt(steps, "video").id == only(sandbox)["id"]


def test_an_orphan_that_may_not_be_deleted_is_told(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.set(vimeo_scopes="public private edit upload")
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="session_gone")
    (warning,) = receipt(carried_out(rig), "video").warnings
    orphan, video = videos(sandbox)
    assert (orphan["upload"], video["upload"]) == ("error", "complete")
    assert f"/videos/{orphan['id']}" in warning
    assert "scope delete" in warning


def test_a_dead_link_of_a_complete_upload_is_no_loss(rig: Rig, sandbox: Sandbox) -> None:
    last = CREATE + 2
    disk = dead_at(rig, last)
    assert checkpoint(disk, "video").cursor["stage"] == "send"
    sandbox.fault(platform="vimeo", operation="tus.head", kind="status", code=410)
    steps = Life(rig, disk).run()
    assert receipt(steps, "video").id == only(sandbox)["id"]
    assert not sent(sandbox, "videos.delete")


@pytest.mark.parametrize(("lag_s", "creates"), [(9.0, 1), (60.0, 2)])
def test_a_complete_upload_that_shows_late_is_given_time(
    rig: Rig, sandbox: Sandbox, lag_s: float, creates: int
) -> None:
    """Its link is dead, and for a while it reads as if bytes were missing. Too late is no harm: the first one goes."""
    sandbox.set(vimeo_complete_lag_s=lag_s)
    disk = dead_at(rig, CREATE + 2)
    sandbox.fault(platform="vimeo", operation="tus.head", kind="status", code=410, times=-1)
    steps = Life(rig, disk).run()
    sandbox.clock.move(lag_s)
    assert receipt(steps, "video").id == only(sandbox)["id"]
    assert len(sent(sandbox, "videos.create")) == creates


def test_an_unusable_video_with_the_marker_makes_way(rig: Rig, sandbox: Sandbox) -> None:
    dead_at(rig, CREATE)
    assert rig.media is not None
    rig.media.write_bytes(rig.media.read_bytes() + b"more")
    assert receipt(carried_out(rig), "video").id == only(sandbox)["id"]
    assert only(sandbox)["size"] == rig.media.stat().st_size


def test_a_complete_video_with_the_marker_is_adopted(rig: Rig, sandbox: Sandbox) -> None:
    dead_at(rig, CREATE + 2)
    assert receipt(carried_out(rig), "video").id == only(sandbox)["id"]
    assert only(sandbox)["name"] == "Launch"
    assert len(sent(sandbox, "tus.patch")) == 2


def test_an_empty_video_with_the_marker_is_adopted(rig: Rig, sandbox: Sandbox) -> None:
    dead_at(rig, CREATE)
    assert receipt(carried_out(rig), "video").id == only(sandbox)["id"]
    assert len(sent(sandbox, "videos.create")) == 1


# ---------------------------------------------------------------- bytes


def test_bytes_go_in_one_request_unless_told_otherwise(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    carried_out(rig_of(sandbox, http, tmp_path, {}, chunk_size=0))
    assert len(sent(sandbox, "tus.patch")) == 1
    assert only(sandbox)["privacy"]["view"] == "nobody"
    assert only(sandbox)["name"] == "Tech Talk"


def test_chunks_have_the_size_that_was_set(rig: Rig, sandbox: Sandbox) -> None:
    carried_out(rig)
    assert [record["received"] for record in sent(sandbox, "tus.patch")] == [CHUNK, only(sandbox)["size"] - CHUNK]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut", "after": 100_000},
        {"kind": "lost_reply"},
        {"kind": "status", "code": 502},
        {"kind": "status", "code": 502, "early": True},
        {"kind": "html", "committed": True},
        {"kind": "status", "code": 423},
        {"kind": "status", "code": 409},
        {"kind": "empty"},
    ],
    ids=str,
)
def test_an_upload_goes_on_where_the_server_stands(rig: Rig, sandbox: Sandbox, fault: dict[str, Any]) -> None:
    sandbox.fault(platform="vimeo", operation="tus.patch", **fault)
    life = Life(rig, Disk())
    life.run()
    assert only(sandbox)["name"] == "Launch"
    assert {noted.failure.kind for noted in life.noted} == {FailureKind.TRANSIENT}
    assert len(sent(sandbox, "videos.create")) == 1


def test_a_chunk_that_is_stored_in_part_is_no_trouble(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="partial", keep=1000)
    life = Life(rig, Disk())
    life.run()
    assert only(sandbox)["name"] == "Launch"
    assert not life.noted


def test_a_server_that_stores_nothing_is_trouble_and_not_an_endless_loop(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="partial", keep=0, times=-1)
    found = failure(carried_out(rig), "video")
    assert (found.kind, found.said) == (FailureKind.TRANSIENT, "the server stored none of the bytes")


def test_the_token_stays_with_the_api(rig: Rig, sandbox: Sandbox) -> None:
    carried_out(rig)
    for record in sent(sandbox):
        assert ("authorization" in record["headers"]) is (not record["operation"].startswith("tus."))


# ---------------------------------------------------------------- refusals, in Vimeo's words


def test_a_privacy_that_the_plan_lacks_is_refused_before_a_byte_is_sent(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.set(vimeo_plan="basic")
    found = failure(carried_out(rig), "video")
    assert (found.kind, found.code) == (FailureKind.REJECTED, "3427")
    assert "Your plan does not allow" in found.said
    assert "another privacy" in found.todo
    assert not videos(sandbox)


def test_a_wrong_field_is_told_by_its_name(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(vimeo_description_limit=10)
    steps = carried_out(rig_of(sandbox, http, tmp_path, {"description": "x" * 11}))
    found = failure(steps, "video")
    assert (found.kind, found.code) == (FailureKind.REJECTED, "2204")
    assert "description: description may have 10 characters at most" in found.said


def test_a_name_limit_shows_before_a_byte_is_sent(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.set(vimeo_name_limit=100)
    assert failure(carried_out(rig_of(sandbox, http, tmp_path, {"title": "x" * 101})), "video").code == "2204"
    assert not sent(sandbox, "tus.patch")


def test_a_revoked_token_is_known_at_once(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="verify", kind="token_revoked")
    found = failure(carried_out(rig), "preflight")
    assert (found.kind, found.code, found.no_effect) == (FailureKind.AUTH, "8000", True)
    assert "developer.vimeo.com" in found.todo


def test_a_token_that_cannot_upload_is_known_at_once(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.set(vimeo_scopes="public private")
    found = failure(carried_out(rig), "preflight")
    assert (found.kind, found.said) == (FailureKind.AUTH, "the access token lacks the scopes edit, upload")


@pytest.mark.parametrize(
    ("quota", "cap", "kind"),
    [
        ("lifetime", 100, FailureKind.REJECTED),
        ("lifetime", 1_000_000, FailureKind.QUOTA),
        ("periodic", 1_000_000, FailureKind.QUOTA),
    ],
)
def test_a_lack_of_space_is_known_at_once(rig: Rig, sandbox: Sandbox, quota: str, cap: int, kind: FailureKind) -> None:
    carried_out(rig)
    sandbox.set(vimeo_quota=quota, vimeo_quota_bytes=cap)
    found = failure(carried_out(rig), "preflight")
    assert (found.kind, found.code) == (kind, "upload_quota")
    assert "600.0 kB" in found.said or "599.9 kB" in found.said
    assert (found.not_before is not None) is (quota == "periodic")


def test_no_cap_is_no_lack(rig: Rig, sandbox: Sandbox) -> None:
    sandbox.set(vimeo_quota_bytes=-1)
    assert receipt(carried_out(rig), "preflight").id == "/users/112233445"


@pytest.mark.parametrize("form", ["iso", "epoch"])
def test_a_rate_limit_is_waited_out(rig: Rig, sandbox: Sandbox, form: str) -> None:
    sandbox.set(vimeo_rate_reset=form)
    sandbox.fault(platform="vimeo", operation="videos.create", kind="rate_limit", retry_after=40)
    began = sandbox.clock.now()
    life = Life(rig, Disk())
    life.run()
    (noted,) = life.noted
    assert noted.failure.kind is FailureKind.RATE_LIMITED
    assert noted.failure.scope.startswith("vimeo:token:")
    assert noted.failure.not_before == pytest.approx(began + 40, abs=10)
    assert only(sandbox)["name"] == "Launch"


def test_what_is_left_of_the_rate_is_told(rig: Rig) -> None:
    life = Life(rig, Disk())
    life.run()
    told = [budget for call in life.calls for budget in call.budgets]
    assert {scope[:12] for scope, _, _ in told} == {"vimeo:token:"}
    assert all(0.9 < left <= 1.0 and resets > 1e9 for _, left, resets in told)


def test_another_privacy_than_asked_is_a_warning(rig: Rig) -> None:
    clean = Life(rig, Disk())
    clean.run()
    rig.reset()
    number = next(place for place, one in enumerate(clean.wire.sent) if "PATCH /videos/" in str(one)) + 1

    def closed(send: Any, request: Any) -> Any:
        reply = send(request)
        return replace(reply, body=reply.body.replace(b'"unlisted"', b'"nobody"'))

    steps = Life(rig, Disk(), {number: closed}).run()
    assert receipt(steps, "video").warnings == ("Vimeo made the video's privacy 'nobody' instead of 'unlisted'",)


# ---------------------------------------------------------------- what is added, and the wait


def test_additions_are_there_and_switched_on(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    carried_out(rig_of(sandbox, http, tmp_path, additions(tmp_path)))
    video = only(sandbox)
    assert video["tags"] == ["demo", "test"]
    assert [item["size"] for item in video["pictures"] if item["active"]] == [len(PICTURE)]
    (track,) = video["texttracks"]
    assert (track["active"], track["type"], track["language"], track["name"]) == (True, "subtitles", "en", "en.vtt")


def test_a_text_track_may_stay_switched_off(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    (tmp_path / "de.vtt").write_text("WEBVTT\n")
    tracks = [{"file": str(tmp_path / "de.vtt"), "language": "de", "type": "captions", "name": "Text", "active": False}]
    carried_out(rig_of(sandbox, http, tmp_path, {"texttracks": tracks}))
    (track,) = only(sandbox)["texttracks"]
    assert (track["active"], track["type"], track["name"], track["size"]) == (False, "captions", "Text", 7)


def test_a_frame_of_the_video_can_be_its_thumbnail(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    carried_out(rig_of(sandbox, http, tmp_path, {"thumbnail_time": 1.5}))
    assert [item["time"] for item in only(sandbox)["pictures"] if item["active"]] == [1.5]


def test_a_picture_whose_reply_is_lost_is_not_sent_twice(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="vimeo", operation="pictures.bytes", kind="lost_reply")
    steps = carried_out(rig_of(sandbox, http, tmp_path, {"thumbnail": additions(tmp_path)["thumbnail"]}))
    assert steps["thumbnail"].succeeded
    assert len([item for item in only(sandbox)["pictures"] if item["size"] == len(PICTURE)]) == 1


def test_a_dead_link_for_a_picture_is_replaced(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    sandbox.fault(platform="vimeo", operation="pictures.bytes", kind="status", code=403)
    steps = carried_out(rig_of(sandbox, http, tmp_path, {"thumbnail": additions(tmp_path)["thumbnail"]}))
    assert steps["thumbnail"].succeeded
    assert [item["size"] for item in only(sandbox)["pictures"] if item["active"]] == [len(PICTURE)]


def test_what_cannot_be_added_leaves_the_video(sandbox: Sandbox, http: Http, tmp_path: Path) -> None:
    no = {"error": "You cannot tag this.", "error_code": 3200}
    sandbox.fault(platform="vimeo", operation="tags.put", kind="status", code=403, body=no)
    steps = carried_out(rig_of(sandbox, http, tmp_path, {"tags": ["demo"]}))
    assert (failure(steps, "tags").kind, failure(steps, "tags").said) == (FailureKind.REJECTED, no["error"])
    assert steps["video"].succeeded


@pytest.fixture
def awaited(sandbox: Sandbox, http: Http, tmp_path: Path) -> Rig:
    return rig_of(sandbox, http, tmp_path, {"privacy": "public"}, used=True)


def test_it_waits_until_the_video_plays(awaited: Rig, sandbox: Sandbox) -> None:
    sandbox.set(processing_s=300.0)
    steps = carried_out(awaited)
    assert receipt(steps, "ready").url == only(sandbox)["link"]
    assert only(sandbox)["transcode"] == "complete"
    looks = sent(sandbox, "videos.get")
    assert 3 < len(looks) < 40, "it looks less often the longer it waits"


def test_a_video_that_fails_to_process_fails_the_step(awaited: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="processing", kind="processing_failed", reason="codec")
    found = failure(carried_out(awaited), "ready")
    assert (found.kind, found.code) == (FailureKind.REJECTED, "transcoding_error")
    assert found.todo


def test_a_video_that_stays_in_processing_is_a_warning_in_the_end(awaited: Rig, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="processing", kind="processing_stuck")
    began = sandbox.clock.now()
    (warning,) = receipt(carried_out(awaited), "ready").warnings
    assert "still processing the video after 10 minutes" in warning
    assert sandbox.clock.now() - began == pytest.approx(600, abs=60)


# ---------------------------------------------------------------- giving up


@pytest.mark.parametrize(
    ("died", "number", "left"),
    [(before, CREATE, 0), (after, CREATE, 0), (within, CREATE + 1, 0), (after, CREATE + 2, 1), (before, CREATE + 3, 1)],
    ids=["before the create", "create lost", "amid the bytes", "last reply lost", "before the title"],
)
def test_what_is_given_up_leaves_no_unfinished_video(
    rig: Rig, sandbox: Sandbox, died: Any, number: int, left: int
) -> None:
    disk = Disk()
    with pytest.raises(Died):
        Life(rig, disk, {number: died(Died())}).run()
    life = Life(rig, disk)
    life.adapter.abandon(life.call(disk.load("video"), "abandon"), checkpoint(disk, "video"))
    assert [video["upload"] for video in videos(sandbox)] == ["complete"] * left


def test_giving_up_anything_else_touches_nothing(rig: Rig, sandbox: Sandbox) -> None:
    life = Life(rig, Disk())
    life.run()
    before_it = len(sandbox.log())
    life.adapter.abandon(life.call(life.disk.load("video"), "abandon"), Checkpoint({"stage": "make", "video": "/v/1"}))
    assert len(sandbox.log()) == before_it
