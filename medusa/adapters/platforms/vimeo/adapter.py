"""The Vimeo uploader: each step's work is in the object that its name picks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from medusa.adapters.http import Http
from medusa.adapters.platforms.vimeo.account import VimeoAccount
from medusa.adapters.platforms.vimeo.api import Api
from medusa.adapters.platforms.vimeo.around import PreflightStep, ReadyStep, TagsStep
from medusa.adapters.platforms.vimeo.attachments import AttachmentStep
from medusa.adapters.platforms.vimeo.video import VideoStep
from medusa.domain.ports import AccountsPort, Call
from medusa.domain.values import Checkpoint, Receipt, StepSpec


class _Step(Protocol):
    """UploaderPort for one kind of step."""

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint: ...

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt: ...

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint: ...


class VimeoUploader:
    """UploaderPort for Vimeo. Nothing it does commits: a video exists, marked as ours, before its first byte."""

    def __init__(self, account: VimeoAccount, http: Http, accounts: AccountsPort) -> None:  # noqa: ARG002  # all are made alike
        api = Api(account, http)
        self._video = VideoStep(api, account.chunk_size)
        self._steps: Mapping[str, _Step] = {
            "preflight": PreflightStep(api),
            "video": self._video,
            "thumbnail": AttachmentStep(api, "pictures"),
            "texttracks": AttachmentStep(api, "texttracks"),
            "tags": TagsStep(api),
            "ready": ReadyStep(api),
        }

    def open(self, call: Call, spec: StepSpec, made: Mapping[str, Receipt]) -> Checkpoint:
        """Where the step begins."""
        return self._step(spec).open(call, spec, made)

    def advance(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """One exchange further."""
        return self._step(spec).advance(call, spec, at)

    def ask(self, call: Call, spec: StepSpec, at: Checkpoint) -> Checkpoint | Receipt:
        """Where the step stands at Vimeo."""
        return self._step(spec).ask(call, spec, at)

    def abandon(self, call: Call, at: Checkpoint) -> None:
        """Delete an unfinished video; pictures and tracks that are not switched on stay unseen."""
        if "marker" in at.cursor:
            self._video.abandon(call, at)

    def _step(self, spec: StepSpec) -> _Step:
        return self._steps[spec.name.partition(".")[0]]
