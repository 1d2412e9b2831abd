"""`medusa demo`: the main job from end to end, over HTTP, on this machine."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medusa.cli.ending import say
from medusa.cli.publish import exit_status, follow, tell
from medusa.cli.sandbox import running, until_interrupted
from medusa.cli.views import view
from medusa.core import MedusaCore
from medusa.domain.task import Task, TaskStatus, status_reply

if TYPE_CHECKING:
    from medusa.sandbox import Sandbox

PADDING: Final = 24_000_000
"""Bytes."""
METADATA: Final = {
    "youtube": {
        "title": "Tech Talk 2024",
        "description": "Published by one call, to three platforms.",
        "privacy": "unlisted",
        "tags": ["demo", "test"],
    },
    "vimeo": {"title": "Tech Talk 2024", "privacy": "private"},
    "facebook": {"message": "My latest tech presentation: {youtube_url}"},
}


def demo(*, stay: bool) -> int:
    """Publish the sample to all platforms of a sandbox; the exit status."""
    with tempfile.TemporaryDirectory(prefix="medusa-demo-") as directory:
        room = Path(directory)
        with running(keep=room / "received") as sandbox:
            config = room / "medusa_config.json"
            sandbox.write_config(config)
            _slow_down(sandbox)
            say(f"A sandbox of YouTube, Vimeo and Facebook runs at {sandbox.url}")
            task = _publish(room, config)
            if task.status is TaskStatus.COMPLETED:
                print(json.dumps(status_reply(task), indent=2), flush=True)
                _look(f"{sandbox.url}/", stay)
            else:
                tell(task, lasting=False)
    return exit_status(task)


def _publish(room: Path, config: Path) -> Task:
    with MedusaCore(config_file=config) as core:
        task_id = core.publish_async(_sample(room), list(METADATA), METADATA)
        return follow(core, task_id, view())


def _sample(room: Path) -> Path:
    """A copy of the video that ships in the package, padded with an empty box, which players skip (ISO 14496-12)."""
    copy = room / "tech_talk.mp4"
    with as_file(files("medusa.sandbox") / "sample.mp4") as sample:
        shutil.copyfile(sample, copy)
    with copy.open("ab") as file:
        file.write(PADDING.to_bytes(4) + b"free" + bytes(PADDING - 8))
    return copy


def _slow_down(sandbox: Sandbox) -> None:
    """A line as slow as a good one at home, so that there is something to watch."""
    sandbox.fault(platform="youtube", operation="video.bytes", kind="slow", bytes_per_s=PADDING // 3, times=-1)
    sandbox.fault(platform="vimeo", operation="tus.patch", kind="slow", bytes_per_s=PADDING // 4, times=-1)


def _look(page: str, stay: bool) -> None:
    if stay and sys.stdout.isatty():
        say(f"Look at what got published: {page}\nStop it with Ctrl-C.")
        until_interrupted()
    else:
        say(f"What got published was to be seen at {page} while the sandbox ran. To keep it up: medusa demo --stay")
