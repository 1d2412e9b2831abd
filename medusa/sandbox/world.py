"""What the platforms of one sandbox share: the clock, the options, the faults, the log, the places for bytes."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from medusa.sandbox.clock import Clock
from medusa.sandbox.faults import Faults
from medusa.sandbox.log import Log, Secrets
from medusa.sandbox.sink import Sink

CORE_OPTIONS: Mapping[str, object] = {
    "processing_s": 1.0,  # how long a platform works on an upload that is complete
    "hash": True,  # SHA-256 of everything received; False is faster
}


class Options:
    """Named switches with defaults; a value must have its default's type."""

    def __init__(self, defaults: Mapping[str, object]) -> None:
        self._defaults = dict(defaults)
        self._values = dict(defaults)

    def set(self, **changes: object) -> None:
        """Change some. Raises ValueError, in words, and changes nothing, if a name or a type is wrong."""
        for name, value in changes.items():
            if name not in self._defaults:
                raise ValueError(f"unknown option {name!r}; known: {', '.join(sorted(self._defaults))}")
            if not _fits(value, self._defaults[name]):
                raise ValueError(f"option {name!r} cannot be {value!r}; its default is {self._defaults[name]!r}")
        self._values.update(changes)

    def listed(self) -> dict[str, object]:
        """All options with their values."""
        return dict(self._values)

    def number(self, name: str) -> float:
        """The value of an option whose default is a float."""
        value = self._values[name]
        assert isinstance(value, int | float)
        return float(value)

    def integer(self, name: str) -> int:
        """The value of an option whose default is an int."""
        value = self._values[name]
        assert isinstance(value, int)
        return value

    def flag(self, name: str) -> bool:
        """The value of an option whose default is a bool."""
        return self._values[name] is True

    def text(self, name: str) -> str:
        """The value of an option whose default is a str."""
        value = self._values[name]
        assert isinstance(value, str)
        return value


def _fits(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))


class World:
    """Shared by the platforms. Everything here is touched by the sandbox's own thread only, but the clock."""

    def __init__(self, clock: Clock, options: Options, faults: Faults, scratch: Path, keep: Path | None) -> None:
        self.clock = clock
        self.options = options
        self.faults = faults
        self.secrets = Secrets()
        self.log = Log(self.secrets)
        self.closing = asyncio.Event()
        self._scratch = scratch
        self._keep = keep
        self._media: dict[str, tuple[Path, str]] = {}
        self._numbers = count(1)
        self._changed = asyncio.Event()

    @property
    def keeps(self) -> bool:
        """Whether videos are stored."""
        return self._keep is not None

    def secret(self, prefix: str = "", length: int = 32) -> str:
        """A new token of URL-safe characters, known to the log as a secret."""
        return self.secrets.add(prefix + secrets.token_hex((length + 1) // 2))

    def sink(self, name: str, *, picture: bool = False) -> Sink:
        """A place for an upload's bytes. Pictures are always stored (the page shows them), the rest with `keep` only.

        `name` is a hint for the file's name, such as "youtube-holiday.mp4".
        """
        directory = self._keep or (self._scratch if picture else None)
        path = None
        if directory is not None:
            safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:]
            path = directory / f"{next(self._numbers):04d}-{safe}"
        return Sink(path, hashing=self.options.flag("hash"))

    def media_url(self, origin: str, sink: Sink, content_type: str) -> str | None:
        """Where the page finds what `sink` has stored; None if it has not stored it."""
        if sink.path is None or not sink.path.exists():
            return None
        self._media[sink.path.name] = (sink.path, content_type)
        return f"{origin}/_sandbox/media/{sink.path.name}"

    def media(self, name: str) -> tuple[Path, str] | None:
        """The file and content type behind a `media_url`."""
        return self._media.get(name)

    def changed(self) -> None:
        """Tell the page that there is something new to see."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def next_change(self) -> None:
        """Until `changed` is called or the sandbox closes."""
        changed, waits = self._changed, []
        for event in (changed, self.closing):
            waits.append(asyncio.create_task(event.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
