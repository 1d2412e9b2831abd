"""The bytes that an adapter reads: all of the span, of the very file, until it is stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import pytest

from medusa.domain.failures import MediaChanged, Stopped
from medusa.domain.values import Media, Span
from medusa.runner.body import LAST_BLOCK, FileBody

CONTENT = bytes(range(100))


@dataclass
class Film:
    """A file, and what its bodies tell."""

    path: Path
    content: bytes = CONTENT
    media: Media = field(init=False)
    takes: list[int] = field(default_factory=list)
    """How much was asked for, each time."""
    grain: int = 1000
    """How much may go at once."""
    lasts: list[int] = field(default_factory=list)
    """How much had been read when the last block was asked for."""
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.path.write_bytes(self.content)
        status = self.path.stat()
        self.media = Media(str(self.path), status.st_size, f"{status.st_size}:{status.st_mtime_ns}:hash")

    def body(self, start: int = 0, stop: int = 100) -> FileBody:
        body = FileBody(
            FileIO(self.path),
            self.media,
            Span(start, stop),
            self.stopped,
            take=self._take,
            before_last=lambda: self.lasts.append(body.offset),
        )
        return body

    def _take(self, want: int) -> int:
        self.takes.append(want)
        return min(want, self.grain)


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return Film(tmp_path / "film.mp4")


def read(body: FileBody, block: int = 30) -> bytes:
    view, content = bytearray(block), bytearray()
    while count := body.readinto(memoryview(view)):
        content += view[:count]
    return bytes(content)


@pytest.mark.parametrize(("start", "stop"), [(0, 100), (10, 70), (99, 100), (0, 30), (50, 50)])
@pytest.mark.parametrize("block", [1, 30, 1000])
def test_it_gives_its_span_and_no_more(film: Film, start: int, stop: int, block: int) -> None:
    body = film.body(start, stop)
    assert len(body) == stop - start
    assert read(body, block) == CONTENT[start:stop]
    assert body.offset == stop
    body.close()


def test_the_last_block_is_small_however_much_is_asked_for(tmp_path: Path) -> None:
    """Only in it is there doubt whether an upload took effect, so that of a small file too it is not all."""
    film = Film(tmp_path / "film.mp4", bytes(range(256)) * 64, grain=256 * 1024)
    assert read(film.body(0, 16384), 256 * 1024) == film.content
    assert film.lasts == [16384 - LAST_BLOCK]


def test_the_last_block_is_announced_before_it_is_given(film: Film) -> None:
    read(film.body(), 30)
    assert film.lasts == [90]
    assert film.takes == [30, 30, 30, 10]


def test_it_gives_no_more_than_may_go(film: Film) -> None:
    film.grain = 7
    view = memoryview(bytearray(30))
    body = film.body(0, 10)
    assert [body.readinto(view) for _ in range(3)] == [7, 3, 0]
    assert film.lasts == [7], "the last block is the one that ends the span"
    assert film.takes == [10, 3]


def _shorter(path: Path) -> None:
    os.truncate(path, 50)


def _longer(path: Path) -> None:
    path.write_bytes(CONTENT * 2)


def _modified(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_shorter, "film.mp4 got shorter while it was sent"),
        (_longer, "film.mp4 changed while it was sent: its size went from 100 to 200 bytes"),
        (_modified, "film.mp4 changed while it was sent: it was modified"),
    ],
)
def test_a_file_that_changes_while_it_is_sent_is_told(film: Film, change: Callable[[Path], None], says: str) -> None:
    body = film.body()
    view = bytearray(40)
    body.readinto(memoryview(view))
    change(film.path)
    with pytest.raises(MediaChanged) as told:
        read(body, 40)
    assert str(told.value) == says
    assert film.lasts == [], "the last block of a changed file is never handed out"
    body.close()


def test_an_open_file_that_is_deleted_is_read_to_its_end(film: Film) -> None:
    body = film.body()
    film.path.unlink()
    assert read(body) == CONTENT


def test_it_ends_when_it_is_stopped(film: Film) -> None:
    body = film.body()
    body.readinto(memoryview(bytearray(10)))
    film.stopped.set()
    with pytest.raises(Stopped):
        body.readinto(memoryview(bytearray(10)))
    body.close()


def test_a_body_that_was_read_to_its_end_has_given_its_file_back(film: Film) -> None:
    body = film.body()
    read(body)
    assert body._file.closed
