"""What is left of a quota, who shares it, what calls cost, and what a task does without it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Request
from medusa.adapters.platforms.youtube import resumable, wire
from medusa.adapters.platforms.youtube.account import YouTubeAccount, project
from medusa.adapters.platforms.youtube.ledger import Ledger, cost
from medusa.adapters.platforms.youtube.quota import next_reset
from medusa.domain.failures import FailureKind, MedusaError, PlatformError
from medusa.domain.quota import Quota, shortage
from medusa.domain.task import Step, StepState
from medusa.domain.values import StepSpec

ROOT = "https://youtube.googleapis.com"
SESSION = f"{ROOT}/upload/youtube/v3/videos?uploadType=resumable&upload_id=A1"
PACIFIC = ZoneInfo("America/Los_Angeles")


def step(name: str, state: StepState = StepState.WAITING, **costs: int) -> Step:
    return Step(StepSpec(name, f"t:youtube:{name}", costs=costs), "youtube", state)


STEPS = (step("video", videos=1), step("captions", units=400), step("thumbnail", units=50))
UNITS = Quota("p", "units", 10_000, 20.0)
VIDEOS = Quota("p", "videos", 100, 10.0)


# ---------------------------------------------------------------- what is left


def test_all_steps_together_must_fit() -> None:
    assert shortage(STEPS, (VIDEOS, replace(UNITS, spent=9_550))) is None
    short = shortage(STEPS, (VIDEOS, replace(UNITS, spent=9_551)))
    assert short is not None
    assert (short.quota.name, short.quota.remaining, short.needed) == ("units", 449, 450)
    assert str(short).startswith("449 of 10,000 units are left of the quota until ")


def test_what_is_done_needs_nothing_more() -> None:
    done = replace(STEPS[1], state=StepState.SUCCEEDED)
    assert shortage((STEPS[0], done), (replace(UNITS, spent=10_000), VIDEOS)) is None


def test_of_several_the_last_reset_counts() -> None:
    short = shortage(STEPS, (replace(VIDEOS, spent=100), replace(UNITS, spent=20_000)))
    assert short is not None
    assert short.quota.resets_at == UNITS.resets_at
    assert short.quota.remaining == 0


# ---------------------------------------------------------------- YouTube's day


@given(st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31)))
def test_the_day_ends_at_the_next_midnight_in_california(at: datetime) -> None:
    now = at.timestamp()
    reset = next_reset(now)
    there = datetime.fromtimestamp(reset, PACIFIC)
    assert (there.hour, there.minute, there.second, there.microsecond) == (0, 0, 0, 0)
    assert there.date() - datetime.fromtimestamp(now, PACIFIC).date() == timedelta(days=1)
    assert now < reset <= now + 25 * 3600.0
    assert next_reset(reset - 1.0) == reset < next_reset(reset)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 7, 1), 24)])
def test_a_day_of_a_changed_clock_is_shorter_or_longer(day: tuple[int, int, int], hours: int) -> None:
    begins = datetime(*day, tzinfo=PACIFIC).timestamp()
    assert next_reset(begins) - begins == hours * 3600.0


# ---------------------------------------------------------------- whose, and how much


def account(directory: Path, credentials: object = None, secrets: object = None) -> YouTubeAccount:
    files = directory / "client.json", directory / "login.json"
    for file, content in zip(files, (secrets, credentials), strict=True):
        if content is not None:
            file.write_text(json.dumps(content))
    return YouTubeAccount(*files)


@pytest.mark.parametrize(
    ("credentials", "secrets"),
    [
        ({"client_id": "7-a.apps.googleusercontent.com"}, {"installed": {"client_id": "8-b.apps"}}),
        (None, {"installed": {"client_id": "7-b.apps.googleusercontent.com"}}),
        ([], {"web": {"client_id": "7-c.apps.googleusercontent.com"}}),
    ],
)
def test_all_clients_of_a_project_are_one_owner(tmp_path: Path, credentials: object, secrets: object) -> None:
    assert project(account(tmp_path, credentials, secrets)) == "youtube:project:7"


@pytest.mark.parametrize("secrets", [None, 7, {"installed": []}, {"installed": {"client_id": 7}}])
def test_whose_project_is_not_known_shares_with_nobody(tmp_path: Path, secrets: object) -> None:
    assert project(account(tmp_path, None, secrets)) == f"youtube:project:{tmp_path / 'client.json'}"


@pytest.mark.parametrize(
    ("request_", "costs"),
    [
        (wire.my_channel(ROOT), {"units": 1}),
        (wire.video_insert(ROOT, {"title": "x", "privacy": "private"}), {"videos": 1}),
        (resumable.query(SESSION, 9), {}),
        (Request("PUT", SESSION), {}),
        (wire.video_status(ROOT, "v"), {"units": 1}),
        (wire.newest_uploads(ROOT, "UU"), {"units": 1}),
        (wire.thumbnail_set(ROOT, "v"), {"units": 50}),
        (wire.caption_insert(ROOT, "v", {"language": "en", "name": ""}, "text/vtt", b"x"), {"units": 400}),
        (wire.playlist_insert(ROOT, "v", "PL"), {"units": 50}),
        (wire.playlist_find(ROOT, "v", "PL"), {"units": 1}),
    ],
)
def test_every_call_is_charged(request_: Request, costs: dict[str, int]) -> None:
    assert cost(request_) == costs


def test_a_ledger_that_cannot_be_written_is_trouble_that_passes(tmp_path: Path) -> None:
    class Full(FileAccounts):
        def spend(self, owner: str, what: str, units: int, period_end: float, limit: int | None = None) -> bool:
            raise MedusaError("tasks.db cannot be written: database or disk is full")

    ledger = Ledger(account(tmp_path), Full())
    for charge in (ledger.book, ledger.close):
        with pytest.raises(PlatformError) as caught:
            charge(wire.my_channel(ROOT), 1_800_000_000.0)
        assert caught.value.failure.kind is FailureKind.TRANSIENT
        assert "disk is full" in caught.value.failure.said
