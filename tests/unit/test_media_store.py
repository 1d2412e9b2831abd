"""The media store without a network: when what is removed, and what is found again after a crash."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from medusa.config import BoundSettings, MediaSettings
from medusa.daemon.errors import Refused
from medusa.daemon.media_store import SETTLED_S, Header, MediaStore
from medusa.daemon.receiving import Writer

HOUR = 3600.0
HEADER = Header("a" * 32, "film.mp4", 10, "")


@dataclass
class Bench:
    """A store whose time moves by hand, and tasks that end by hand."""

    folder: Path
    later_s: float = 0.0
    ended: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store = self.opened()

    def opened(self) -> MediaStore:
        settings = MediaSettings(keep_hours=24.0)
        return MediaStore(self.folder, settings, BoundSettings(), lambda: self.newest() + self.later_s)

    def newest(self) -> float:
        """Files get their times from the system, so that the store's clock begins there."""
        return max((path.stat().st_mtime for path in self.folder.rglob("*")), default=0.0)

    def upload(self, content: bytes = b"0123456789") -> None:
        writer = Writer(self.store, "web", HEADER, 0)
        writer.open()
        writer.append(content)
        writer.finish()
        writer.close()

    def sweep(self, later_s: float = 0.0) -> None:
        self.later_s = later_s
        self.store.sweep(self.ended.__contains__, self.done.__contains__)

    def there(self) -> bool:
        try:
            self.store.standing("web", HEADER.media_id)
        except Refused:
            assert list(self.folder.iterdir()) == []
            return False
        return True


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "media")


@pytest.mark.parametrize("content", [b"01234", b"0123456789"])
def test_what_nobody_uses_goes_after_its_time(bench: Bench, content: bytes) -> None:
    bench.upload(content)
    bench.sweep(24 * HOUR - 1)
    assert bench.there()
    bench.sweep(24 * HOUR)
    assert not bench.there()


def test_what_a_task_needs_stays_until_that_is_over(bench: Bench) -> None:
    bench.upload()
    bench.store.used("web", HEADER.media_id, "t1")
    bench.sweep(240 * HOUR)
    assert bench.there(), "the task has not ended"
    bench.ended.add("t1")
    bench.sweep(HOUR)
    assert bench.there(), "it failed: it may be retried"
    bench.sweep(24 * HOUR)
    assert not bench.there()


def test_what_all_its_tasks_are_done_with_goes_when_no_call_is_repeated_any_more(bench: Bench) -> None:
    bench.upload()
    for task_id in ("t1", "t2"):
        bench.store.used("web", HEADER.media_id, task_id)
    bench.done = bench.ended = {"t1"}
    bench.sweep(SETTLED_S)
    assert bench.there()
    bench.done = bench.ended = {"t1", "t2"}
    bench.sweep(SETTLED_S - 1)
    assert bench.there()
    with bench.store.lent("web", HEADER.media_id) as file:
        bench.sweep(SETTLED_S)
        assert file.read_bytes() == b"0123456789", "a request is just being made with it"
    bench.sweep(SETTLED_S)
    assert not bench.there()


def test_whose_upload_is_removed_meanwhile_is_told(bench: Bench) -> None:
    bench.upload(b"")
    writer = Writer(bench.store, "web", HEADER, 0)
    writer.open()
    bench.sweep(24 * HOUR)
    with pytest.raises(Refused, match="it was removed"):
        writer.append(b"0")
    writer.close()
    bench.upload()
    assert bench.there()


def test_tasks_and_bytes_are_known_after_a_restart(bench: Bench) -> None:
    bench.upload()
    bench.store.used("web", HEADER.media_id, "t1")
    bench.store = bench.opened()
    standing = bench.store.standing("web", HEADER.media_id)
    assert (standing.complete, standing.offset, standing.upload.tasks) == (True, 10, ("t1",))


def _no_json(about: Path) -> None:
    about.write_text("{")


def _of_a_later_version(about: Path) -> None:
    about.write_text('{"header": {"media_id": "a", "colour": "red"}, "owner": "web", "tasks": []}')


def _no_object(about: Path) -> None:
    about.write_text("[]")


@pytest.mark.parametrize("damage", [_no_json, _of_a_later_version, _no_object])
def test_what_cannot_be_read_is_left_alone(bench: Bench, damage: Callable[[Path], None]) -> None:
    bench.upload()
    (about,) = bench.folder.glob("*/about.json")
    damage(about)
    bench.store = bench.opened()
    bench.sweep(240 * HOUR)
    assert about.exists()
    bench.upload()


def test_nobody_else_can_read_it(bench: Bench) -> None:
    previous = os.umask(0)
    try:
        bench.upload()
    finally:
        os.umask(previous)
    folders = [path for path in (bench.folder, *bench.folder.rglob("*")) if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert stat.S_IMODE(next(bench.folder.glob("*/file/film.mp4")).stat().st_mode) == 0o600
