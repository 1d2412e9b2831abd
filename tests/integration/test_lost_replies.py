"""Faults at each exchange that makes something exist: it exists once, and the task says so where that can be known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from medusa import InvalidRequest, MedusaCore
from medusa.adapters.http import Http, Request
from medusa.adapters.http import Reply as HttpReply
from medusa.adapters.probe import MediaProbe
from medusa.container import Container
from medusa.domain.failures import FailureKind
from medusa.domain.ports import Call
from medusa.domain.values import Media
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import QUICK, SAMPLE, WITHIN_S, MakeMedusa, Reply, operations, start

OpenCore = Callable[..., MedusaCore]
"""Takes more settings of the block "facebook"."""
HOUR = 3600.0


@dataclass(frozen=True)
class Send:
    """One request after which something exists, and what is published to come to it."""

    platform: str
    operation: str
    asked: Mapping[str, Any]
    lists: str
    """What is asked to find out whether it got through."""
    media: str = "film"
    lag: Mapping[str, float] = field(default_factory=dict)
    """The sandbox's option for how late the platform shows it."""


ATTACHED = {"message": "Watch", "attach_media": True}
FACEBOOK_LAG = {"facebook_read_lag_s": HOUR}
YOUTUBE_LAG = {"youtube_list_lag_s": HOUR}
SENDS = {
    "public video": Send(
        "youtube", "video.bytes", {"title": "Talk", "privacy": "public"}, "video.status", lag=YOUTUBE_LAG
    ),
    "unlisted video": Send(
        "youtube", "video.bytes", {"title": "Talk", "privacy": "unlisted"}, "video.status", lag=YOUTUBE_LAG
    ),
    "Vimeo's entry": Send("vimeo", "videos.create", {"title": "Talk"}, "videos.list"),
    "Vimeo's last bytes": Send("vimeo", "tus.patch", {"title": "Talk"}, "tus.head"),
    "feed post": Send("facebook", "feed.create", {"message": "Look"}, "published_posts", "", FACEBOOK_LAG),
    "photo post": Send("facebook", "feed.create", ATTACHED, "published_posts", "picture", FACEBOOK_LAG),
    "native video": Send("facebook", "video.finish", ATTACHED, "video.get", lag=FACEBOOK_LAG),
    "reel": Send("facebook", "reel.finish", {**ATTACHED, "as": "reel"}, "video.get", "upright", FACEBOOK_LAG),
}
POSTS = {"feed post", "photo post"}
"""Of these alone an empty list proves nothing."""
DONE: dict[str, dict[str, Any]] = {
    "reply lost": {"kind": "lost_reply"},
    "500 once done": {"kind": "status", "code": 500, "committed": True},
    "503 once done": {"kind": "status", "code": 503, "committed": True},
}
NOT_DONE: dict[str, dict[str, Any]] = {
    "cut at once": {"kind": "cut"},
    "cut within": {"kind": "cut", "after": 10},
}


@pytest.fixture
def open_core(make_medusa: MakeMedusa, tmp_path: Path) -> OpenCore:
    """A core on the sandbox and on one file of tasks."""
    engine = {"path": str(tmp_path / "tasks.db")}
    return lambda **facebook: make_medusa(medusa={"retry": QUICK, "engine": engine}, facebook=facebook)


class MovedClock:
    """Ours, which somebody sets to another time once something has happened on the wire."""

    def __init__(self, replace: Callable[[Any, str, Any], None]) -> None:
        self.ahead_s = 0.0
        self._replace = replace

    def after(self, happened: Callable[[], bool], seconds: float) -> None:
        """Move it by so much after the first exchange by which it has happened, whatever came of that."""
        exchange = Http.exchange
        moved = threading.Event()

        def exchanged(http: Http, call: Call, request: Request) -> HttpReply:
            try:
                return exchange(http, call, request)
            finally:
                if not moved.is_set() and happened():
                    moved.set()
                    self.ahead_s = seconds

        self._replace(Http, "exchange", exchanged)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[MovedClock]:
    moved = MovedClock(monkeypatch.setattr)
    before = dict(Container.ports.kwargs)
    Container.ports.add_kwargs(now=lambda: time.time() + moved.ahead_s)  # containers copy what they are given
    yield moved
    Container.ports.set_kwargs(**before)


@pytest.fixture
def publish(picture: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[MedusaCore, Send], str]:
    """Begins what a `Send` is part of."""
    look = MediaProbe.look

    def upright(probe: MediaProbe, media: Media) -> Media:
        return replace(look(probe, media), width=1080, height=1920, duration_s=10.0)

    def begun(core: MedusaCore, send: Send) -> str:
        if send.media == "upright":
            monkeypatch.setattr(MediaProbe, "look", upright)
        media = {"": None, "picture": picture}.get(send.media, SAMPLE)
        return start(core, send.platform, media=media, **{send.platform: send.asked})

    return begun


Publish = Callable[[MedusaCore, Send], str]


def exist(sandbox: Sandbox, send: Send) -> int:
    """How many of it people can come across, now that a fault has struck; Vimeo shows the unfinished as well."""
    struck = [record["operation"] for record in sandbox.log() if record["fault"]]
    assert send.operation in struck, f"no fault struck {send.operation}, but {struck}"
    state = sandbox.state()[send.platform]
    return len(state["posts"] if send.platform == "facebook" else state["videos"])


def unsure(core: MedusaCore, task_id: str) -> bool:
    kinds = [step.failure.kind for step in core.get_task(task_id).steps if step.failure]
    return FailureKind.OUTCOME_UNKNOWN in kinds


def settle(core: MedusaCore, sandbox: Sandbox, task_id: str) -> Reply:
    """As a person does who has looked at the Page."""
    posts = sandbox.state()["facebook"]["posts"]
    core.resolve(task_id, posted=posts[0]["id"] if posts else None)
    return core.wait(task_id, WITHIN_S)


@pytest.mark.parametrize("fault", DONE)
@pytest.mark.parametrize("name", SENDS)
def test_what_was_done_is_found(open_core: OpenCore, sandbox: Sandbox, publish: Publish, name: str, fault: str) -> None:
    send = SENDS[name]
    sandbox.fault(platform=send.platform, operation=send.operation, **DONE[fault])
    core = open_core()
    assert core.wait(publish(core, send), WITHIN_S)["status"] == "completed"
    assert exist(sandbox, send) == 1


@pytest.mark.parametrize("fault", NOT_DONE)
@pytest.mark.parametrize("name", SENDS)
def test_what_was_not_done_is_done_once(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish, name: str, fault: str
) -> None:
    """A post that may have arrived is not sent again, before a person says that it is not there."""
    send = SENDS[name]
    sandbox.fault(platform=send.platform, operation=send.operation, **NOT_DONE[fault])
    core = open_core()
    task_id = publish(core, send)
    reply = core.wait(task_id, WITHIN_S)
    assert unsure(core, task_id) == (name in POSTS)
    if name in POSTS:
        assert (reply["status"], exist(sandbox, send)) == ("failed", 0)
        reply = settle(core, sandbox, task_id)
    assert reply["status"] == "completed"
    assert exist(sandbox, send) == 1


def post_another(core: MedusaCore) -> str:
    """The same text twice in a row is refused."""
    reply = core.wait(start(core, "facebook", media=None, facebook={"message": "In between"}), WITHIN_S)
    return str(reply["results"]["facebook_post_id"])


def test_each_of_two_posts_with_the_same_text_finds_its_own(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish
) -> None:
    send, core, found = SENDS["feed post"], open_core(), []
    for _ in range(2):
        sandbox.fault(platform=send.platform, operation=send.operation, kind="lost_reply")
        reply = core.wait(publish(core, send), WITHIN_S)
        found += [reply["results"]["facebook_post_id"], post_another(core)]
    assert sorted(found) == sorted(post["id"] for post in sandbox.state()["facebook"]["posts"])


def test_what_another_task_has_posted_is_not_taken_for_what_was_not_done(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish
) -> None:
    send, core = SENDS["feed post"], open_core()
    assert core.wait(publish(core, send), WITHIN_S)["status"] == "completed"
    sandbox.fault(platform=send.platform, operation=send.operation, kind="cut")
    task_id = publish(core, send)
    core.wait(task_id, WITHIN_S)
    assert unsure(core, task_id)
    assert exist(sandbox, send) == 1


def test_as_long_as_two_are_in_doubt_neither_takes_what_is_there(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish
) -> None:
    """One of them got through; who is settled by hand leaves no doubt about the other."""
    send, core = SENDS["feed post"], open_core()
    sandbox.fault(platform="facebook", operation=send.lists, kind="status", code=400, times=-1)
    task_ids = []
    for fault in ("lost_reply", "cut"):
        sandbox.fault(platform=send.platform, operation=send.operation, kind=fault)
        task_ids.append(publish(core, send))
        core.wait(task_ids[-1], WITHIN_S)
    sandbox.clear_faults()
    for task_id in task_ids:
        core.retry(task_id)
        core.wait(task_id, WITHIN_S)
        assert unsure(core, task_id)
    found = [post_another(core)]
    with pytest.raises(InvalidRequest, match=r"posted: '.*' is what task .* has published"):
        core.resolve(task_ids[1], posted=found[0])
    core.resolve(task_ids[1], posted=None)
    found.append(core.wait(task_ids[1], WITHIN_S)["results"]["facebook_post_id"])
    core.retry(task_ids[0])
    found.append(core.wait(task_ids[0], WITHIN_S)["results"]["facebook_post_id"])
    assert sorted(found) == sorted(post["id"] for post in sandbox.state()["facebook"]["posts"])


def test_what_another_task_has_just_posted_is_refused_and_not_taken_for_ones_own(
    open_core: OpenCore, sandbox: Sandbox
) -> None:
    """Facebook does so; nobody has to look at the Page for what is known here."""
    core = open_core()
    for expected in ("completed", "failed"):
        task_id = start(core, "facebook", media=None, facebook={"message": "Twice"})
        reply = core.wait(task_id, WITHIN_S)
        assert reply["status"] == expected
    assert "Facebook refuses the same post twice in a row" in reply["error"]
    assert not unsure(core, task_id)
    assert len(sandbox.state()["facebook"]["posts"]) == 1


def test_a_public_video_is_found_when_its_reply_is_lost_and_its_session_gone(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish
) -> None:
    send = SENDS["public video"]
    sandbox.fault(platform="youtube", operation="video.bytes", kind="lost_reply")
    sandbox.fault(platform="youtube", operation="video.status", kind="session_gone", times=-1)
    core = open_core()
    assert core.wait(publish(core, send), WITHIN_S)["status"] == "completed"
    assert exist(sandbox, send) == 1
    assert operations(sandbox, "youtube").count("videos.insert") == 1


def test_as_long_as_two_videos_of_one_size_are_in_doubt_neither_takes_what_is_there(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish
) -> None:
    """The last block of one got through."""
    send, core, task_ids = SENDS["public video"], open_core(), []
    sandbox.fault(platform="youtube", operation="video.status", kind="session_gone", times=-1)
    sandbox.fault(platform="youtube", operation="playlistItems.list", kind="status", code=403, times=-1)
    for fault in ({"kind": "lost_reply"}, {"kind": "status", "code": 500}):
        sandbox.fault(platform="youtube", operation=send.operation, **fault)
        task_ids.append(publish(core, send))
        core.wait(task_ids[-1], WITHIN_S)
    sandbox.clear_faults()
    sandbox.fault(platform="youtube", operation="video.status", kind="session_gone", times=-1)
    for task_id in task_ids:
        core.retry(task_id)
        core.wait(task_id, WITHIN_S)
        assert unsure(core, task_id)
    assert exist(sandbox, send) == 1


@pytest.mark.parametrize("name", SENDS)
def test_a_late_answer_to_the_search_is_awaited(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish, name: str
) -> None:
    send = SENDS[name]
    sandbox.fault(platform=send.platform, operation=send.operation, kind="lost_reply")
    sandbox.fault(platform=send.platform, operation=send.lists, kind="delay", seconds=0.2, times=-1)
    core = open_core()
    assert core.wait(publish(core, send), WITHIN_S)["status"] == "completed"
    assert exist(sandbox, send) == 1


@pytest.mark.parametrize("name", [name for name, send in SENDS.items() if send.lag])
def test_what_is_not_shown_yet_is_not_sent_again(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish, name: str
) -> None:
    send = SENDS[name]
    sandbox.set(**send.lag)
    sandbox.fault(platform=send.platform, operation=send.operation, kind="lost_reply")
    if send.platform == "youtube":
        sandbox.fault(platform="youtube", operation="video.status", kind="session_gone", times=-1)
    core = open_core()
    task_id = publish(core, send)
    reply = core.wait(task_id, WITHIN_S)
    assert exist(sandbox, send) == 1
    if reply["status"] == "completed":
        return
    assert unsure(core, task_id), reply
    sandbox.clear_faults()
    sandbox.clock.move(2 * HOUR)
    core.retry(task_id)
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    assert exist(sandbox, send) == 1


def test_what_is_refused_as_a_repetition_of_a_first_send_that_no_list_shows_is_not_called_refused(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish, clock: MovedClock
) -> None:
    """It is sent a second time as the user wants it; Facebook's word then proves that something like it is there."""
    send = SENDS["feed post"]
    sandbox.set(**send.lag)
    sandbox.fault(platform=send.platform, operation=send.operation, kind="lost_reply")
    clock.after(lambda: send.operation in operations(sandbox, send.platform), 600.0)  # the line was down for a while
    core = open_core(resend_if_not_found=True)
    task_id = publish(core, send)
    for _ in range(2):
        reply = core.wait(task_id, WITHIN_S)
        assert "whether it got through is not known" in reply["error"]
        assert unsure(core, task_id)
        core.retry(task_id)
    core.wait(task_id, WITHIN_S)
    sandbox.clock.move(2 * HOUR)
    core.retry(task_id)
    reply = core.wait(task_id, WITHIN_S)
    (there,) = sandbox.state()["facebook"]["posts"]
    assert reply["results"] == {"facebook_post_id": there["id"]}
    assert operations(sandbox, "facebook").count(send.operation) == 2


def test_who_says_by_mistake_that_it_is_not_posted_gets_the_post_that_is_there(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish, clock: MovedClock
) -> None:
    send = SENDS["feed post"]
    sandbox.set(**send.lag)
    sandbox.fault(platform=send.platform, operation=send.operation, kind="lost_reply")
    core = open_core()
    task_id = publish(core, send)
    core.wait(task_id, WITHIN_S)
    clock.ahead_s = 2 * HOUR
    sandbox.clock.move(2 * HOUR)
    core.resolve(task_id, posted=None)
    reply = core.wait(task_id, WITHIN_S)
    (there,) = sandbox.state()["facebook"]["posts"]
    assert reply["results"] == {"facebook_post_id": there["id"]}


@pytest.mark.parametrize("moved_s", [-HOUR, -60.0, 60.0, HOUR])
@pytest.mark.parametrize("name", SENDS)
def test_a_clock_that_is_moved_between_send_and_search_doubles_nothing(
    open_core: OpenCore, sandbox: Sandbox, publish: Publish, clock: MovedClock, name: str, moved_s: float
) -> None:
    """Ours; what is out can be missed by that, but then it says that it does not know."""
    send = SENDS[name]
    sandbox.fault(platform=send.platform, operation=send.operation, kind="lost_reply")
    clock.after(lambda: send.operation in operations(sandbox, send.platform), moved_s)
    core = open_core()
    task_id = publish(core, send)
    reply = core.wait(task_id, WITHIN_S)
    assert exist(sandbox, send) == 1
    assert clock.ahead_s == moved_s
    if reply["status"] != "completed":
        assert unsure(core, task_id), reply
        clock.ahead_s = 0.0
        core.retry(task_id)
        assert core.wait(task_id, WITHIN_S)["status"] == "completed"
        assert exist(sandbox, send) == 1
