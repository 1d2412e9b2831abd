"""The real platforms: do the facts still hold on which the adapters are built?

    MEDUSA_LIVE_CONFIG=~/medusa_config.json MEDUSA_LIVE_TARGETS=vimeo pytest -m live tests/live

uploads a few seconds of private video to each target, reads it back, deletes it, and fails with the facts that no
longer hold. MEDUSA_LIVE_TARGETS may be left out: then every YouTube, Vimeo and Facebook target of the file is visited.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.checks import broken, check, sample, targets

SET = "set MEDUSA_LIVE_CONFIG to a configuration with real credentials (and MEDUSA_LIVE_TARGETS to choose among them)"


def _chosen() -> list[str]:
    config_file = os.environ.get("MEDUSA_LIVE_CONFIG", "")
    if not config_file:
        return []
    names = os.environ.get("MEDUSA_LIVE_TARGETS", "")
    return names.split(",") if names else list(targets(Path(config_file).expanduser()))


@pytest.mark.live
@pytest.mark.skipif(not _chosen(), reason=SET)
@pytest.mark.parametrize("target", _chosen() or ["none"])
def test_the_facts_still_hold(target: str) -> None:
    platform, block = targets(Path(os.environ["MEDUSA_LIVE_CONFIG"]).expanduser())[target]
    findings = check(platform, block, sample())
    print(*findings, sep="\n")
    if found := broken(findings):
        pytest.fail("\n".join(map(str, found)), pytrace=False)
