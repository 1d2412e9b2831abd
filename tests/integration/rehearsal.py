"""MedusaCore against a sandbox over real HTTP: the fixtures, and what tests of that have in common."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.sandbox import Sandbox
from tests.pauses import skip_pauses

SAMPLE = Path(__file__).parents[2] / "medusa/sandbox/sample.mp4"
MIB = 1024 * 1024
WITHIN_S = 20.0
"""Far more than any of these tasks needs: a hang fails instead of blocking the suite."""
QUICK = {"attempts": 3, "base_s": 0.01, "cap_s": 0.02, "offline_s": 0.02, "give_up_after_s": 20}
PUBLIC: Mapping[str, Mapping[str, Any]] = {
    "youtube": {"title": "Talk", "privacy": "unlisted"},
    "vimeo": {"title": "Talk"},
    "facebook": {"message": "Look: {youtube_url}"},
}
"""What the platforms are asked for where a test does not care."""
Reply = dict[str, Any]


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Sandbox]:
    with Sandbox(options={"processing_s": 0.0}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(rehearsal: Sandbox) -> Sandbox:
    rehearsal.reset()
    return rehearsal


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What adapters let pass because real platforms are slow to show things passes at once."""
    skip_pauses(monkeypatch.setattr)


MakeMedusa = Callable[..., MedusaCore]


@pytest.fixture
def make_medusa(sandbox: Sandbox, tmp_path: Path, no_pauses: None) -> Iterator[MakeMedusa]:
    """Makes a MedusaCore on the sandbox's config: `via` is another address of it, `blocks` are changed settings."""
    cores: list[MedusaCore] = []

    def make(via: str = "", **blocks: Mapping[str, Any]) -> MedusaCore:
        text = json.dumps(sandbox.config(tmp_path))
        config = json.loads(text.replace(sandbox.url, via or sandbox.url))
        for key, block in {"medusa": {"retry": QUICK}, **blocks}.items():
            config[key] = {**config.get(key, {}), **block}
        cores.append(MedusaCore(config=config))
        return cores[-1]

    yield make
    for core in cores:
        for task in core.list_tasks():
            core.cancel(task.id)
        core.close(WITHIN_S)


@pytest.fixture
def medusa(make_medusa: MakeMedusa) -> MedusaCore:
    return make_medusa()


def start(core: MedusaCore, *platforms: str, media: Path | None = SAMPLE, **asked: Mapping[str, Any]) -> str:
    """Begin to publish; what is asked of a platform is PUBLIC with the changes in `asked`."""
    metadata = {key: {**PUBLIC.get(key, {}), **asked.get(key, {})} for key in platforms}
    return core.publish_async(media_file=media, platforms=list(platforms), metadata=metadata)


def publish(core: MedusaCore, *platforms: str, **request: Any) -> Reply:
    """Publish and wait for the last reply."""
    return core.wait(start(core, *platforms, **request), WITHIN_S)


def made(sandbox: Sandbox) -> dict[str, int]:
    """How many things exist that a person could come across, and how many unfinished uploads (Vimeo shows them)."""
    state = sandbox.state()
    return {
        "youtube": len(state["youtube"]["videos"]),
        "vimeo": sum(video["upload"] == "complete" for video in state["vimeo"]["videos"]),
        "unfinished": sum(video["upload"] != "complete" for video in state["vimeo"]["videos"]),
        "facebook": len(state["facebook"]["posts"]),
    }


def nothing_but(**things: int) -> dict[str, int]:
    """What `made` gives when only these exist."""
    return {"youtube": 0, "vimeo": 0, "unfinished": 0, "facebook": 0, **things}


def operations(sandbox: Sandbox, platform: str) -> list[str]:
    """What was asked of the platform, in order."""
    return [record["operation"] for record in sandbox.log() if record["platform"] == platform]


def large(directory: Path, size: int = 24 * MIB) -> Path:
    """A sound MP4 file of at least `size` bytes, more than sockets take in: the sample, and a hole that says `free`."""
    file = directory / "large.mp4"
    shutil.copyfile(SAMPLE, file)
    with file.open("ab") as end:
        end.write((1).to_bytes(4, "big") + b"free" + size.to_bytes(8, "big"))
    os.truncate(file, SAMPLE.stat().st_size + size)
    return file


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A PNG of one red pixel."""
    row = zlib.compress(b"\x00\xff\x00\x00")
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    file = tmp_path / "picture.png"
    chunks = ((b"IHDR", header), (b"IDAT", row), (b"IEND", b""))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))
    return file


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
