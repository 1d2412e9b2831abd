"""MedusaCore with media roots: no request makes it read a file that lies elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa import InvalidRequest, MedusaCore
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import QUICK, SAMPLE, WITHIN_S, made, nothing_but, publish

OUTSIDE = "is outside the folders that may be read here"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    shutil.copyfile(SAMPLE, tmp_path / "media" / "video.mp4")
    return tmp_path / "media"


@pytest.fixture
def rooted(sandbox: Sandbox, tmp_path: Path, root: Path, no_pauses: None) -> Iterator[MedusaCore]:
    config = json.loads(json.dumps(sandbox.config(tmp_path)))
    core = MedusaCore(config={**config, "medusa": {"retry": QUICK}}, media_roots=[root])
    yield core
    core.close(WITHIN_S)


def test_what_lies_beneath_is_published_also_by_its_name_alone(rooted: MedusaCore, root: Path) -> None:
    for media in (root / "video.mp4", Path("video.mp4")):
        assert publish(rooted, "vimeo", media=media)["status"] == "completed"


def test_what_lies_elsewhere_is_refused_wherever_a_request_names_it(rooted: MedusaCore, sandbox: Sandbox) -> None:
    thumbnail = {"vimeo": {"thumbnail": str(SAMPLE.with_suffix(".png"))}}
    for media in (SAMPLE, Path("/etc/hostname"), Path("../media/video.mp4")):
        with pytest.raises(InvalidRequest) as refused:
            publish(rooted, "vimeo", media=media, **thumbnail)
        said = {problem.path: problem.says for problem in refused.value.problems}
        assert said["media_file"] == f"{media} {OUTSIDE}"
        assert said["vimeo.thumbnail"].endswith(OUTSIDE)
    assert made(sandbox) == nothing_but()


def test_a_link_that_is_put_in_its_place_leads_nowhere(rooted: MedusaCore, sandbox: Sandbox, root: Path) -> None:
    looked = rooted._probe.look

    def replaced(media):  # type: ignore[no-untyped-def]  # the very signature of ProbePort.look
        (root / "video.mp4").unlink()
        (root / "video.mp4").symlink_to(SAMPLE)
        return looked(media)

    rooted._probe.look = replaced  # type: ignore[method-assign]  # the test stands in between
    reply = publish(rooted, "vimeo", media=root / "video.mp4")
    assert reply["status"] == "failed"
    assert reply["error"] == "video.mp4 cannot be read: too many levels of symbolic links"
    assert made(sandbox) == nothing_but()
