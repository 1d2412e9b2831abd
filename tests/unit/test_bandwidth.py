"""Rates and hours, as they stand in a configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.domain.bandwidth import LEAST, UNLIMITED, Hours, Timetable, hours, rate, told


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        ("2 MiB/s", 2 * 2**20),
        ("1.5MiB/s", 1.5 * 2**20),
        ("500 kB/s", 500_000),
        ("10 Mbit/s", 1_250_000),
        ("10 Mbitps", 1_250_000),
        ("2048 B/s", 2048),
        ("unlimited", UNLIMITED),
        (4096.5, 4096.5),
    ],
)
def test_a_rate(text: str | float, bytes_per_s: float) -> None:
    assert rate(text) == bytes_per_s


@pytest.mark.parametrize("text", ["", "2", "2 MiB", "fast", "-1 MiB/s", "2 mib/s", "2  MiB/s", "1e9 B/s", "2 MiB/s "])
def test_what_is_no_rate_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r'must be like "2 MiB/s"'):
        rate(text)


def test_a_limit_that_stops_everything_is_refused() -> None:
    for stop in ("0 MiB/s", 0.0, 1023.0, float("nan")):
        with pytest.raises(ValueError, match="1 KiB/s or more; pause a task"):
            rate(stop)


@pytest.mark.parametrize("text", ["300 kB/s", "2 MiB/s", "1.25 MB/s", "1 GB/s", "1.5 GiB/s"])
def test_a_rate_is_told_as_it_was_given(text: str) -> None:
    assert told(rate(text)) == text


@given(st.floats(LEAST, 1e12))
def test_what_is_told_can_be_read_again(bytes_per_s: float) -> None:
    assert rate(told(bytes_per_s)) == pytest.approx(bytes_per_s, rel=0.01)
    assert rate(told(UNLIMITED)) == UNLIMITED


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("08:00-18:00", (8 * 60, 17 * 60 + 59), (7 * 60 + 59, 18 * 60)),
        ("22:00-06:00", (22 * 60, 0, 5 * 60 + 59), (6 * 60, 21 * 60 + 59)),
        ("0:00-24:00", (0, 24 * 60 - 1), ()),
    ],
)
def test_hours_of_the_day(text: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    table = Timetable((hours(text, 5000.0),), otherwise=7000.0)
    assert {table.rate(minute) for minute in inside} == {5000.0}
    assert {table.rate(minute) for minute in outside} <= {7000.0}


@pytest.mark.parametrize("text", ["8-18", "08:00", "08:60-09:00", "25:00-26:00", "08:00-24:01", "08:00-08:00"])
def test_what_are_no_hours_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="08:00-18:00"):
        hours(text, 5000.0)


def test_the_first_hours_that_fit_count() -> None:
    table = Timetable((Hours(0, 600, 1.0), Hours(300, 900, 2.0)))
    assert [table.rate(minute) for minute in (0, 400, 700, 1000)] == [1.0, 1.0, 2.0, UNLIMITED]
