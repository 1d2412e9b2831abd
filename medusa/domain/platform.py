"""What a platform is, without the code that talks to it: for the registry, the config and `medusa platforms`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medusa.domain.policy import Ready
from medusa.domain.ports import RulesPort
from medusa.domain.quota import Quota
from medusa.domain.values import StepSpec


def no_quotas(_account: Any, _now: float) -> tuple[Quota, ...]:
    """Of a platform that counts nothing, or tells only itself what is left."""
    return ()


def as_written(_account: Any, _spec: StepSpec, said: str) -> str:
    """Of a platform whose ids have no form that is known. Raises ValueError."""
    if not said:
        raise ValueError("is no id")
    return said


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform, as its folder describes itself."""

    name: str
    """Its key in the config: "youtube"."""
    display: str
    """For people: "YouTube"."""
    account: type
    """A frozen dataclass: the keys, types and defaults of a target's block in the config. Secrets have `repr=False`."""
    rules: Callable[[Any, Ready], RulesPort]
    """(account, whether to wait until a video is processed) -> its rules."""
    adapter: str
    """"package.module:Class", imported only when a target of the platform is used. The class is called with
    (account, http, accounts) and implements UploaderPort, PublisherPort or both."""
    scopes: Callable[[Any], tuple[str, ...]]
    """account -> whom its limits hold back: "facebook:page:1029"."""
    site: Callable[[Any], str]
    """account -> where a person sees what was published there: "https://www.facebook.com/1029"."""
    url: str = ""
    """The URL of a thing, by its "{id}": "https://youtube.com/watch?v={id}". Empty where it does not follow from it."""
    pasted: Callable[[Any, StepSpec, str], str] = as_written
    """(account, the step it came of, what a person wrote) -> the id that is meant: by itself or by an address. Raises
    ValueError, which goes on from what was written, when it cannot be one: "is no video of YouTube"."""
    shows: bool = False
    """Its adapter knows FOUND_STEP, and can prove with MISSING_CODE that there is no such thing."""
    quotas: Callable[[Any, float], tuple[Quota, ...]] = no_quotas
    """(account, epoch seconds) -> what the platform allows in the present period, nothing of it spent."""
    login: str = ""
    """"package.module:function" that logs a user in, if `medusa auth login` can do it for this platform. Called with
    (account, open_browser: bool, timeout_s: float, say: Callable[[str], None]); returns a sentence on what was saved;
    raises MedusaError."""
    abilities: tuple[str, ...] = ()
    """What it can do, a few words each, for `medusa platforms` and the README."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Its limits for people: {"video": "256 GiB, 12 h"}."""
    gives: str = ""
    """The placeholder that it yields: "url" or "post_id"."""
