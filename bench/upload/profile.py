"""Where the sender's CPU goes: its own thread's time in each of the things it does with a block."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.upload import worker
from medusa.adapters.http import Http, tls
from medusa.adapters.http.plain import Plain

READ = "reading the file"
SEAL = "sealing: AES-GCM"
COPY = "taking out what is sealed"
SEND = "sending: TCP, and the loopback's other end"
ALL = "all"


def profile(origin: str, film: Path, bundle: Path) -> dict[str, float]:
    """CPU seconds of one upload, in this process, by what it was spent on."""
    spent = dict.fromkeys((READ, SEAL, COPY, SEND, ALL), 0.0)

    def timed(what: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def work_timed(*args: Any) -> Any:
            begun = time.thread_time()
            try:
                return work(*args)
            finally:
                spent[what] += time.thread_time() - begun

        return work_timed

    with (
        closing(Http()) as http,
        patch.dict(os.environ, {"SSL_CERT_FILE": str(bundle), "REQUESTS_CA_BUNDLE": str(bundle)}),
        patch.object(Plain, "send", timed(SEND, Plain.send)),
        patch.object(tls._InMemory, "send", timed(SEAL, tls._InMemory.send)),
        patch.object(tls._InMemory, "sealed", timed(COPY, tls._InMemory.sealed)),
        patch.object(tls.Tls, "_flush", timed(SEND, tls.Tls._flush)),
        patch.object(worker, "_reading", lambda opened: timed(READ, opened.readinto)),
    ):
        timed(ALL, worker.put)(http, origin, [str(film)])
    spent[SEND] -= spent[COPY]  # which is a part of it
    whole = spent.pop(ALL)
    return {**spent, "Python": whole - sum(spent.values())}
