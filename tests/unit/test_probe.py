"""MediaProbe: what it finds in files of each kind, and that it opens none but the one that was looked at."""

from __future__ import annotations

import os
import struct
import wave
from importlib import resources
from pathlib import Path

import pytest

from medusa.adapters.probe import MediaProbe
from medusa.domain.failures import MediaChanged, MediaError
from medusa.domain.values import Media, MediaKind
from medusa.sandbox.picture import placeholder

VIDEO = (resources.files("medusa") / "sandbox" / "sample.mp4").read_bytes()
QUARTER_TURN = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
"""The matrix by which a phone says that a video has to be turned (ISO/IEC 14496-12, 8.3.2)."""


def written(path: Path, content: bytes) -> Media:
    path.write_bytes(content)
    return Media.named(str(path))


def shown(media: Media) -> tuple[object, ...]:
    found = MediaProbe().look(media)
    return found.kind, found.mime, found.duration_s, found.width, found.height


def test_a_video(tmp_path: Path) -> None:
    media = written(tmp_path / "film.mp4", VIDEO)
    assert shown(media) == (MediaKind.VIDEO, "video/mp4", 6.0, 1280, 720)


def test_a_video_goes_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    media = written(tmp_path / "film", VIDEO)
    assert shown(media) == (MediaKind.VIDEO, "video/mp4", 6.0, 1280, 720)


def test_an_upright_video_that_is_stored_lying(tmp_path: Path) -> None:
    matrix = VIDEO.index(b"tkhd") + 44
    turned = VIDEO[:matrix] + QUARTER_TURN + VIDEO[matrix + len(QUARTER_TURN) :]
    media = written(tmp_path / "film.mp4", turned)
    assert shown(media) == (MediaKind.VIDEO, "video/mp4", 6.0, 720, 1280)


def test_an_image(tmp_path: Path) -> None:
    media = written(tmp_path / "picture.png", placeholder("any", 64, 36))
    assert shown(media) == (MediaKind.IMAGE, "image/png", None, 64, 36)


def test_sound_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16_000))
    with pytest.raises(MediaError, match=r"film\.mp4 is not a video: it has no video track \(it holds sound only\)"):
        MediaProbe().look(Media.named(str(path)))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_video_that_is_cut_short(tmp_path: Path, kept: float) -> None:
    media = written(tmp_path / "film.mp4", VIDEO[: int(len(VIDEO) * kept)])
    with pytest.raises(MediaError, match="cut short"):
        MediaProbe().look(media)


def element(number: str, *content: bytes, size: bytes = b"") -> bytes:
    """One of EBML (RFC 8794), of which Matroska and WebM are made."""
    body = b"".join(content)
    return bytes.fromhex(number) + (size or (1 << 56 | len(body)).to_bytes(8, "big")) + body


def webm(size: bytes = b"") -> bytes:
    """A WebM of one frame; `size` is what its segment says of its size, in place of the right one."""
    kind = element("1a45dfa3", element("4282", b"webm"), element("4287", b"\x02"), element("4285", b"\x02"))
    pixels = element("e0", element("b0", b"\x40"), element("ba", b"\x24"))
    track = element("ae", element("d7", b"\x01"), element("83", b"\x01"), element("86", b"V_VP8"), pixels)
    cluster = element("1f43b675", element("e7", b"\x00"), element("a3", b"\x81\x00\x00\x80", bytes(40)), size=size)
    return kind + element("18538067", element("1654ae6b", track), cluster, size=size)


@pytest.mark.parametrize("size", [b"", b"\x01" + 7 * b"\xff", b"\xff"], ids=["told", "unknown", "unknown, in short"])
def test_a_browsers_recording_does_not_know_its_size(tmp_path: Path, size: bytes) -> None:
    assert shown(written(tmp_path / "film.webm", webm(size))) == (MediaKind.VIDEO, "video/webm", None, 64, 36)


def test_a_recording_that_knows_its_size_may_be_cut_short(tmp_path: Path) -> None:
    media = written(tmp_path / "film.webm", webm()[:-1])
    with pytest.raises(MediaError, match="cut short"):
        MediaProbe().look(media)


def test_only_the_file_that_was_looked_at_is_opened(tmp_path: Path) -> None:
    probe, path = MediaProbe(), tmp_path / "film.mp4"
    media = probe.look(written(path, VIDEO))
    with probe.open(media) as file:
        assert file.read() == VIDEO
    os.utime(path, ns=(0, 0))
    with pytest.raises(MediaChanged, match="changed since this task began: it was modified"):
        probe.open(media)
    path.write_bytes(VIDEO + b"more")
    with pytest.raises(MediaChanged, match="its size went from 181,084 to 181,088 bytes"):
        probe.open(media)
