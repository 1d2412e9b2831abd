"""Small pictures: what kind of image some bytes are, and a stand-in where there is none."""

from __future__ import annotations

import colorsys
import hashlib
import struct
import zlib

_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}


def sniff(head: bytes) -> str | None:
    """The content type of an image by its first bytes (12 are enough); None if it is none that browsers show."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), None)


def placeholder(seed: str, width: int = 64, height: int = 36) -> bytes:
    """A PNG with a gradient of two colours that depend on `seed` only."""
    digest = hashlib.sha256(seed.encode()).digest()
    first, second = (colorsys.hls_to_rgb(digest[i] / 255, light, 0.55) for i, light in ((0, 0.35), (1, 0.65)))
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            share = (x / width + y / height) / 2
            rows += bytes(int(255 * (a + (b - a) * share)) for a, b in zip(first, second, strict=True))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(rows))) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
