"""All that the runner needs from outside, in one value."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from medusa.domain.policy import RetryPolicy
from medusa.domain.ports import AccountsPort, AdaptersPort, ProbePort, TaskRepositoryPort
from medusa.runner.throttle import Throttle


@dataclass(frozen=True, slots=True)
class RunnerPorts:
    """What the runner is given by the container, or by a test."""

    repository: TaskRepositoryPort
    adapters: AdaptersPort
    accounts: AccountsPort
    probe: ProbePort
    retry: Mapping[str, RetryPolicy] = field(default_factory=dict)
    """Target key -> its policy; a target that is not here has the default one."""
    throttle: Throttle = field(default_factory=Throttle)
    """The bandwidth limits of this process."""
    now: Callable[[], float] = time.time
    """Epoch seconds."""
    jitter: Callable[[], float] = random.random
    """A number in [0, 1)."""
    call_timeout_s: float = 150.0
    """Seconds that a call without media bytes may take in all."""
    send_within_s: float = 30.0
    """Seconds after which an intent that was not sent must not be sent any more."""
    progress_every_s: float = 0.5
    """Seconds between two saves of a step's progress."""
