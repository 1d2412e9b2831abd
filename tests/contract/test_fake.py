"""The fake platform passes the exam, in each of the ways in which a real one may answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.platforms.fake.adapter import FakePublisher
from medusa.adapters.platforms.fake.rules import FakeAccount, FakeRules
from medusa.adapters.platforms.fake.server import FakePlatform
from medusa.domain.policy import Ready
from medusa.domain.values import Json
from tests.contract.exam import PublisherContract, UploaderContract
from tests.contract.rig import Rig

WINDOW = 64 * 1024


def rig_of(directory: Path, asked: Json, *, media: bool = True, used: bool = False, **account: object) -> Rig:
    """The fake platform with this request, and a video of three windows."""
    platform, settings = FakePlatform(), FakeAccount(window=WINDOW, **account)  # type: ignore[arg-type]
    platform.granule, platform.read_lag_s = 4096, 3.0
    video = directory / "Tech Talk.mp4"
    video.write_bytes(bytes(range(256)) * (5 * WINDOW // 2 // 256))
    return Rig(
        adapter=lambda http: FakePublisher(settings, http, FileAccounts()),
        rules=FakeRules(settings, Ready()),
        asked=asked,
        media=video if media else None,
        used=used,
        http=platform,
        existing=platform.existing,
        reset=platform.reset,
        may_be_unknown=frozenset({"post", "comment"} if settings.finds == "nothing" else ()),
        secrets=(settings.token,),
    )


class TestFakeUploader(UploaderContract):
    @pytest.fixture(params=["video", "thumbnail", "ready"])
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
        picture = tmp_path / "picture.png"
        picture.write_bytes(b"\x89PNG" * 300)
        asked = {"title": "Tech Talk", "privacy": "public"}
        if request.param == "thumbnail":
            asked["thumbnail"] = str(picture)
        return rig_of(tmp_path, asked, used=request.param == "ready")


class TestFakePublisher(PublisherContract):
    @pytest.fixture(params=["list", "key", "nothing"])
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
        asked = {"message": "Watch {youtube_url}", "comment": "first"}
        return rig_of(tmp_path, asked, media=False, finds=request.param)


class TestFakeBoth(UploaderContract, PublisherContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        return rig_of(tmp_path, {"title": "Tech Talk", "message": "It is out"})
