"""Runs every measurement and prints a table each."""

from __future__ import annotations

import argparse

from bench import calls, memory, million, outage, resume, startup, store, streams, upload, watched

USUAL = ["startup", "memory", "store", "resume", "upload"]


def main() -> None:
    """All measurements, or those named."""
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
    if "upload" in asked.names:
        upload.run(asked.rounds)
    if "grpc" in asked.names:
        streams.run([1000, 5000], asked.rounds)
        calls.run(asked.rounds)
        watched.run(asked.rounds)
    if "store" in asked.names:
        store.run()
    if "resume" in asked.names:
        resume.run()
    if "million" in asked.names:
        million.run()
    if "outage" in asked.names:
        outage.run()


main()
