"""A task in a process of its own that dies by SIGKILL at the k-th request, and fresh processes that go on with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from medusa.sandbox import Sandbox

MIB = 1024 * 1024
SIZE = 6 * MIB
WITHIN_S = 60.0
"""Far more than a process needs: one that hangs fails the test."""
KEY = "talk-1"
ASKED: dict[str, dict[str, Any]] = {
    "youtube": {"title": "Talk", "privacy": "unlisted"},
    "vimeo": {"title": "Talk"},
    "facebook": {"message": "Look: {youtube_url}"},
    "native": {"message": "Here in full", "attach_media": True},
}
CHILD = textwrap.dedent(
    """
    import json, sys
    from medusa import MedusaCore, container
    from medusa.adapters.platforms.facebook import limits, reads
    from medusa.adapters.platforms.vimeo import video as vimeo_video
    from medusa.adapters.platforms.youtube import ready, video

    limits.READ_LAG_S, reads.POLLS_S = (0.0, 0.0), (0.0,)  # the sandbox shows everything at once
    vimeo_video.LISTED_AFTER_S = video.LONGEST_WAIT_S = ready.LONGEST_WAIT_S = 0.0
    container.Container.ports.add_kwargs(send_within_s=0.3)

    config, act, *given = sys.argv[1:]
    medusa = MedusaCore(config_file=config)
    if act == "publish":
        media, asked, key = given
        asked = json.loads(asked)
        medusa.publish_async(media_file=media, platforms=list(asked), metadata=asked, idempotency_key=key)
    (task,) = medusa.list_tasks()
    if act == "settle":
        medusa.resolve(task.id, posted=given[0] or None)
    reply = medusa.wait(task.id)
    unsure = [step.target for step in medusa.get_task(task.id).steps
              if step.failure and step.failure.kind.name == "OUTCOME_UNKNOWN"]
    print(json.dumps([reply, unsure]))
    medusa.close()
    """
)


@dataclass(frozen=True, slots=True)
class Kill:
    """When the process dies."""

    request: int
    """It is killed once so many requests have arrived."""
    fault: dict[str, Any] | None = None
    """What holds this request up meanwhile, so that the kill hits a certain place of it."""

    def __str__(self) -> str:
        return f"request {self.request}, {self.fault or 'on arrival'}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was there after the last process."""

    kill: Kill
    struck: str
    """What the request was that the process died at; empty if it had ended before."""
    replies: tuple[dict[str, Any], ...]
    unsure: tuple[str, ...]
    """Targets whose post was settled by hand, as a user would, by looking at the platform."""
    exist: dict[str, int]
    sent_again: int
    """Bytes of media that reached the platform more than once, and what is around them."""


class Bench:
    """One sandbox, and a folder with a config, a media file and the file of tasks, anew for each task."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs = 0
        self.sandbox = Sandbox(options={"processing_s": 0.0})

    def kill(self, kill: Kill | None) -> Outcome:
        """Publish, die, go on; without `kill`, publish only."""
        self.sandbox.reset()
        folder = self._folder()
        publishing = _child(folder, "publish", str(folder / "talk.mp4"), json.dumps(ASKED), KEY)
        struck = self._strike(publishing, kill) if kill else ""
        self.sandbox.clear_faults()
        replies = [_said(publishing)] if not struck else [_said(_child(folder, "resume"))]
        unsure: list[str] = []
        while replies[-1][1] and len(unsure) < len(ASKED):
            unsure += replies[-1][1]
            replies.append(_said(_child(folder, "settle", self._found(replies[-1][1][0]))))
        told = tuple(reply for reply, _ in replies)
        return Outcome(kill or Kill(0), struck, told, tuple(unsure), self._exist(), self._sent() - 3 * _size(folder))

    def _strike(self, process: subprocess.Popen[str], kill: Kill) -> str:
        if kill.fault:
            self.sandbox.fault(platform="*", operation="*", skip=kill.request - 1, **kill.fault)
        while process.poll() is None:
            try:
                self.sandbox.wait_for("*", "*", count=kill.request, timeout=1.0)
            except TimeoutError:
                continue
            self._until_held_up(kill)
            process.kill()
            process.communicate()
            record = self.sandbox.log()[kill.request - 1]
            return f"{record['platform']} {record['operation']}"
        return ""

    def _until_held_up(self, kill: Kill) -> None:
        """Until the request has come as far as its fault lets it."""
        deadline = time.monotonic() + 2.0
        while kill.fault and time.monotonic() < deadline:
            record = self.sandbox.log()[kill.request - 1]
            length = int(record["headers"].get("content-length", 0))
            if record["received"] >= min(length, kill.fault.get("after", length)):
                return

    def _folder(self) -> Path:
        self._runs += 1
        folder = self._directory / str(self._runs)
        folder.mkdir(parents=True)
        config = self.sandbox.config(folder)
        config["native"] = {**config["facebook"], "platform": "facebook"}
        patience = {"base_s": 0.01, "cap_s": 0.02, "offline_s": 0.02}
        config["medusa"] = {"engine": {"path": str(folder / "tasks.db")}, "retry": patience}
        (folder / "config.json").write_text(json.dumps(config))
        _media(folder / "talk.mp4")
        return folder

    def _found(self, target: str) -> str:
        """The post's id, as a person finds it on the Page; empty if it is not there."""
        message = ASKED[target]["message"].partition("{")[0]
        posts = self.sandbox.state()["facebook"]["posts"]
        return next((post["id"] for post in posts if str(post["message"]).startswith(message)), "")

    def _exist(self) -> dict[str, int]:
        state = self.sandbox.state()
        complete = [video["upload"] == "complete" for video in state["vimeo"]["videos"]]
        posts = [str(post["message"]) for post in state["facebook"]["posts"]]
        return {
            "youtube": len(state["youtube"]["videos"]),
            "vimeo": sum(complete),
            "vimeo unfinished": len(complete) - sum(complete),
            "facebook": sum(message.startswith("Look: ") for message in posts),
            "native": sum(message.startswith(ASKED["native"]["message"]) for message in posts),
            "posts": len(posts),
        }

    def _sent(self) -> int:
        return sum(record["received"] for record in self.sandbox.log() if record["received"] > 65_536)


def _media(path: Path) -> None:
    """The sample, and a hole that says `free`: more than one block of every platform."""
    with resources.as_file(resources.files("medusa") / "sandbox" / "sample.mp4") as sample:
        shutil.copyfile(sample, path)
    with path.open("ab") as end:
        end.write((1).to_bytes(4, "big") + b"free" + SIZE.to_bytes(8, "big"))
        end.truncate(end.tell() + SIZE - 16)


def _size(folder: Path) -> int:
    return (folder / "talk.mp4").stat().st_size


def _child(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder / "config.json"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _said(process: subprocess.Popen[str]) -> tuple[dict[str, Any], list[str]]:
    """The last reply, and the targets whose outcome is unknown. Raises AssertionError when it did not end well."""
    try:
        out, errors = process.communicate(timeout=WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it has not ended: {process.communicate()}") from None
    assert (process.returncode, errors) == (0, ""), errors
    reply, unsure = json.loads(out)
    return reply, unsure
