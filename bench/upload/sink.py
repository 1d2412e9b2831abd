"""The server that throws uploads away (sink.c), compiled and run; it tells when each upload began and ended."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import trustme

HERE = Path(__file__).parent
PATIENCE_S = 300.0


class Upload(NamedTuple):
    """One upload as the server saw it; seconds of the steady clock."""

    size: int
    first: float
    """When its first byte arrived."""
    last: float
    """Just before the final reply."""


def compiled(name: str, folder: Path, *libraries: str) -> Path:
    """The program made from NAME.c. Raises CalledProcessError."""
    program = folder / name
    source = str(HERE / f"{name}.c")
    command = ["cc", "-O2", "-w", "-pthread", "-o", str(program), source, *(f"-l{library}" for library in libraries)]
    if not program.exists():
        subprocess.run(command, check=True)
    return program


def certified(folder: Path, *names: str) -> Path:
    """A folder's ca.pem, cert.pem and key.pem for these addresses; the first of them."""
    authority = trustme.CA()
    certificate = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    return folder / "ca.pem"


class Sink:
    """A running one."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        assert process.stdout
        lines = process.stdout
        self._ports = dict(lines.readline().split() for _ in range(2))
        self._address = address
        self._told: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(lines,), daemon=True).start()

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._told.put(line)

    def origin(self, tls: bool) -> str:
        """Where it listens."""
        return (
            f"https://{self._address}:{self._ports['tls']}" if tls else f"http://{self._address}:{self._ports['plain']}"
        )

    def uploads(self, count: int = 1) -> list[Upload]:
        """The next uploads that are complete."""
        told = [self._told.get(timeout=PATIENCE_S).split() for _ in range(count)]
        return [Upload(int(size), float(first), float(last)) for _, size, first, last in told]


@contextmanager
def sink(folder: Path, *, address: str = "127.0.0.1", commit_ms: int = 0, inside: Sequence[str] = ()) -> Iterator[Sink]:
    """A sink with the folder's certificate, run by the command `inside` if one is given."""
    program = compiled("sink", folder, "ssl", "crypto")
    command = [*inside, str(program), address, str(folder / "cert.pem"), str(folder / "key.pem"), str(commit_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Sink(process, address)
        finally:
            process.kill()
