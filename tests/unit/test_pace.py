"""The rate that a person sees: steady, right at once, and zero when nothing moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.domain.pace import Pace


def walked(*steps: tuple[float, int]) -> Pace:
    pace = Pace(0.0, 0)
    at, done = 0.0, 0
    for seconds, more in steps:
        at, done = at + seconds, done + more
        pace = pace.seen(at, done)
    return pace


def test_it_is_right_from_the_first_look_on() -> None:
    assert Pace(5.0, 0).rate == 0.0
    assert walked((0.5, 500)).rate == pytest.approx(1000)


@given(st.lists(st.floats(0.1, 3.0), min_size=1, max_size=50))
def test_a_steady_flow_has_its_own_rate_however_often_it_is_looked_at(looks: list[float]) -> None:
    assert walked(*((seconds, round(seconds * 1_000_000)) for seconds in looks)).rate == pytest.approx(1e6, rel=0.01)


def test_it_does_not_jump_and_follows_within_seconds() -> None:
    steady = [(0.5, 500_000)] * 40
    burst = walked(*steady, (0.5, 5_000_000)).rate
    slower = walked(*steady, *[(0.5, 100_000)] * 40).rate
    assert burst < 1.7e6, "ten times the flow for half a second"
    assert slower == pytest.approx(200_000, rel=0.5)


def test_lumps_of_a_steady_flow_are_not_seen() -> None:
    lumps = [(0.5, 900_000), (0.5, 100_000), (0.5, 500_000)]
    rates = [walked(*lumps * 10, *lumps[:looks]).rate for looks in range(3)]
    assert max(rates) < 1.03 * min(rates)


def test_an_hour_without_a_connection_leaves_the_rate() -> None:
    before = walked(*[(0.5, 500_000)] * 40)
    after = before.resumed(3600.0).seen(3600.5, before.done + 500_000)
    assert after.rate == pytest.approx(before.rate)


def test_it_falls_to_nothing_in_a_stall() -> None:
    steady = [(0.5, 500_000)] * 40
    rates = [walked(*steady, *[(0.5, 0)] * looks).rate for looks in range(0, 300, 20)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 10


def test_what_is_sent_again_does_not_count_twice() -> None:
    pace = walked(*[(1.0, 1000)] * 10)
    behind = pace.seen(11.0, 5000)
    assert behind.rate == pytest.approx(pace.rate)
    assert behind.seen(12.0, 6000).rate == pytest.approx(1000)
