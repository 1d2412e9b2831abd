"""One step's waits: for what its policy says after a failure, and while a limit holds it back."""

from __future__ import annotations

from medusa.domain import pipeline
from medusa.domain.failures import Failure, PlatformError
from medusa.domain.policy import Patience, RetryPolicy, decide
from medusa.domain.task import Step
from medusa.runner.carried import CarriedTask
from medusa.runner.limits import Limits, limited
from medusa.runner.ports import RunnerPorts
from medusa.runner.step_state import StepState
from medusa.runner.told import told, why


class StepWaits(StepState):
    """Each of them has a reason and an end, which are saved before it begins."""

    def __init__(self, ports: RunnerPorts, carried: CarriedTask, step: Step, patience: Patience) -> None:
        """`patience`: what the request asks for in place of the target's own policy."""
        super().__init__(ports, carried, step)
        self._patience = patience
        self.limits = Limits(ports, step.target, step.name)
        self.act = "try"
        """What it waits for to do, in the words of `told`."""

    @property
    def display(self) -> str:
        return self.ports.adapters.target(self.target).display

    @property
    def policy(self) -> RetryPolicy:
        return self.ports.retry.get(self.target, RetryPolicy()).asked(self._patience)

    async def wait_or_raise(self, failure: Failure) -> None:
        """Wait as the policy says; raises the failure as a PlatformError when there is nothing more to try."""
        self.limits.heed(failure)
        again = decide(self.policy, failure, self.step.trouble, self.now(), self.ports.jitter())
        if again is not None and self.stopping:
            self.raise_if_stopped()
        if again is None or self.stopping:
            raise PlatformError(failure)
        said = why(self.display, again, self.now(), self.act)
        await self.change(pipeline.waits(self.step, again.at, said, again.trouble))
        await self.pause(again.at, self.step.note)

    async def hold(self) -> None:
        """Wait while a limit holds back this step; raises it as a failure when that is longer than the policy bears.

        What may be out already is not left in doubt for that: it waits however long it takes.
        """
        while not self.stopping and (until := self.limits.until) > self.now():
            if self.may_be_out:
                await self.pause(until, told(self.display, "is rate limited", until, self.now(), self.act))
            else:
                await self.wait_or_raise(limited(until))
            await self.change(pipeline.awaited(self.step))

    @property
    def held_back(self) -> bool:
        """Whether a limit holds back this step now; none does once it is stopped."""
        return not self.stopping and self.limits.until > self.now()
