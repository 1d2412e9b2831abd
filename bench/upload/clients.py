"""The clients that are compared, all driven alike: an order, and what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.upload.sink import Sink


@dataclass(frozen=True)
class Cost:
    """What an upload took from its client's process. Memory and threads are known of the workers alone."""

    cpu_s: float
    rise_mb: float = 0.0
    resting_mb: float = 0.0
    threads: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds by the threads' names."""


class Client(Protocol):
    """Uploads files at once, if it can, and returns when all have arrived."""

    def upload(self, files: Sequence[Path]) -> Cost: ...


def environment(bundle: Path) -> dict[str, str]:
    """Ours without proxies, trusting the sink; Python may keep what it has compiled, as it does for users."""
    unwanted = [name for name in os.environ if name.lower().endswith("_proxy") or name == "PYTHONDONTWRITEBYTECODE"]
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(bundle))}


class Worker:
    """One of worker.py, running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def upload(self, files: Sequence[Path]) -> Cost:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"files": [str(file) for file in files]}) + "\n")
        self._process.stdin.flush()
        return Cost(**json.loads(self._process.stdout.readline()))


@contextmanager
def started(name: str, origin: str, folder: Path, inside: Sequence[str] = ()) -> Iterator[Worker]:
    """A worker for NAME, run by the command `inside` if one is given."""
    program = "from bench.upload.worker import main; main()"
    command = [*inside, sys.executable, "-c", program, name, origin, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(folder / "ca.pem")
    ) as process:
        yield Worker(process)
        process.communicate()


def run(command: Sequence[str], folder: Path) -> Cost:
    """A program from its start to its end."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment(folder / "ca.pem")) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(used.ru_utime + used.ru_stime)


@dataclass(frozen=True)
class Curl:
    """`curl -T`; several files at once by `curl -Z`."""

    sink: Sink
    folder: Path
    tls: bool = True
    inside: Sequence[str] = ()

    def upload(self, files: Sequence[Path]) -> Cost:
        many = ["-Z", "--parallel-max", str(len(files))] if len(files) > 1 else []
        told = [word for n, file in enumerate(files) for word in ("-T", str(file), f"{self.sink.origin(self.tls)}/{n}")]
        return run([*self.inside, "curl", "-sS", "--no-progress-meter", "--http1.1", *many, *told], self.folder)


@dataclass(frozen=True)
class Rclone:
    """`rclone copyto`, to WebDAV."""

    sink: Sink
    folder: Path
    tls: bool = True

    def upload(self, files: Sequence[Path]) -> Cost:
        (file,) = files
        where = ["--webdav-url", f"{self.sink.origin(self.tls)}/dav", "--ca-cert", str(self.folder / "ca.pem")]
        name = os.urandom(4).hex()
        return run(["rclone", "--config", "", "-q", *where, "copyto", str(file), f":webdav:{name}.mp4"], self.folder)
