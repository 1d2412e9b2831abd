"""Placeholders such as "{youtube_url}" in texts. Not str.format: other braces are text, nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")


def placeholders(value: Any) -> Iterator[str]:
    """The names in all strings of a JSON value, in order of appearance: "{a} {{b}}" gives "a"."""
    if isinstance(value, str):
        if "{" in value:
            yield from (match[1] for match in _TOKEN.finditer(value) if match[1])
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from placeholders(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from placeholders(item)


def literal(text: str) -> str:
    """The text as a template that renders to it: its braces are doubled."""
    return text.replace("{", "{{").replace("}", "}}")


def render(text: str, known: Mapping[str, str]) -> str:
    """The text with its placeholders filled in and "{{" and "}}" unescaped. An unknown name stays as it is."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        return match[0][0] if name is None else known.get(name, match[0])

    return _TOKEN.sub(replaced, text)


def render_all(value: Any, known: Mapping[str, str]) -> Any:
    """The JSON value with every string in it rendered; keys stay as they are."""
    if isinstance(value, str):
        return render(value, known)
    if isinstance(value, Mapping):
        return {key: render_all(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render_all(item, known) for item in value]
    return value
