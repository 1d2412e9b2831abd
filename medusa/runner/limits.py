"""The limits that hold a step back: told by replies, kept for all processes, and heeded before the next call."""

from __future__ import annotations

import logging
from datetime import datetime

from medusa.domain.failures import Failure, FailureKind, MedusaError
from medusa.domain.policy import NEAR
from medusa.runner.ports import RunnerPorts

_log = logging.getLogger("medusa.runner")


class Limits:
    """Those of one step."""

    def __init__(self, ports: RunnerPorts, target: str | None, step: str) -> None:
        """`target`: None for a step that asks no platform, which nothing holds back."""
        self._ports = ports
        self._target = target
        self._kind = step.partition(".")[0]

    @property
    def until(self) -> float:
        """Until then, epoch seconds, it is held back; that may be past."""
        if self._target is None:
            return 0.0
        scopes = self._ports.adapters.scopes(self._target)
        return self._ports.accounts.blocked_until((*scopes, *map(self._narrowed, scopes)))

    def heed(self, failure: Failure) -> None:
        """A limit holds back all calls of its scope from now on."""
        if failure.scope and failure.not_before and failure.kind is FailureKind.RATE_LIMITED:
            scope = self._narrowed(failure.scope) if failure.endpoint else failure.scope
            self._block(scope, failure.not_before)

    def near(self, scope: str, left: float, resets_at: float) -> None:
        """An allowance may be nearly used up: hold back before the platform has to refuse."""
        if left <= NEAR:
            self._block(scope, resets_at)

    def _block(self, scope: str, until: float) -> None:
        """If others cannot be told, they meet the limit themselves."""
        try:
            self._ports.accounts.block(scope, until)
        except MedusaError as error:
            _log.warning("the limit of %s cannot be kept: %s", scope, error)

    def _narrowed(self, scope: str) -> str:
        """The scope, but only for steps of this kind."""
        return f"{scope}:{self._kind}"


def limited(until: float) -> Failure:
    """What an earlier call was told, of this task or of another one."""
    said = f"it is rate limited until {datetime.fromtimestamp(until):%Y-%m-%d %H:%M:%S}"
    return Failure(FailureKind.RATE_LIMITED, said, "rate limited", no_effect=True, not_before=until)
