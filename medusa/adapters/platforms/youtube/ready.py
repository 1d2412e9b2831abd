"""Waits until YouTube has processed a video, before others post its link (facts: wait until processed)."""

from __future__ import annotations

from typing import Any, Final

from medusa.adapters.platforms.youtube import wire
from medusa.adapters.platforms.youtube.api import Api, Made, Repeatable
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.values import Checkpoint, Receipt, StepSpec

FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 60.0
"""Waits double from one to the other: half an hour costs about 35 of 10,000 units."""
SHOWN_AFTER_S = 120.0
"""A new video may be missing from replies for so long; after that it was deleted."""
_WORDS: Final = {
    "conversion": "it could not convert the file",
    "invalidFile": "the file is not a video that it can read",
    "emptyFile": "the file is empty",
    "tooSmall": "the file is too small",
    "codec": "it does not know the file's codec",
    "uploadAborted": "the upload was broken off",
    "copyright": "of a copyright infringement",
    "inappropriate": "of inappropriate content",
    "duplicate": "it is a duplicate of another video",
    "termsOfUse": "it breaks the terms of use",
    "uploaderAccountSuspended": "the account is suspended",
    "uploaderAccountClosed": "the account is closed",
    "length": "it is too long for this channel",
    "claim": "of a copyright claim",
    "trademark": "of a trademark infringement",
    "legal": "of a legal complaint",
}
"""YouTube's failureReason and rejectionReason (facts: discovery document)."""


_UNPAID: Final = "not waited until the video is processed: the day's quota for looking is used up"


class Ready(Repeatable):
    """One read at a time. Its cursor is that of `polling`, and `reads`, whether the token may read."""

    def open(self, api: Api, _spec: StepSpec, made: Made, /) -> Checkpoint:
        """From now on time is counted."""
        return Checkpoint({**polling(api, made), "reads": may_read(made)})

    def advance(self, api: Api, spec: StepSpec, at: Checkpoint, /) -> Checkpoint | Receipt:
        """Done, or how long to wait. Raises REJECTED when YouTube does not want the video."""
        video = at.cursor["video"]
        if not at.cursor["reads"]:
            return _unseen(video)
        try:
            later = poll(api, at)
        except PlatformError as error:
            if error.failure.kind is not FailureKind.QUOTA:
                raise
            return Receipt(video, warnings=(_UNPAID,))
        waited_s = api.now() - at.cursor["began"]
        if later and waited_s >= spec.fields["at_most_s"]:
            return Receipt(video, warnings=(_impatient(waited_s),))
        return later or Receipt(video)


def polling(api: Api, made: Made) -> dict[str, Any]:
    """A cursor for `poll`: `video`; `began`, epoch seconds; `polls`, how many there were."""
    return {"video": made["video"].id, "began": api.now(), "polls": 0}


def may_read(made: Made) -> bool:
    """Whether the preflight could read the channel."""
    return bool(made["preflight"].extra.get("reads", True)) if "preflight" in made else True


def poll(api: Api, at: Checkpoint) -> Checkpoint | None:
    """One read: when to look again, or None once the video is processed. Raises REJECTED when it never will be."""
    state = wire.processing(api.items(wire.video_status(api.root, at.cursor["video"])))
    return None if settled(state, api.now() - at.cursor["began"]) else _later(at, state)


def settled(state: wire.Processing, waited_s: float) -> bool:
    """Whether the video is processed. Raises REJECTED when it never will be."""
    if state.status == "failed":
        raise _refused(f"YouTube could not process the video: {_words(state.reason)}", state.reason or "failed")
    if state.status == "rejected":
        raise _refused(f"YouTube rejected the video because {_words(state.reason)}", state.reason or "rejected")
    if state.status == "deleted" or (not state.status and waited_s > SHOWN_AFTER_S):
        raise _refused("the video was deleted", "deleted")
    return state.status == "processed"


def _later(at: Checkpoint, state: wire.Processing) -> Checkpoint:
    polls = at.cursor["polls"]
    wait_s = min(FIRST_WAIT_S * 2.0 ** min(polls, 10), LONGEST_WAIT_S)
    share = "" if state.percent is None else f", {state.percent} %"
    note = f"YouTube is processing the video{share}"
    return Checkpoint({**at.cursor, "polls": polls + 1}, wait_s=wait_s, note=note)


def _words(reason: str) -> str:
    return _WORDS.get(reason) or reason or "it gave no reason"


def _refused(said: str, code: str) -> PlatformError:
    return PlatformError(Failure(FailureKind.REJECTED, said, code, no_effect=True))


def _unseen(video: str) -> Receipt:
    said = "not waited until the video is processed: the login allows uploads only, and does not show its status"
    return Receipt(video, warnings=(said,))


def _impatient(waited_s: float) -> str:
    waited = f"{waited_s / 60:.0f} minutes" if waited_s >= 120 else f"{waited_s:.0f} seconds"
    return f"after {waited} YouTube was still processing the video; not waited any longer"
