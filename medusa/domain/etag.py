"""What tells a file from another one, or from what it was: "size:mtime in ns:hash of head and tail"."""

from __future__ import annotations


def etag(size: int, modified_ns: int, content: str) -> str:
    """The etag of a file of `size` bytes; `content` is the hash of its head and tail."""
    return f"{size}:{modified_ns}:{content}"


def difference(before: str, now: str) -> str:
    """What two etags tell apart, for a person; empty when they are equal."""
    if before == now:
        return ""
    size, modified, content = before.split(":")
    new_size, new_modified, new_content = now.split(":")
    if size != new_size:
        return f"its size went from {int(size):,} to {int(new_size):,} bytes"
    if content != new_content:
        return "its content is another one"
    return "it was modified" if modified != new_modified else "it is another file"
