"""Runs every measurement and prints a table each; with `upload` among them docs/benchmarks.md is written anew."""

from __future__ import annotations

import argparse

from bench import calls, memory, million, outage, resume, startup, store, streams, upload, watched
from bench.upload.report import Report

USUAL = ["startup", "memory", "store", "resume", "upload"]


def main() -> None:
    """The usual measurements, or those named."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    others = "million (minutes, 1.3 GB); grpc (ten minutes); outage (root, five minutes)"
    parser.add_argument("names", nargs="*", default=USUAL, help=f"{', '.join(USUAL)} (ten minutes); {others}")
    parser.add_argument("--gib", type=float, nargs="+", default=[1.0, 8.0], help="sizes for the memory measurement")
    parser.add_argument("--rounds", type=int, default=11, help="of the upload and grpc measurements")
    asked = parser.parse_args()
    if "startup" in asked.names:
        startup.run()
    if "memory" in asked.names:
        memory.run(asked.gib)
    report = Report()
    if "upload" in asked.names:
        upload.run(report, asked.rounds)
    if "store" in asked.names:
        store.run(report)
    if "resume" in asked.names:
        resume.run(report)
    if "upload" in asked.names:
        report.write()
    if "grpc" in asked.names:
        streams.run([1000, 5000], asked.rounds)
        calls.run(asked.rounds)
        watched.run(asked.rounds)
    if "million" in asked.names:
        million.run()
    if "outage" in asked.names:
        outage.run()


main()
