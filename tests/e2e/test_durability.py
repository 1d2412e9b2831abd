"""What must be on disk before something becomes visible is on disk then: a real process's system calls, in order."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medusa import MedusaCore
from medusa.sandbox import Sandbox
from tests.e2e.child import Order
from tests.e2e.instants import Instant
from tests.e2e.processes import Processes
from tests.e2e.talk import OPTIONS, talk, written_config
from tests.support import require

CALLS = "trace=pwrite64,fdatasync,fsync,sendto"
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\((.*)| resumed>.*)")


@dataclass(frozen=True, slots=True)
class Called:
    """A system call: as it begins, or as it returns."""

    name: str
    what: str
    returned: bool

    @property
    def writes(self) -> bool:
        """It writes to the log of the file of tasks."""
        return self.name == "pwrite64" and "tasks.db-wal>" in self.what

    @property
    def syncs(self) -> bool:
        """From here on all that was written to it before is on disk."""
        return self.name in ("fdatasync", "fsync") and "tasks.db-wal>" in self.what and self.returned


@dataclass
class Tracer:
    """Runs one process on a sandbox and notes its system calls."""

    sandbox: Sandbox
    directory: Path

    def run(self, asked: dict[str, dict[str, Any]], at: Instant | None = None) -> list[Called]:
        config = written_config(self.sandbox, self.directory)
        media = "" if "facebook" in asked else str(talk(self.directory, size=0))
        order = Order(str(config), str(self.directory / "out"), media, asked, at=at)
        trace = self.directory / "trace"
        with Processes(
            ["strace", "-f", "-qq", "-yy", "-s", "100", "-e", CALLS, "-e", "signal=none", "-o", str(trace)]
        ) as run:
            answer = run.carry_out(order)
        assert (answer is None) is bool(at), answer
        return list(_called(trace.read_text()))

    def step(self, name: str) -> Any:
        """The step as the process has left it."""
        with MedusaCore(config_file=self.directory / "config.json", resume=False) as medusa:
            (task,) = medusa.list_tasks()
            return next(step for step in task.steps if step.name == name)


@pytest.fixture
def tracer(tmp_path: Path) -> Iterator[Tracer]:
    require(shutil.which("strace"), "install strace (apt-get install strace) to see what is on disk before each send")
    with Sandbox(options=OPTIONS) as sandbox:
        yield Tracer(sandbox, tmp_path)


def _called(trace: str) -> Iterator[Called]:
    begun: dict[tuple[str, str], str] = {}
    for line in trace.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, name, what = found.groups()
        if what is None:
            yield Called(name, begun.pop((thread, name)), returned=True)
            continue
        yield Called(name, what, returned=False)
        if what.endswith("<unfinished ...>"):
            begun[thread, name] = what
        else:
            yield Called(name, what, returned=True)


def is_all_on_disk(before: list[Called]) -> bool:
    """Whether all writes have begun and ended before a sync began that has ended."""
    unsynced = False
    for call in before:
        unsynced = call.writes or (unsynced and not call.syncs)
    return not unsynced


def sends(calls: list[Called]) -> list[int]:
    """Where bytes begin to go out."""
    return [
        place
        for place, call in enumerate(calls)
        if call.name == "sendto" and "<TCP:" in call.what and not call.returned
    ]


@pytest.mark.parametrize(
    ("asked", "step", "request_line"),
    [
        ({"facebook": {"message": "It is out"}}, "post", r'"POST /\S+/feed'),
        ({"native": {"message": "Here in full", "attach_media": True}}, "post", r'"POST /\S+/videos'),
    ],
    ids=["feed post", "finish of a video"],
)
def test_an_intent_is_on_disk_before_the_first_byte_of_its_send(
    tracer: Tracer, asked: dict[str, dict[str, Any]], step: str, request_line: str
) -> None:
    calls = tracer.run(asked, at=Instant("send", 1, "after"))
    assert tracer.step(step).intent is not None
    assert not tracer.step(step).succeeded
    first = max(place for place in sends(calls) if re.search(request_line, calls[place].what))
    earlier = max(place for place in sends(calls) if place < first)
    assert any(call.writes for call in calls[earlier:first])
    assert is_all_on_disk(calls[:first])


def test_that_a_video_may_be_public_is_on_disk_before_its_last_block(tracer: Tracer) -> None:
    calls = tracer.run({"youtube": {"title": "Talk", "privacy": "public", "wait_until_processed": False}})
    *_, earlier, last = sends(calls)
    puts = [place for place in sends(calls) if '"PUT /upload' in calls[place].what]
    assert puts[-1] < earlier, "it is several blocks long"
    assert any(call.writes for call in calls[earlier:last])
    assert is_all_on_disk(calls[:last])


def test_what_is_not_on_disk_is_noticed() -> None:
    """The look at the calls is able to fail."""
    write, sync = '7</t/tasks.db-wal>, "x", 1, 0) = 1', "7</t/tasks.db-wal>) = 0"
    begun, done = "7</t/tasks.db-wal> <unfinished ...>", Called("fdatasync", sync, returned=True)
    assert is_all_on_disk([Called("pwrite64", write, returned=True), done])
    assert not is_all_on_disk([done, Called("pwrite64", write, returned=True)])
    assert not is_all_on_disk([Called("pwrite64", write, returned=True), Called("fdatasync", begun, returned=False)])
