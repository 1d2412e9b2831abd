"""Which of the account's own uploads comes of an upload whose session is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from medusa.adapters.platforms.youtube.search import look_for
from medusa.domain.task import Step
from medusa.domain.values import Media, StepSpec

MEDIA = Media("/m/talk.mp4", size=1000)
UPLOADING = Step(StepSpec("video", "t2:youtube:video", {}, Media("/m/talk.mp4")), "youtube", total=1000)
RIVAL = replace(UPLOADING, committed=True)


@dataclass
class Channel:
    """An Api on which these videos are listed, and its Call."""

    ids: tuple[str, ...]
    known: str = ""
    others: tuple[Step, ...] = ()
    root: str = "https://youtube.example"

    @property
    def call(self) -> Channel:
        return self

    def rivals(self) -> tuple[Step, ...]:
        return self.others

    def taken(self, id_: str) -> bool:
        return id_ == self.known

    def items(self, _: object) -> list[dict[str, Any]]:
        at = "2027-01-15T08:00:00Z"
        return [
            {
                "id": id_,
                "snippet": {"publishedAt": at, "title": "Talk"},
                "contentDetails": {"videoId": id_},
                "fileDetails": {"fileSize": "1000"},
            }
            for id_ in self.ids
        ]


@pytest.mark.parametrize(
    ("channel", "found"),
    [
        (Channel(("a",)), "a"),
        (Channel(("a", "b")), None),
        (Channel(("a", "b"), known="a"), "b"),
        (Channel(("a",), known="a"), None),
        (Channel(("a",), others=(RIVAL,)), None),
        (Channel(("a",), others=(UPLOADING,)), "a"),
        (Channel(("a",), others=(replace(RIVAL, total=9),)), "a"),
    ],
    ids=["one", "two", "the other's is known", "another's", "one of two in doubt", "no last block", "another file"],
)
def test_only_what_can_be_nobody_elses_is_found(channel: Any, found: str | None) -> None:
    video = look_for(channel, MEDIA, "Talk", {"uploads": "UU", "began": 0.0})
    assert (video and video["id"]) == found
