"""The short steps around an upload: "preflight", "tags" and "ready"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from medusa.adapters.platforms.vimeo import wire
from medusa.adapters.platforms.vimeo.api import Api
from medusa.adapters.platforms.vimeo.auth import lacking
from medusa.adapters.platforms.vimeo.errors import moment
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.ports import Call
from medusa.domain.values import Checkpoint, Json, Receipt, StepSpec

FIRST_POLL_S: Final = 1.0
LONGEST_POLL_S: Final = 60.0
_FAILED: Final = frozenset({"transcoding_error", "uploading_error", "unavailable"})
_NO_SPACE: Final = frozenset({"quota_exceeded", "total_cap_exceeded"})


class PreflightStep:
    """Two reads: is the token good for uploads, and is there space for this video?"""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:  # noqa: ARG002  # the port's
        """Nothing to remember."""
        return Checkpoint()

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:  # noqa: ARG002  # the port's
        """Both reads."""
        refusal = lacking(self._api.read(call, self._api.wire.verify()))
        if refusal:
            raise PlatformError(refusal)
        me = self._api.read(call, self._api.wire.me())
        lack = _lack_of_space(me, spec.media.size if spec.media else 0)
        if lack:
            raise PlatformError(lack)
        user = me.get("uri")
        return Receipt(user if isinstance(user, str) else None)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:  # noqa: ARG002  # the port's
        """Reads are repeated."""
        return at


class TagsStep:
    """Adds the tags, all at once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:  # noqa: ARG002  # the port's
        """At the PUT."""
        return Checkpoint({"video": made["video"].extra["uri"]})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Receipt:
        """The PUT."""
        self._api.do(call, self._api.wire.tag(at.cursor["video"], spec.fields["tags"]))
        return Receipt(at.cursor["video"])

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:  # noqa: ARG002  # the port's
        """The same tags twice are the same tags."""
        return at


class ReadyStep:
    """Waits until the video can be watched."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:  # noqa: ARG002  # the port's
        """The wait begins now."""
        return Checkpoint({"video": made["video"].extra["uri"], "since": call.now()})

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """One look; rarer the longer it takes. Past the deadline the task goes on with a warning."""
        video = self._api.video(call, self._api.wire.video(at.cursor["video"]))
        if video.complete and video.transcode == "complete":
            return Receipt(video.id, video.link or None)
        if trouble := _processing_failure(video):
            raise PlatformError(trouble)
        waited, at_most = call.now() - at.cursor["since"], spec.fields["at_most_s"]
        if waited >= at_most:
            return Receipt(video.id, video.link or None, warnings=(_still_processing(at_most),))
        pause = min(LONGEST_POLL_S, max(FIRST_POLL_S, waited / 4), at_most - waited)
        return Checkpoint(at.cursor, wait_s=pause, note="Vimeo is processing the video")

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint:  # noqa: ARG002  # the port's
        """The next look is due at once."""
        return Checkpoint(at.cursor)


def _processing_failure(video: wire.Video) -> Failure | None:
    if video.status in _NO_SPACE:
        return Failure(FailureKind.QUOTA, "the account has no space left for this video", video.status)
    if "error" in (video.upload, video.transcode) or video.status in _FAILED:
        said = "Vimeo could not take in the video" if video.upload == "error" else "Vimeo could not process the video"
        todo = "Check that the file plays, or convert it (for example to H.264 in MP4), and publish it again."
        return Failure(FailureKind.REJECTED, said, video.status or "transcode error", todo=todo)
    return None


def _still_processing(at_most_s: float) -> str:
    return f"Vimeo was still processing the video after {at_most_s / 60:g} minutes: its link may not play yet"


def _lack_of_space(me: Json, size: int) -> Failure | None:
    """Why a video of this size does not fit, if it does not."""
    free, most, resets = wire.free_space(me)
    if most is not None and size > most:
        said = f"the video has {_amount(size)}, and this account's plan allows {_amount(most)} in all"
        return Failure(
            FailureKind.REJECTED, said, "upload_quota", no_effect=True, todo="Take a larger plan of Vimeo's."
        )
    if free is None or size <= free:
        return None
    until = f"; that resets at {resets}" if isinstance(resets, str) else ""
    said = f"not enough space is left for the video: it has {_amount(size)}, {_amount(free)} are free{until}"
    return Failure(FailureKind.QUOTA, said, "upload_quota", no_effect=True, not_before=moment(resets))


def _amount(size: int) -> str:
    """Bytes for people, in the decimal units that platforms sell."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
