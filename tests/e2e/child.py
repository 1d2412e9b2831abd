"""Processes that publish, and may be struck: `python -m tests.e2e.child` forks one for each order, a line of JSON.

So they start in no time, since everything is imported already. Two lines answer: the process's number, and its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medusa import MedusaCore, container
from medusa.domain.failures import FailureKind
from tests.e2e.instants import Instant, Kind, Passing
from tests.pauses import skip_pauses

SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


@dataclass(frozen=True)
class Order:
    """What a process is to do."""

    config: str
    out: str
    """The file that takes what it prints: its `Answer`, if all goes well, and nothing else."""
    media: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    settle: list[str] = field(default_factory=list)
    """The id under which the post of unknown outcome was found, or an empty one; none to settle."""
    take: bool = False
    """Take the task away from a process that seems to hang."""
    send_within_s: float = 0.3
    at: Instant | None = None
    """Where the process is struck."""
    by: str = "kill"
    """Or "freeze"."""

    @classmethod
    def of(cls, line: str) -> Order:
        """From its JSON."""
        fields = json.loads(line)
        return cls(**{**fields, "at": fields["at"] and Instant(**fields["at"])})


@dataclass(frozen=True)
class Answer:
    """How the task ended, and what this process has passed."""

    reply: dict[str, Any]
    unsure: list[str]
    """Targets whose outcome is unknown."""
    passed: list[Kind]


def main() -> None:
    """Serve orders until there are none."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            os._exit(_child(Order.of(line)))
        print(pid, flush=True)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        print(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status, flush=True)
        os.waitpid(pid, 0)


def _child(order: Order) -> int:
    out = os.open(order.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(out, stream)
    try:
        print(json.dumps(asdict(_carried_out(order))), flush=True)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _carried_out(order: Order) -> Answer:
    _be_quick(order)
    watched = Passing(lambda instant: instant == order.at, lambda _: _struck(SIGNALS[order.by])).watch()
    with MedusaCore(config_file=order.config) as medusa:
        task_id = _begun(medusa, order)
        reply = medusa.wait(task_id)
        steps = medusa.get_task(task_id).steps
    unsure = [str(one.target) for one in steps if one.failure and one.failure.kind is FailureKind.OUTCOME_UNKNOWN]
    return Answer(reply, unsure, list(watched.passed))


def _struck(by: signal.Signals) -> None:
    """The whole process; and this thread, which has come to the instant, before it returns from here."""
    signal.pthread_kill(threading.get_ident(), by)


def _begun(medusa: MedusaCore, order: Order) -> str:
    """The task, begun if an earlier process has not come as far."""
    for task in medusa.list_tasks():
        if order.settle:
            medusa.resolve(task.id, posted=order.settle[0] or None)
        if order.take:
            medusa._repository.take(task.id, force=True)
            medusa.resume()
        return task.id
    media = Path(order.media) if order.media else None
    return medusa.publish_async(media, list(order.asked), order.asked, idempotency_key=order.key or None)


def _be_quick(order: Order) -> None:
    skip_pauses()
    container.Container.ports.add_kwargs(send_within_s=order.send_within_s)


if __name__ == "__main__":
    main()
