"""Rounds in random order, ratios within a round: a noisy minute touches all clients alike."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.upload.clients import Client
from bench.upload.sink import Sink

BASE = "curl -T"


@dataclass(frozen=True)
class Sample:
    """One client's turn in one round."""

    size: int
    seconds: float
    """From the first byte to the final reply, of all its files together."""
    cpu_s: float
    rise_mb: float
    fairness: float
    """Jain's index over the rates of its files, each while it was under way: 1 if all are equal."""

    @property
    def rate(self) -> float:
        """MB/s."""
        return self.size / 1e6 / self.seconds

    @property
    def cpu(self) -> float:
        """CPU seconds a GiB."""
        return self.cpu_s / (self.size / 2**30)


@dataclass(frozen=True)
class Row:
    """One client's samples, and those of BASE in the same rounds."""

    name: str
    samples: tuple[Sample, ...]
    base: tuple[Sample, ...]

    def median(self, what: str) -> float:
        """Of one of a sample's figures."""
        return statistics.median([float(getattr(sample, what)) for sample in self.samples])

    def ratios(self, what: str) -> list[float]:
        """To BASE, pair by pair, in order."""
        pairs = zip(self.samples, self.base, strict=True)
        return sorted(getattr(mine, what) / max(getattr(theirs, what), 1e-9) for mine, theirs in pairs)

    def ratio(self, what: str) -> float:
        """Their median."""
        return statistics.median(self.ratios(what))

    def spread(self, what: str) -> str:
        """The middle half of them."""
        low, _, high = statistics.quantiles(self.ratios(what), n=4)
        return f"{low:.2f}-{high:.2f}"


def turn(client: Client, sink: Sink, files: Sequence[Path]) -> Sample:
    """Let a client upload these files at once."""
    cost = client.upload(files)
    uploads = sink.uploads(len(files))
    rates = [upload.size / (upload.last - upload.first) for upload in uploads]
    return Sample(
        sum(upload.size for upload in uploads),
        max(upload.last for upload in uploads) - min(upload.first for upload in uploads),
        cost.cpu_s,
        cost.rise_mb,
        sum(rates) ** 2 / (len(rates) * sum(rate**2 for rate in rates)),
    )


def compare(clients: Mapping[str, Client], sink: Sink, files: Sequence[Path], rounds: int) -> list[Row]:
    """A row for each client, in their order. BASE must be one of them."""
    taken: dict[str, list[Sample]] = defaultdict(list)
    for _ in range(rounds):
        for name in random.sample(list(clients), len(clients)):
            taken[name].append(turn(clients[name], sink, files))
    return [Row(name, tuple(taken[name]), tuple(taken[BASE])) for name in clients]
