"""The documents name what there is: the keys of the metadata, and each other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from medusa.adapters.platforms.facebook import rules as facebook
from medusa.adapters.platforms.vimeo import rules as vimeo
from medusa.adapters.platforms.youtube import fields as youtube
from medusa.adapters.registry import PLATFORMS

ROOT = Path(__file__).parents[2]
KEYS: dict[str, Iterable[str]] = {"youtube": youtube.KEYS, "vimeo": vimeo.KEYS, "facebook": facebook.KEYS}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_key_of_the_metadata_is_documented(platform: str) -> None:
    _, _, rest = text("docs/metadata.md").partition(f"## {platform}\n")
    rows = [row.split("|")[1] for row in rest.partition("\n## ")[0].splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(KEYS[platform])


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md")))])
def test_what_a_document_refers_to_is_there(name: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text(name)):
        file, _, anchor = link.partition("#")
        there = (ROOT / name).parent / file if file else ROOT / name
        assert there.is_file(), link
        headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert not anchor or anchor in anchors, link
