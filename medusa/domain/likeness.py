"""What a person may have meant who gave a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(name: str, known: Iterable[str]) -> str:
    """'; did you mean page_id?' for the known name that is most like `name`, or what is known."""
    names = sorted(known)
    return likeness(name, names) or f"; known: {', '.join(names)}"


def likeness(name: str, known: Iterable[str]) -> str:
    """'; did you mean page_id?', or nothing when no known name is like `name`."""
    close = get_close_matches(name.lower(), sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
