"""Bad input: a clear message, nothing sent, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medusa import ConfigError, InvalidRequest, MedusaCore
from medusa.sandbox import Sandbox
from tests.integration.rehearsal import SAMPLE, WITHIN_S, MakeMedusa, made, nothing_but, publish, start

MEDUSA = [sys.executable, "-c", "from medusa.cli import main; main()"]

# ---------------------------------------------------------------- the configuration


@pytest.fixture
def config_file(sandbox: Sandbox, tmp_path: Path) -> Path:
    file = tmp_path / "medusa_config.json"
    sandbox.write_config(file)
    return file


def refused(config_file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        MedusaCore(config_file=config_file)
    return str(caught.value)


def changed(config_file: Path, target: str, **block: Any) -> Path:
    config = json.loads(config_file.read_text())
    config[target] = {**config.get(target, {}), **block}
    config_file.write_text(json.dumps(config))
    return config_file


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "medusa_config.json"
    assert refused(file) == f"{file}: cannot be read: No such file or directory"


def test_an_unparsable_configuration_names_line_and_column(config_file: Path) -> None:
    config_file.write_text('{\n  "youtube": {\n    "client_secrets_file": oops\n  }\n}')
    said = f"{config_file}: is not valid JSON: line 3, column 28: Expecting value"
    assert refused(config_file) == said


def test_an_unknown_key_gets_a_suggestion(config_file: Path) -> None:
    assert refused(changed(config_file, "facebook", page_idd="1")) == (
        "facebook.page_idd: unknown key; did you mean page_id?"
    )


def test_a_wrong_type_does_not_quote_what_was_given(config_file: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    token = sandbox.config(tmp_path)["vimeo"]["access_token"]
    said = refused(changed(config_file, "vimeo", access_token=[token]))
    assert said.startswith("vimeo.access_token: ")
    assert token not in said


def test_all_that_is_wrong_is_said_at_once(config_file: Path) -> None:
    changed(config_file, "vimeo", access_token=7.5, chunk_size="big")
    said = refused(changed(config_file, "youtub", client_secrets_file="x"))
    assert [line.partition(":")[0] for line in said.splitlines()] == [
        "vimeo.access_token",
        "vimeo.chunk_size",
        "youtub",
    ]


def test_a_missing_login_names_the_command(config_file: Path, sandbox: Sandbox) -> None:
    missing = config_file.with_suffix(".secrets") / "youtube_credentials.json"
    missing.unlink()
    with MedusaCore(config_file=config_file) as medusa:
        reply = publish(medusa, "youtube", "facebook")
    assert reply == {
        "status": "failed",
        "error": f"YouTube API error: nobody is logged in: there is no credentials file {missing}. "
        "Run: medusa auth login youtube",
        "failed_platform": "youtube",
    }
    assert made(sandbox) == nothing_but()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"token": "x"}', '"text"', "\udcff"])
def test_a_login_that_is_none_names_the_command(config_file: Path, content: str) -> None:
    (config_file.with_suffix(".secrets") / "youtube_credentials.json").write_bytes(
        content.encode("utf-8", "surrogateescape")
    )
    with MedusaCore(config_file=config_file) as medusa:
        reply = publish(medusa, "youtube")
    assert reply["failed_platform"] == "youtube"
    assert "youtube_credentials.json is not a JSON object with refresh_token" in reply["error"]
    assert reply["error"].endswith("Run: medusa auth login youtube")


def test_a_missing_client_secrets_file_only_matters_to_the_login(config_file: Path) -> None:
    (config_file.with_suffix(".secrets") / "youtube_client_secrets.json").unlink()
    with MedusaCore(config_file=config_file) as medusa:
        assert publish(medusa, "youtube")["status"] == "completed"
    arguments = ["auth", "login", "youtube", "--config", str(config_file)]
    ended = subprocess.run([*MEDUSA, *arguments], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert ended.returncode == 2
    assert "youtube_client_secrets.json" in ended.stderr
    assert "Traceback" not in ended.stderr


# ---------------------------------------------------------------- the request


def problems(medusa: MedusaCore, **request: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        medusa.publish_async(**request)
    assert medusa.list_tasks() == ()
    assert tuple(caught.value.problems) == medusa.validate(**request)
    return {problem.path: problem.says for problem in caught.value.problems}


def test_every_problem_of_a_request_at_once(medusa: MedusaCore, sandbox: Sandbox) -> None:
    found = problems(
        medusa,
        media_file="nowhere.mp4",
        platforms=["youtube", "vime", "facebook"],
        metadata={
            "youtube": {"privcy": "unlisted", "title": "x" * 101, "tags": "demo"},
            "facebook": {"message": "{tiktok_url}"},
            "vimeo": {},
        },
    )
    assert "did you mean vimeo?" in found["platforms[1]"]
    assert "did you mean privacy?" in found["youtube.privcy"]
    assert "100" in found["youtube.title"]
    assert "unknown placeholder {tiktok_url}" in found["facebook.message"]
    assert found["media_file"].startswith("there is no file ")
    assert {"youtube.tags", "metadata.vimeo"} <= found.keys()
    assert sandbox.log() == []


def test_the_link_of_a_private_video_is_not_posted(medusa: MedusaCore) -> None:
    found = problems(
        medusa,
        media_file=SAMPLE,
        platforms=["youtube", "facebook"],
        metadata={"facebook": {"message": "{youtube_url}"}},
    )
    assert found.keys() == {"youtube.privacy"}
    assert "unlisted" in found["youtube.privacy"]


def test_placeholders_in_a_circle(make_medusa: MakeMedusa, sandbox: Sandbox, tmp_path: Path) -> None:
    second = {**sandbox.config(tmp_path)["facebook"], "platform": "facebook"}
    found = problems(
        make_medusa(second=second),
        platforms=["facebook", "second"],
        metadata={"facebook": {"message": "{second_post_id}"}, "second": {"message": "{facebook_post_id}"}},
    )
    assert found == {"facebook": "placeholders form a circle: facebook needs second needs facebook"}


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        ({"platforms": "youtube"}, "platforms"),
        ({"platforms": []}, "platforms"),
        ({"platforms": [None]}, "platforms[0]"),
        ({"platforms": ["facebook", "facebook"]}, "platforms[1]"),
        ({"platforms": ["facebook"], "metadata": ["message"]}, "metadata"),
        ({"platforms": ["facebook"], "metadata": {"facebook": "words"}}, "facebook"),
        ({"platforms": ["facebook"], "metadata": {"facebook": {"message": 7}}}, "facebook.message"),
        ({"platforms": ["facebook"], "metadata": {"facebook": {}}}, "facebook.message"),
        ({"platforms": ["youtube"]}, "youtube"),
        ({"platforms": ["vimeo"], "media_file": 7}, "media_file"),
        ({"platforms": ["vimeo"], "media_file": "a\0b.mp4"}, "media_file"),
    ],
)
def test_what_is_no_request(medusa: MedusaCore, request_: dict[str, Any], path: str) -> None:
    assert path in problems(medusa, **request_)


def test_a_folder_is_no_media_file(medusa: MedusaCore, tmp_path: Path) -> None:
    folder = tmp_path / "video.mp4"
    folder.mkdir()
    found = problems(medusa, media_file=folder, platforms=["vimeo"])
    assert found == {"media_file": f"{folder} is a directory"}


# ---------------------------------------------------------------- the media's content


def cut_short(file: Path) -> None:
    file.write_bytes(SAMPLE.read_bytes()[: SAMPLE.stat().st_size // 2])


def wordy(file: Path) -> None:
    file.write_text("These are only words.\n" * 1000)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Path.touch, "video.mp4 is empty"),
        (wordy, "video.mp4 is not a video: it has no video track (it holds nothing that plays)"),
        (cut_short, "video.mp4 is cut short: its end is missing"),
    ],
)
def test_a_file_that_is_no_video(medusa: MedusaCore, sandbox: Sandbox, tmp_path: Path, make: Any, says: str) -> None:
    file = tmp_path / "video.mp4"
    make(file)
    assert publish(medusa, "youtube", "vimeo", "facebook", media=file) == {
        "status": "failed",
        "error": says,
        "failed_platform": None,
    }
    assert sandbox.log() == []


def test_a_picture_that_is_named_like_a_video(medusa: MedusaCore, picture: Path) -> None:
    file = picture.rename(picture.with_name("video.mp4"))
    reply = publish(medusa, "vimeo", media=file)
    assert reply["error"] == "video.mp4 is not a video: it has no video track (it holds an image)"


def test_a_file_that_may_not_be_read(medusa: MedusaCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the system's refusal is made up."""
    file = tmp_path / "video.mp4"
    shutil.copyfile(SAMPLE, file)
    really = os.open

    def refuse(path: Any, *arguments: Any, **named: Any) -> Any:
        if path == str(file):
            raise PermissionError(13, "Permission denied", path)
        return really(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)
    reply = publish(medusa, "vimeo", media=file)
    assert reply == {
        "status": "failed",
        "error": "video.mp4 cannot be read: permission denied",
        "failed_platform": None,
    }


def test_all_files_of_a_request_are_looked_at(medusa: MedusaCore, sandbox: Sandbox, tmp_path: Path) -> None:
    track = tmp_path / "talk.srt"
    track.touch()
    reply = publish(medusa, "youtube", youtube={"captions": [{"file": str(track), "language": "en"}]})
    assert reply == {"status": "failed", "error": "talk.srt is empty", "failed_platform": None}
    assert sandbox.log() == []


def test_an_unsendable_token_is_said_in_words(make_medusa: MakeMedusa, sandbox: Sandbox) -> None:
    medusa = make_medusa(vimeo={"access_token": "tökén-with-ümläuts-❤"})
    reply = medusa.wait(start(medusa, "vimeo"), WITHIN_S)
    assert reply["failed_platform"] == "vimeo"
    assert "tökén" not in reply["error"]
    assert "characters" in reply["error"]


def test_files_that_are_not_there_are_named_beside_all_that_is_wrong(medusa: MedusaCore, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    asked = {
        "youtube": {"titel": "x", "thumbnail": missing, "captions": [{"file": missing, "language": "en", "nam": ""}]},
        "vimeo": {"privacy": "secret", "thumbnail": missing, "texttracks": [{"file": missing}]},
    }
    problems = medusa.validate(SAMPLE, ["youtube", "vimeo"], asked)
    absent = [problem.path for problem in problems if problem.says == f"there is no file {missing}"]
    assert absent == ["youtube.thumbnail", "youtube.captions[0].file", "vimeo.thumbnail", "vimeo.texttracks[0].file"]
    assert {"youtube.titel", "youtube.captions[0].nam", "vimeo.privacy"} < {problem.path for problem in problems}
