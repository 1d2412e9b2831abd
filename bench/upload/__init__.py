"""`python -m bench upload`: a running Medusa against its peers. Takes about ten minutes."""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

from bench.upload import texts
from bench.upload.clients import Client, Cost, Curl, Rclone, Worker, environment, started
from bench.upload.link import FAR, link, what_is_missing
from bench.upload.measure import BASE, Row, compare, turn
from bench.upload.profile import profile
from bench.upload.report import Report, machine, plot
from bench.upload.sink import Sink, certified, sink
from bench.upload.target import medusa_config

GIB, MIB = 2**30, 2**20
MEDUSA, SENDER = "Medusa", "Medusa's sender alone"
PEERS = {
    "google-api-python-client": "googleapiclient",
    "google-api-python-client, one chunk": "googleapiclient_one_chunk",
    "PyVimeo": "pyvimeo",
    "tuspy": "tuspy",
    SENDER: "sender",
    "nothing but the bytes": "fastest",
}
AIMS = {
    BASE: ("1.2 x", "0.85 x"),
    "google-api-python-client": ("2.2 x", "0.45 x"),
    "PyVimeo": ("2 x", "0.45 x"),
    "tuspy": ("3.5 x", "0.25 x"),
}
"""Throughput at least, CPU at most; over TLS."""
LINE = {"round_trip_ms": 50.0}


def run(report: Report, rounds: int = 11, small: int = 5) -> None:
    """Everything; `small` is the number of rounds of what takes long."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certified(folder, "127.0.0.1", FAR)
        report.say("# Benchmarks", f"Written by `make bench`. {machine()}", texts.INTRODUCTION.format(rounds=rounds))
        with sink(folder) as served:
            panels = [_one_upload(report, served, folder, rounds, tls) for tls in (True, False)]
            _profile(report, served, folder)
            _start(report, served, folder, rounds)
            _progress(report, served, folder, small)
            _memory(report, served, folder)
            _many(report, served, folder, rounds, small)
        missing = what_is_missing()
        if missing:
            report.say("## With delay", f"Left out: the line with delay {missing}.")
        else:
            _with_delay(report, folder)
    plot("benchmarks.svg", [panel for pair in panels for panel in pair])


def _film(folder: Path, size: int) -> Path:
    """A real MP4 with a sparse tail, so that even 16 GiB take no disk."""
    path = folder / f"{size // MIB}-MiB.mp4"
    if not path.exists():
        path.write_bytes((resources.files("medusa") / "sandbox" / "sample.mp4").read_bytes())
        with path.open("ab") as file:
            file.truncate(size)
    return path


def _one_upload(report: Report, served: Sink, folder: Path, rounds: int, tls: bool) -> list[tuple[str, list[_Bar]]]:
    kind = "TLS" if tls else "plain HTTP"
    report.say(f"## One upload of 1 GiB, {kind}")
    with ExitStack() as stack:
        clients: dict[str, Client] = {BASE: Curl(served, folder, tls)}
        for name, made in {MEDUSA: "medusa", **PEERS}.items():
            if made == "fastest" and tls and not importlib.util.find_spec("pycurl"):
                continue
            clients[name] = stack.enter_context(started(made, served.origin(tls), folder))
        if shutil.which("rclone"):
            clients["rclone (WebDAV)"] = Rclone(served, folder, tls)
        _warm(clients, served, folder)
        rows = compare(clients, served, [_film(folder, GIB)], rounds)
    report.compared(rows, ("memory above rest, MB", "rise_mb", ".1f"))
    peers = {row.name: row for row in rows}
    against = [name for name in (BASE, *PEERS) if name in peers and PEERS.get(name) not in ("sender", "fastest")]
    aims = AIMS if tls else {}
    heads = [f"{MEDUSA} against", "throughput", *(["aim"] if aims else []), "CPU", *(["aim"] if aims else [])]
    report.table(heads, [_versus(peers, name, aims) for name in against])
    return [
        (f"Throughput over {kind}, x curl -T (more is better)", [_bar(row, "rate") for row in rows]),
        (f"CPU over {kind}, x curl -T (less is better)", [_bar(row, "cpu") for row in rows]),
    ]


_Bar = tuple[str, float, float, float]


def _bar(row: Row, what: str) -> _Bar:
    low, middle, high = statistics.quantiles(row.ratios(what), n=4)
    return row.name, middle, low, high


def _versus(rows: Mapping[str, Row], name: str, aims: Mapping[str, tuple[str, str]]) -> list[str]:
    pair = Row(MEDUSA, rows[MEDUSA].samples, rows[name].samples)
    rate, cpu = aims.get(name, ("", ""))
    told = [name, f"{pair.ratio('rate'):.2f} x", rate, f"{pair.ratio('cpu'):.2f} x", cpu]
    return told if aims else [name, told[1], told[3]]


def _warm(clients: Mapping[str, Client], served: Sink, folder: Path) -> None:
    """Imports, certificates and first connections are no part of an upload."""
    for client in clients.values():
        turn(client, served, [_film(folder, MIB)])


def _profile(report: Report, served: Sink, folder: Path) -> None:
    report.say("### Where the CPU of Medusa's sender goes", texts.PROFILE)
    rows = []
    for kind, tls in (("TLS", True), ("plain HTTP", False)):
        for _ in range(2):  # the first one may have to fetch the file
            spent = profile(served.origin(tls), _film(folder, GIB), folder / "ca.pem")
            served.uploads()
        rows.append([kind, *(f"{seconds:.2f}" for seconds in spent.values())])
    report.table(["CPU s/GiB", *spent], rows)


def _start(report: Report, served: Sink, folder: Path, rounds: int) -> None:
    """From the start of a process to its first byte at the server."""
    report.say("## `medusa publish`, from its start to the first byte of the video")
    program = str(Path(sys.executable).with_name("medusa"))
    film, config = str(_film(folder, MIB)), str(medusa_config(served.origin(True), folder))
    asked = ["--to", "youtube", "--set", "youtube.title=Bench", "--set", "youtube.wait_until_processed=false"]
    commands = {
        "medusa publish": [program, "publish", film, "--config", config, *asked],
        BASE: ["curl", "-sS", "-T", film, f"{served.origin(True)}/put"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            begun = time.monotonic()
            subprocess.run(command, check=True, capture_output=True, env=environment(folder / "ca.pem"))
            end = time.monotonic() if name == "python -c pass" else served.uploads()[0].first
            taken[name].append(1000 * (end - begun))
    report.table(["", "ms", "from", "to"], [_span(name, times) for name, times in taken.items()])


def _span(name: str, times: Sequence[float]) -> list[str]:
    return [name, f"{statistics.median(times):.0f}", f"{min(times):.0f}", f"{max(times):.0f}"]


def _progress(report: Report, served: Sink, folder: Path, rounds: int) -> None:
    """Of an upload that takes long enough for progress to be saved and told many times."""
    report.say(f"## What progress costs: 8 GiB over TLS, {rounds} rounds", texts.PROGRESS)
    with ExitStack() as stack:
        clients: dict[str, Client] = {BASE: Curl(served, folder)}
        for name, made in ((MEDUSA, "medusa"), (f"{MEDUSA}, unwatched", "unwatched"), (SENDER, "sender")):
            clients[name] = stack.enter_context(started(made, served.origin(True), folder))
        _warm(clients, served, folder)
        report.compared(compare(clients, served, [_film(folder, 8 * GIB)], rounds))


def _memory(report: Report, served: Sink, folder: Path) -> None:
    report.say("## Memory, over TLS", texts.MEMORY)
    rows = []
    for gib in (1, 16):
        with started("medusa", served.origin(True), folder) as running:
            turn(running, served, [_film(folder, MIB)])
            cost = _cost(running, served, [_film(folder, gib * GIB)])
            rows.append([f"{gib} GiB", f"{cost.resting_mb:.1f}", f"{cost.rise_mb:.1f}"])
    report.table(["", "before, MB", "above that, MB"], rows)


def _many(report: Report, served: Sink, folder: Path, rounds: int, small: int) -> None:
    report.say(
        "## Many uploads of 64 MiB at once, over TLS",
        texts.MANY,
    )
    film = _film(folder, 64 * MIB)
    for count, times in ((8, rounds), (32, rounds), (128, small)):
        with started("medusa", served.origin(True), folder) as running:
            clients: dict[str, Client] = {BASE: Curl(served, folder), MEDUSA: running}
            _warm(clients, served, folder)
            rows = compare(clients, served, [film] * count, times)
            spent = _cost(running, served, [film] * count).threads
        report.say(f"### {count} at once, {times} rounds")
        report.compared(rows, ("fairness", "fairness", ".3f"), ("memory, MB", "rise_mb", ".1f"))
    report.say("### Where the CPU of each of these uploads goes", texts.THREADS)
    report.table(["threads", "ms"], [[name, f"{1000 * spent[name] / count:.1f}"] for name in sorted(spent)])


def _cost(client: Worker, served: Sink, films: Sequence[Path]) -> Cost:
    """More of a single turn than `turn` tells."""
    cost = client.upload(films)
    served.uploads(len(films))
    return cost


def _with_delay(report: Report, folder: Path) -> None:
    report.say(
        "## With delay: 50 ms there and back, over TLS",
        texts.DELAY,
    )
    rows = []
    for mbit, size in ((100, 64 * MIB), (1000, 256 * MIB)):
        with link(folder, mbit=mbit, **LINE) as line, ExitStack() as stack:
            prompt, slow = (
                stack.enter_context(sink(folder, address=FAR, commit_ms=wait, inside=line.far)) for wait in (0, 300)
            )
            curl = Curl(prompt, folder, inside=line.near)
            running = stack.enter_context(started("medusa", prompt.origin(True), folder, line.near))
            waiting = stack.enter_context(started("medusa", slow.origin(True), folder, line.near))
            pairs: list[tuple[Client, Sink]] = [(curl, prompt), (running, prompt), (waiting, slow)]
            for client, served in pairs:
                turn(client, served, [_film(folder, MIB)])
            rates = [[turn(client, served, [_film(folder, size)]).rate for client, served in pairs] for _ in range(3)]
            told = [f"{statistics.median(column):.1f}" for column in zip(*rates, strict=True)]
            ratios = [f"{statistics.median(row[n] / row[0] for row in rates):.2f}" for n in (1, 2)]
            rows.append([f"{size // MIB} MiB at {mbit} Mbit/s", *told, *ratios])
            if mbit == 100:
                small = [_small_files(running, prompt, folder, mbit) for _ in range(3)]
    heads = ["", f"{BASE}, MB/s", MEDUSA, f"{MEDUSA}, commit", "x curl", "x curl, commit"]
    report.table(heads, rows)
    report.say(texts.SMALL_FILES.format(share=statistics.median(small)))


def _small_files(running: Client, served: Sink, folder: Path, mbit: float) -> float:
    """The share of the line that 20 small uploads use."""
    return turn(running, served, [_film(folder, MIB)] * 20).rate * 8 / mbit
