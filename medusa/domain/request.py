"""What was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from medusa.domain.policy import OnFailure, Patience
from medusa.domain.values import NOTHING, Json, Media


@dataclass(frozen=True, slots=True)
class Target:
    """One configured destination: a key of the config and of `platforms=[...]`."""

    key: str
    """"youtube", or "gaming" with `"platform": "youtube"`."""
    platform: str
    display: str
    """For people: "YouTube", or "YouTube (gaming)"."""


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """One call of `publish_async`, its targets resolved and its media's path made absolute."""

    targets: tuple[Target, ...]
    metadata: Json = field(default_factory=dict, repr=False)
    """Target key -> what that platform was asked for."""
    media: Media | None = None
    caller: str = ""
    """Who asked, where several do."""
    patience: Patience = field(default_factory=Patience)
    """How long to keep trying, where that differs from what is configured."""
    on_failure: OnFailure = OnFailure.STOP

    def asked(self, target: str) -> Json:
        """What `target` was asked for; empty when nothing was said."""
        asked: Json = self.metadata.get(target, NOTHING)
        return asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What a platform's rules make a plan from."""

    key: str
    """"task:target": a step's key is f"{key}:{name}"."""
    target: str
    fields: Json
    """The target's part of the metadata, as it came from the user: nothing in it is checked yet."""
    media: Media | None
    """Only its path, and a kind guessed from its suffix."""
    samples: Mapping[str, str] = field(default_factory=dict)
    """Each placeholder that may become known, with a value of realistic length to measure texts with."""
    used: bool = False
    """Another target's text uses what this one yields."""


def named_files(fields: Json, *keys: str) -> Iterator[tuple[str, str]]:
    """(place, path) of the files under these keys: as a text, or as "file" of each object in a list."""
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value:
            yield key, value
        for number, item in enumerate(value if isinstance(value, list) else ()):
            path = item.get("file") if isinstance(item, Mapping) else None
            if isinstance(path, str) and path:
                yield f"{key}[{number}].file", path
