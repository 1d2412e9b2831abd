"""What these tests publish, where, and what exists when it was published once."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from medusa.sandbox import Sandbox

MIB = 1024 * 1024
SIZE = 4 * MIB
"""Bytes: more than one block of every platform."""
OPTIONS: dict[str, Any] = {"processing_s": 0.0, "facebook_window": MIB // 8}
"""Facebook stores whole windows only: here they grow to 1 MiB."""
ASKED: dict[str, dict[str, Any]] = {
    "youtube": {"title": "Talk", "privacy": "unlisted"},
    "vimeo": {"title": "Talk"},
    "facebook": {"message": "Look: {youtube_url}"},
    "native": {"message": "Here in full", "attach_media": True},
}
ONCE = {"youtube": 1, "vimeo": 1, "vimeo unfinished": 0, "facebook": 1, "native": 1, "posts": 2}


def written_config(sandbox: Sandbox, folder: Path, *, database_url: str = "", **facebook: object) -> Path:
    """A config with a file of tasks in this folder or a database, and quick retries; `native` is the Page once more."""
    folder.mkdir(parents=True, exist_ok=True)
    config = sandbox.config(folder)
    config["facebook"].update(facebook)
    config["native"] = {**config["facebook"], "platform": "facebook"}
    patience = {"base_s": 0.01, "cap_s": 0.02, "offline_s": 0.02}
    database = {"database_url": database_url, "key_file": str(folder / "key")}
    config["medusa"] = {
        "engine": database if database_url else {"path": str(folder / "tasks.db")},
        "retry": patience,
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder / "config.json"


def talk(folder: Path, size: int = SIZE) -> Path:
    """The sample, and a hole of so many bytes that says `free`."""
    path = folder / "talk.mp4"
    with resources.as_file(resources.files("medusa") / "sandbox" / "sample.mp4") as sample:
        shutil.copyfile(sample, path)
    if size:
        with path.open("ab") as end:
            end.write((1).to_bytes(4, "big") + b"free" + size.to_bytes(8, "big"))
            end.truncate(end.tell() + size - 16)
    return path


def existing(sandbox: Sandbox) -> dict[str, int]:
    """How many there are of each thing that was asked for: `ONCE` if all is well."""
    state = sandbox.state()
    complete = [one["upload"] == "complete" for one in state["vimeo"]["videos"]]
    posts = [str(post["message"]) for post in state["facebook"]["posts"]]
    return {
        "youtube": len(state["youtube"]["videos"]),
        "vimeo": sum(complete),
        "vimeo unfinished": len(complete) - sum(complete),
        "facebook": sum(message.startswith("Look: ") for message in posts),
        "native": sum(message.startswith(ASKED["native"]["message"]) for message in posts),
        "posts": len(posts),
    }
