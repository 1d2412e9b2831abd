"""Whether a video that a person has found is there."""

from __future__ import annotations

from medusa.adapters.platforms.youtube import wire
from medusa.adapters.platforms.youtube.api import Api, Made, Repeatable
from medusa.domain.failures import MISSING_CODE, Failure, FailureKind, PlatformError
from medusa.domain.values import Checkpoint, Receipt, StepSpec


class Found(Repeatable):
    """One read of 1 unit, which shows the account's own videos whatever their privacy."""

    def open(self, _api: Api, _spec: StepSpec, _made: Made, /) -> Checkpoint:
        """Nothing is needed for it."""
        return Checkpoint()

    def advance(self, api: Api, spec: StepSpec, _at: Checkpoint, /) -> Receipt:
        """Read the video."""
        if not api.items(wire.video_details(api.root, [spec.fields["id"]])):
            raise PlatformError(Failure(FailureKind.REJECTED, "there is no such video", MISSING_CODE, no_effect=True))
        return Receipt(spec.fields["id"])
