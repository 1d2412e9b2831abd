"""Opening media files: regular ones only, and nothing outside the folders that may be read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa.adapters.files import found, opened
from medusa.domain.failures import MediaError
from medusa.domain.values import Media

FILM = b"a film"
SECRET = b"the keys of the kingdom"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a film in a folder of it; beside it, a secret."""
    (tmp_path / "root" / "talks").mkdir(parents=True)
    (tmp_path / "root" / "talks" / "film.mp4").write_bytes(FILM)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    return tmp_path / "root"


def content(media: Media) -> bytes:
    with opened(media) as file:
        return file.read()


def refusal(uri: str | Path, *roots: Path) -> str:
    with pytest.raises(MediaError) as refused:
        found(Media.named(str(uri)), roots)
    return str(refused.value)


# ---------------------------------------------------------------- what is read


def test_a_file_beneath_a_root_is_read(root: Path) -> None:
    media = found(Media.named(str(root / "talks" / "film.mp4")), [root])
    assert (media.uri, media.beneath) == (str(root / "talks" / "film.mp4"), str(root))
    assert content(media) == FILM


def test_a_relative_path_is_taken_from_the_first_root(root: Path, tmp_path: Path) -> None:
    assert content(found(Media.named("talks/film.mp4"), [root, tmp_path / "outside"])) == FILM


def test_links_within_the_roots_are_followed(root: Path) -> None:
    (root / "latest.mp4").symlink_to("talks/film.mp4")
    (root / "absolute").symlink_to(root / "talks")
    for name in ("latest.mp4", "absolute/film.mp4"):
        media = found(Media.named(name), [root])
        assert media.uri == str(root / "talks" / "film.mp4")
        assert content(media) == FILM


def test_a_root_may_be_a_link_and_named_either_way(root: Path, tmp_path: Path) -> None:
    (tmp_path / "media").symlink_to(root)
    for name in (tmp_path / "media", root):
        assert content(found(Media.named(str(name / "talks" / "film.mp4")), [tmp_path / "media"])) == FILM


def test_without_roots_a_file_may_lie_anywhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    media = found(Media.named("../outside/secret"), [])
    assert media.beneath == ""
    assert content(media) == SECRET


# ---------------------------------------------------------------- what is not


def _up(root: Path) -> str:
    return f"{root}/talks/../../outside/secret"


def _up_within(root: Path) -> str:
    return f"{root}/talks/../talks/film.mp4"


def _relative(root: Path) -> str:
    return "../outside/secret"


def _linked_file(root: Path) -> str:
    (root / "link.mp4").symlink_to(root.parent / "outside" / "secret")
    return "link.mp4"


def _linked_folder(root: Path) -> str:
    (root / "link").symlink_to("../outside")
    return "link/secret"


def _linked_to_nothing(root: Path) -> str:
    (root / "link.mp4").symlink_to(root.parent / "outside" / "nothing")
    return "link.mp4"


def _linked_back(root: Path) -> str:
    (root.parent / "outside" / "back").symlink_to(root)
    return f"{root.parent}/outside/back/talks/film.mp4"


def _proc(root: Path) -> str:
    return f"/proc/self/root{root}/talks/film.mp4"


def _proc_link(root: Path) -> str:
    (root / "self").symlink_to("/proc/self/root")
    return f"self{root.parent}/outside/secret"


def _beside(root: Path) -> str:
    (root.parent / "root-of-another").write_bytes(SECRET)
    return f"{root.parent}/root-of-another"


def _not_there(root: Path) -> str:
    return f"{root.parent}/outside/nothing"


OUTSIDE: tuple[Callable[[Path], str], ...] = (
    _up,
    _up_within,
    _relative,
    _linked_file,
    _linked_folder,
    _linked_to_nothing,
    _linked_back,
    _proc,
    _proc_link,
    _beside,
    _not_there,
)


@pytest.mark.parametrize("way", OUTSIDE)
def test_no_way_leads_out_and_none_tells_what_is_there(root: Path, way: Callable[[Path], str]) -> None:
    uri = way(root)
    assert refusal(uri, root) == f"{uri} is outside the folders that may be read here"


@pytest.mark.parametrize("roots", [True, False])
def test_what_is_no_regular_file_is_refused_and_holds_nobody_up(root: Path, roots: bool) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
    (root / "loop").symlink_to("loop")
    for name, says in {
        "fifo": "is not a regular file",
        "talks": "is a directory",
        "socket": "cannot be looked at: no such device or address",
    }.items():
        assert refusal(root / name, *([root] if roots else [])) == f"{root / name} {says}"
    for name in ("loop", "nothing.mp4", "nothing/film.mp4", "talks/film.mp4/more"):
        assert refusal(root / name, *([root] if roots else [])) == f"there is no file {root / name}"
    assert "NUL" in refusal(f"{root}/a\0b", *([root] if roots else []))
    assert "cannot be looked at: file name too long" in refusal(root / ("x" * 5000), *([root] if roots else []))
    assert "is a directory" in refusal(root, *([root] if roots else []))


def test_a_device_is_refused() -> None:
    assert refusal("/dev/null") == "/dev/null is not a regular file"
    assert refusal("/dev/null", Path("/dev")) == "/dev/null is not a regular file"


# ---------------------------------------------------------------- between two opens


def _file_becomes_a_link(root: Path) -> None:
    (root / "talks" / "film.mp4").unlink()
    (root / "talks" / "film.mp4").symlink_to(root.parent / "outside" / "secret")


def _folder_becomes_a_link(root: Path) -> None:
    (root / "talks").rename(root / "old")
    (root.parent / "outside" / "film.mp4").write_bytes(SECRET)
    (root / "talks").symlink_to(root.parent / "outside")


def _file_becomes_a_fifo(root: Path) -> None:
    (root / "talks" / "film.mp4").unlink()
    os.mkfifo(root / "talks" / "film.mp4")


@pytest.mark.parametrize("change", [_file_becomes_a_link, _folder_becomes_a_link, _file_becomes_a_fifo])
def test_what_was_found_does_not_lead_elsewhere_later(root: Path, change: Callable[[Path], None]) -> None:
    media = found(Media.named("talks/film.mp4"), [root])
    change(root)
    with pytest.raises(MediaError, match=r"film\.mp4 (cannot be read|is not a regular file)") as refused:
        opened(media)
    assert str(root) not in str(refused.value)


def test_an_open_that_fails_leaves_no_descriptor(root: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for name in ("talks", "nothing", "talks/film.mp4/more"):
        refusal(name, root)
    with opened(found(Media.named("talks/film.mp4"), [root])):
        pass
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_file_that_is_gone_is_told(root: Path) -> None:
    media = found(Media.named("talks/film.mp4"), [root])
    (root / "talks" / "film.mp4").unlink()
    with pytest.raises(MediaError, match=r"^film\.mp4 cannot be read: no such file or directory$"):
        opened(media)
