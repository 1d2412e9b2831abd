"""Whether the facts hold on which Medusa's adapters are built: each platform's table of facts is in its own module.

    findings = check("vimeo", {"access_token": ...}, sample())

uploads a few seconds of private video, reads it back, deletes it, and says of each fact whether it holds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from tests.live import facebook, vimeo, youtube
from tests.live.visit import Finding, Unanswerable, Visit

PLATFORMS = {"youtube": youtube, "vimeo": vimeo, "facebook": facebook}


def check(
    platform: str, block: Mapping[str, Any], clip: bytes, pause: Callable[[float], None] = time.sleep
) -> tuple[Finding, ...]:
    """Every fact of the platform, with what was found. `block`: the target's part of a configuration, paths absolute.

    What was uploaded is deleted in the end, also when something goes wrong after its id is known.
    """
    module = PLATFORMS[platform]
    visit = Visit(module.FACTS, pause)
    try:
        module.run(visit, block, clip)
    except Unanswerable:
        pass  # it is among the findings, and the facts behind it are not looked at
    finally:
        visit.close()
    return tuple(visit.findings.values())


def broken(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The facts that no longer hold, and those that therefore could not be looked at."""
    return tuple(finding for finding in findings if not finding.holds)


def sample() -> bytes:
    """A few seconds of video, shipped in the package."""
    return resources.files("medusa.sandbox").joinpath("sample.mp4").read_bytes()


def targets(config_file: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Target -> (platform, block) of a configuration, for the platforms that have facts; file paths absolute."""
    config = json.loads(config_file.read_text())
    found = {}
    for name, block in config.items():
        platform = block.get("platform", name)
        if platform in PLATFORMS:
            files = {key: str(config_file.parent / path) for key, path in block.items() if key.endswith("_file")}
            found[name] = (platform, {**block, **files})
    return found
