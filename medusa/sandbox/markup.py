"""HTML made of elements: text becomes HTML only by being escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

VOID = frozenset({"img", "source"})
_URL = re.compile(r"https?://[^\s<>\"']+")
_TRAILING = ".,;:!?)]}'\""


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is HTML already. Made by `tag` only."""

    text: str


Node = Html | str | None


def tag(name: str, *children: Node, **attributes: str | bool | None) -> Html:
    """An element. Children that are text are escaped, and so are attributes; None and False leave them out.

    In attribute names a trailing "_" is dropped and another one becomes "-": ``class_``, ``data_key``.
    """
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        plain = key.rstrip("_").replace("_", "-")
        written.append(f" {plain}" if value is True else f' {plain}="{escape(value)}"')
    start = f"<{name}{''.join(written)}>"
    if name in VOID:
        return Html(start)
    return Html(f"{start}{fragment(children).text}</{name}>")


def fragment(nodes: Iterable[Node]) -> Html:
    """Several nodes, one after the other; text among them is escaped."""
    return Html("".join(map(_text, nodes)))


def _text(node: Node) -> str:
    if node is None:
        return ""
    return node.text if isinstance(node, Html) else escape(node)


def linked(text: str) -> Html:
    """Text with its http(s) URLs as links."""
    pieces, end = [], 0
    for found in _URL.finditer(text):
        url = found[0].rstrip(_TRAILING)
        pieces += [escape(text[end : found.start()]), tag("a", url, href=safe_url(url), rel="noopener").text]
        end = found.start() + len(url)
    return Html("".join([*pieces, escape(text[end:])]))


def safe_url(url: str | None) -> str | None:
    """The URL if a browser may be given it: http or https only."""
    return url if url and url.lower().startswith(("http://", "https://")) else None
