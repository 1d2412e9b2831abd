"""A post whose sending went wrong: it counts as not there only if not one byte of it was written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from medusa.adapters.platforms.facebook import usage
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import WITHIN_S, MakeMedusa, made, nothing_but, operations, publish, start
from tests.integration.relay import Relay
from tests.integration.test_limits import waiting

POST = {"message": "It is out"}


@pytest.fixture
def relay(sandbox: Sandbox) -> Iterator[Relay]:
    with Relay(sandbox.url) as relay:
        yield relay


def test_a_post_that_found_no_connection_is_sent_once_there_is_one(
    make_medusa: MakeMedusa, sandbox: Sandbox, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = count()

    def cutting(*_reply: object) -> Iterator[usage.Left]:
        """Called with each reply; the first is to what comes before the post."""
        if next(replies) == 0:
            relay.cut()
        yield from ()

    core = make_medusa(via=relay.url)
    monkeypatch.setattr(usage, "left", cutting)
    task_id = start(core, "facebook", media=None, facebook=POST)
    waiting(core, task_id, "Facebook waits: no connection")
    relay.reopen()
    assert core.wait(task_id, WITHIN_S)["status"] == "completed"
    assert operations(sandbox, "facebook").count("feed.create") == 1
    assert made(sandbox) == nothing_but(facebook=1)


@pytest.mark.parametrize("fault", [{"kind": "cut"}, {"kind": "cut", "after": 10}, {"kind": "lost_reply"}])
def test_a_post_of_which_a_byte_was_written_is_looked_for_and_never_sent_again(
    make_medusa: MakeMedusa, sandbox: Sandbox, fault: dict[str, object]
) -> None:
    sandbox.fault(platform="facebook", operation="feed.create", **fault)
    there = fault["kind"] == "lost_reply"
    reply = publish(make_medusa(), "facebook", media=None, facebook=POST)
    assert reply["status"] == ("completed" if there else "failed")
    assert there or "whether it got through is not known" in reply["error"]
    assert operations(sandbox, "facebook") == ["page.get", "feed.create", *["published_posts"] * (1 if there else 3)]
    assert made(sandbox) == nothing_but(facebook=int(there))
