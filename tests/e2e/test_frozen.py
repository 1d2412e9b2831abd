"""A process freezes between an intent and its send, another takes its task over, and then the first one wakes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.sandbox import Sandbox
from tests.e2e.child import Order
from tests.e2e.instants import Instant
from tests.e2e.processes import WITHIN_S, Processes
from tests.e2e.talk import OPTIONS, talk, written_config

ASKED: dict[str, dict[str, Any]] = {
    "feed.create": {"facebook": {"message": "It is out"}},
    "video.finish": {"native": {"message": "Here in full", "attach_media": True}},
}
ALLOWED_AGAIN: dict[str, list[list[int]]] = {"feed.create": [[]], "video.finish": [[], [400]]}
"""Facebook surely refuses a second finish, so that nobody has to wait until the first one cannot be sent any more."""
PLACES = {"the intent was saved": Instant("intent", 1, "after"), "the send begins": Instant("send", 1, "before")}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=OPTIONS) as running:
        yield running


@pytest.fixture
def first() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


@pytest.fixture
def second() -> Iterator[Processes]:
    with Processes() as processes:
        yield processes


def order_of(sandbox: Sandbox, folder: Path, asked: dict[str, dict[str, Any]]) -> Order:
    config = written_config(sandbox, folder, resend_if_not_found=True)
    media = "" if "facebook" in asked else str(talk(folder, size=0))
    return Order(str(config), str(folder / "out"), media, asked, send_within_s=1.0)


def until_frozen(pid: int) -> None:
    """Until the process is stopped."""
    deadline = time.monotonic() + WITHIN_S
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "it never came to the instant"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("send", ASKED)
def test_who_wakes_after_another_took_over_sends_nothing(
    sandbox: Sandbox, first: Processes, second: Processes, tmp_path: Path, send: str, place: str
) -> None:
    order = order_of(sandbox, tmp_path, ASKED[send])
    frozen = first.start(replace(order, by="freeze", at=PLACES[place]))
    until_frozen(frozen)
    assert sandbox.state()["facebook"]["posts"] == []
    answer = second.carry_out(replace(order, out=f"{order.out}-second", take=True))
    assert answer
    assert answer.reply["status"] == "completed"
    os.kill(frozen, signal.SIGCONT)
    late = first.answer(order, frozen)
    assert late
    assert late.reply == answer.reply
    assert len(sandbox.state()["facebook"]["posts"]) == 1
    sent = [one["status"] for one in sandbox.log() if one["operation"] == send]
    assert sent[0] == 200
    assert sent[1:] in ALLOWED_AGAIN[send]
