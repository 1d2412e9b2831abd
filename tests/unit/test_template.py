"""Placeholders are filled in; every other brace is text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.domain.template import placeholders, render, render_all
from tests.unit.strategies import JSON_VALUES

KNOWN = {"youtube_url": "https://y.be/1", "a": "A", "b1": "{a}"}
NAMES = st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True)
BRACED = st.text("ab1_{}. A", max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Watch {youtube_url} now", "Watch https://y.be/1 now"),
        ("{a}{a}", "AA"),
        ("{b1}", "{a}"),  # what is filled in is not filled in again
        ("{unknown} {a}", "{unknown} A"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{A}"),
        ("{{{{a}}}}", "{{a}}"),
        ("{{a}", "{a}"),
        ("{A} {1a} {_a} {a-b} {} {a b}", "{A} {1a} {_a} {a-b} {} {a b}"),
        ("{a.__class__} {0} {a!r} {a:>10}", "{a.__class__} {0} {a!r} {a:>10}"),
        ("a { b } c", "a { b } c"),
        ("}}{{", "}{"),
        ("", ""),
    ],
)
def test_a_text_is_rendered(text: str, expected: str) -> None:
    assert render(text, KNOWN) == expected


@given(st.text(), st.dictionaries(NAMES, st.text()))
def test_an_escaped_text_gives_itself(text: str, known: dict[str, str]) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    assert render(escaped, known) == text
    assert list(placeholders(escaped)) == []


@given(BRACED)
def test_what_is_rendered_is_what_is_listed(text: str) -> None:
    names = list(placeholders(text))
    marks = {name: f"<{place}>" for place, name in enumerate(dict.fromkeys(names))}
    rendered = render(text, marks)
    assert sum(rendered.count(mark) for mark in marks.values()) == len(names)
    if not names:
        assert rendered == render(text, KNOWN)


@given(st.text(st.characters(exclude_characters="{}")))
def test_a_text_without_braces_stays(text: str) -> None:
    assert render(text, KNOWN) == text


def test_the_names_in_all_strings_of_a_value_are_listed_in_order() -> None:
    value = {"{not_in_keys}": "{b} {a}", "deep": [{"x": "{c}"}, "{{d}}", 5, None, ("{e}",)], "again": "{a}"}
    assert list(placeholders(value)) == ["b", "a", "c", "e", "a"]


def test_all_strings_of_a_value_are_rendered() -> None:
    value = {"{a}": "{a}", "deep": [{"x": "-{a}-"}, 5, None, True, 1.5, ("{{a}}",)]}
    assert render_all(value, KNOWN) == {"{a}": "A", "deep": [{"x": "-A-"}, 5, None, True, 1.5, ["{a}"]]}


@given(JSON_VALUES)
def test_what_is_no_string_stays_as_it_is(value: Any) -> None:
    assert _shape(render_all(value, KNOWN)) == _shape(value)
    assert not list(placeholders(_shape(value)))


def _shape(value: Any) -> Any:
    """The value with its strings emptied."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return "" if isinstance(value, str) else value
