"""The command line's parts that need neither a terminal nor a platform."""

from __future__ import annotations

import errno
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console

from medusa.cli import ending, inputs
from medusa.cli.app import app
from medusa.cli.progress import Line, Stillness, amount, change, clock, lines, size, standing
from medusa.cli.sandbox import unstartable
from medusa.cli.views import Bars, Lines
from medusa.domain.failures import ConfigError, Failure, FailureKind, InvalidRequest, TaskNotFound
from medusa.domain.request import PublishRequest, Target
from medusa.domain.task import Step, StepState, Task
from medusa.domain.values import Media, Problem, Receipt, StepSpec

# ---------------------------------------------------------------- what was typed


def test_targets_are_split_at_commas() -> None:
    assert inputs.targets(["youtube, facebook", "vimeo", ""]) == ["youtube", "facebook", "vimeo"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("youtube.title=Hello", "Hello"),
        ("youtube.title=a=b", "a=b"),
        ("youtube.title=", ""),
        ("youtube.title=2024", "2024"),
        ("youtube.title=-1.5", "-1.5"),
        ("youtube.title=true!", "true!"),
        ("youtube.title=null", None),
        ("youtube.title=[Live] Talk", "[Live] Talk"),
        ("youtube.title:=2024", 2024),
        ("youtube.title:=true", True),
        ('youtube.title:="a=b"', "a=b"),
        ('youtube.title="2024"', "2024"),
        ("youtube.title=true", True),
        ('youtube.title=["a", "b"]', ["a", "b"]),
        ("youtube.title=NaN", "NaN"),
        ("youtube.title=-Infinity", "-Infinity"),
        ("youtube.title={youtube_url} {", "{youtube_url} {"),
        ("youtube.title=[" + "[" * 100_000, "[" + "[" * 100_000),
    ],
)
def test_set_takes_text_and_json_that_is_marked(text: str, value: Any) -> None:
    assert inputs.metadata(None, [text]) == {"youtube": {"title": value}}


def test_set_changes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "meta.json"
    file.write_text('{"youtube": {"title": "a", "privacy": "public"}}')
    found = inputs.metadata(file, ["youtube.title=b", "facebook.message=c", "youtube.x.y=d"])
    assert found == {"youtube": {"title": "b", "privacy": "public", "x": {"y": "d"}}, "facebook": {"message": "c"}}


def test_the_file_may_be_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"youtube": {}}')))
    assert inputs.metadata(Path("-"), []) == {"youtube": {}}


@pytest.mark.parametrize("value", ["", "abc", "NaN", "[1", "[" * 100_000])
def test_set_with_a_colon_takes_json_only(value: str) -> None:
    with pytest.raises(InvalidRequest, match=r"after := comes JSON"):
        inputs.metadata(None, [f"youtube.category:={value}"])


@pytest.mark.parametrize(
    ("text", "targets", "says"),
    [
        ("title=x", ["vimeo", "youtube"], "--set: 'title' needs its target before it: vimeo.title=..."),
        ("title:=5", [], "--set: 'title' needs its target before it: youtube.title=..."),
        ("vimeo=x", ["vimeo"], "--set: 'vimeo' is a target; say which of its values: vimeo.title=..."),
    ],
)
def test_set_without_a_target(text: str, targets: list[str], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        inputs.metadata(None, [text], targets)
    assert str(caught.value) == says


def test_set_may_give_all_of_a_target() -> None:
    assert inputs.metadata(None, ['youtube={"title": "a"}']) == {"youtube": {"title": "a"}}


@pytest.mark.parametrize("text", ["title", "=x", ":=x", "youtube..title=x", ".=x"])
def test_set_without_a_key_or_a_value(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"must be like youtube\.title=Hello"):
        inputs.metadata(None, [text])


def test_set_under_a_text() -> None:
    with pytest.raises(InvalidRequest, match=r"--set: youtube.title.x: title is text, which has no keys"):
        inputs.metadata(None, ["youtube.title=a", "youtube.title.x=b"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 1,}', "is not valid JSON: line 1, column"),
        ("[]", "must hold an object, not a list"),
        ('{"a": {}, "a": {}}', "a: is given twice"),
    ],
)
def test_a_bad_metadata_file(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "meta.json"
    file.write_text(content)
    with pytest.raises(InvalidRequest, match=says):
        inputs.metadata(file, [])


def test_the_configuration_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    own = tmp_path / "home/medusa/medusa_config.json"
    with pytest.raises(ConfigError, match="medusa sandbox --write-config"):
        inputs.config_file(None)
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    assert inputs.config_file(None) == own
    Path("medusa_config.json").write_text("{}")
    assert inputs.config_file(None) == Path("medusa_config.json")
    assert inputs.config_file(Path("other.json")) == Path("other.json")


# ---------------------------------------------------------------- how a command ends


def ended(raised: BaseException) -> int:
    @ending.guarded
    def command() -> int:
        raise raised

    with pytest.raises(click.exceptions.Exit) as caught:
        command()
    return int(caught.value.exit_code)


def test_a_status_is_passed_on() -> None:
    with pytest.raises(click.exceptions.Exit) as caught:
        ending.guarded(lambda: 7)()
    assert caught.value.exit_code == 7


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (InvalidRequest([Problem("youtube.title", "is missing")]), 2, "youtube.title: is missing\n"),
        (ConfigError([Problem("a", "b"), Problem("c", "d")]), 2, "a: b\nc: d\n"),
        (TaskNotFound("x"), 1, "there is no task 'x' (finished tasks are dropped after a while)\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_words(capsys: pytest.CaptureFixture[str], raised: BaseException, status: int, said: str) -> None:
    assert ended(raised) == status
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("list --nope", "No such option '--nope'"),
        ("list --limit 0", "Invalid value for '--limit'"),
        ("list --limit", "Option '--limit' requires"),
        ("publish", "Missing option '--to'"),
        ("show", "Missing argument 'TASK'"),
        ("lisst", "No such command 'lisst'"),
    ],
)
def test_a_wrong_command_is_told_in_words_and_as_json(
    capsys: pytest.CaptureFixture[str], words: str, says: str
) -> None:
    command, *more = words.split()
    assert ending.carried_out(app, [command, *more]) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert said.splitlines()[-1].startswith(f"Error: {says}")
    assert ending.carried_out(app, [command, "--json", *more]) == 2
    out, said = capsys.readouterr()
    assert said == ""
    (problem,) = json.loads(out)["problems"]
    assert json.loads(out) == {"status": "invalid", "problems": [problem]}
    assert problem["says"].startswith(says)


def test_ctrl_c_before_a_command_began_is_no_failure() -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    command = click.Command("list", params=[click.Option(["--limit"], callback=interrupted)])
    assert ending.carried_out(command, []) == 130


def test_a_bug_is_one_line_without_what_it_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDUSA_DEBUG", raising=False)
    assert ended(KeyError("token-123")) == 1
    said = capsys.readouterr().err
    assert said.startswith("This is a bug in Medusa (KeyError at unit/test_cli.py:")
    assert "token-123" not in said
    assert said.count("\n") == 1


def test_a_bug_shows_its_traceback_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDUSA_DEBUG", "1")
    assert ended(KeyError("x")) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_platforms_words_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ending.say("bad\x1b[31m\x07\r title\u00a0é\n")
    assert capsys.readouterr().err == "bad\ufffd[31m\ufffd\ufffd title\u00a0é\n\n"


# ---------------------------------------------------------------- what is shown

MEDIA = Media.named("/videos/talk.mp4")
TARGETS = (
    Target("youtube", "youtube", "YouTube"),
    Target("vimeo", "vimeo", "Vimeo"),
    Target("facebook", "facebook", "Facebook"),
)


def step(name: str, verb: str, target: str | None, **more: Any) -> Step:
    spec = StepSpec(name, f"t:{target}:{name}", verb=verb, yields=more.pop("yields", ""))
    return Step(spec, target, **more)


LOOK = step("media", "Looking at", None)
VIDEO = step("video", "Uploading to", "youtube", yields="url", total=10_000_000)
OTHER = step("video", "Uploading to", "vimeo", yields="url", total=10_000_000)
POST = step("post", "Posting on", "facebook", yields="post_id")


def task(*steps: Step) -> Task:
    return Task("t", PublishRequest(TARGETS, {}, MEDIA), steps, created_at=0.0)


def running(done: int = 0, **more: Any) -> Step:
    return replace(VIDEO, state=StepState.RUNNING, done=done, **more)


def test_a_line_for_each_step() -> None:
    found = lines(task(LOOK, VIDEO, POST))
    assert [line.title for line in found] == ["Looking at talk.mp4", "Uploading to YouTube", "Posting on Facebook"]


def test_the_detail_of_a_running_upload() -> None:
    (first,) = lines(task(running(1_000_000)))
    (second,) = lines(task(running(3_000_000, rate=1_000_000)))
    assert first.detail == "1.0/10.0 MB"
    assert second.detail == "3.0/10.0 MB, 1.0 MB/s, 0:07 left"
    assert (first.percent, second.percent) == (10, 30)


def test_a_hundred_percent_means_done() -> None:
    (waits, done) = lines(task(running(10_000_000), replace(OTHER, state=StepState.SUCCEEDED, done=10_000_000)))
    assert (waits.percent, done.percent) == (99, 100)


def test_for_how_long_nothing_has_moved() -> None:
    stillness = Stillness()
    for second, done in [(0.0, 0), (1.0, 5), (2.0, 5), (3.0, 4)]:
        stillness.seen(replace(UPLOAD, done=done), second)
    assert stillness.seconds("k", 7.0) == 4.0
    assert stillness.seconds("other", 7.0) == 0.0


@pytest.mark.parametrize(
    ("shown", "detail"),
    [
        (
            running(5, note="YouTube is rate limited, next try at 14:05:10"),
            "YouTube is rate limited, next try at 14:05:10",
        ),
        (replace(VIDEO, state=StepState.SUCCEEDED, receipt=Receipt("a", "https://y/a")), "https://y/a"),
        (replace(POST, state=StepState.SUCCEEDED, receipt=Receipt("1_2")), "1_2"),
        (replace(LOOK, state=StepState.SUCCEEDED, receipt=Receipt("x", "https://x")), ""),
        (replace(VIDEO, state=StepState.FAILED, failure=Failure(FailureKind.QUOTA, "No quota")), "No quota"),
        (replace(VIDEO, state=StepState.SKIPPED), "skipped"),
        (VIDEO, ""),
    ],
)
def test_the_note_of_a_step(shown: Step, detail: str) -> None:
    (line,) = lines(task(shown))
    assert line.detail == detail


UPLOAD = Line("k", StepState.RUNNING, "Uploading to YouTube", 0, 100)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, replace(UPLOAD, state=StepState.WAITING), None),
        (None, UPLOAD, "Uploading to YouTube: 0/100 B"),
        (UPLOAD, replace(UPLOAD, done=9), None),
        (UPLOAD, replace(UPLOAD, done=10), "Uploading to YouTube: 10/100 B"),
        (UPLOAD, replace(UPLOAD, note="busy"), "Uploading to YouTube: busy"),
        (replace(UPLOAD, note="busy"), UPLOAD, None),
        (
            UPLOAD,
            replace(UPLOAD, state=StepState.SUCCEEDED, note="https://y/a"),
            "Uploading to YouTube: done (https://y/a)",
        ),
        (UPLOAD, replace(UPLOAD, state=StepState.FAILED, note="No quota"), "Uploading to YouTube: failed (No quota)"),
        (UPLOAD, replace(UPLOAD, state=StepState.STOPPED, note="stopped"), "Uploading to YouTube: stopped"),
        (replace(UPLOAD, state=StepState.SUCCEEDED), replace(UPLOAD, state=StepState.SUCCEEDED), None),
    ],
)
def test_where_there_is_no_screen_only_changes_are_told(before: Line | None, after: Line, said: str | None) -> None:
    assert change(before, after) == said


def test_a_long_upload_is_told_about_now_and_then() -> None:
    assert change(UPLOAD, replace(UPLOAD, done=1), due=True) == "Uploading to YouTube: 1/100 B"
    assert change(UPLOAD, UPLOAD, due=True) is None


def test_how_far_a_task_came() -> None:
    stopped = task(
        replace(LOOK, state=StepState.SUCCEEDED),
        replace(OTHER, state=StepState.SUCCEEDED, receipt=Receipt("1", "https://v/1")),
        replace(VIDEO, state=StepState.STOPPED, done=3_400_000),
        replace(POST, state=StepState.SKIPPED),
        replace(step("ready", "Waiting for", "youtube"), state=StepState.FAILED, failure=Failure(FailureKind.BUG, "?")),
    )
    assert standing(stopped) == (
        "  done: Uploading to Vimeo (https://v/1)\n"
        "  interrupted: Uploading to YouTube at 34 %\n"
        "  failed: Waiting for YouTube\n"
        "  not started: Posting on Facebook"
    )


def test_a_paused_upload_keeps_its_place_in_what_is_told() -> None:
    paused = task(replace(VIDEO, state=StepState.WAITING, done=3_400_000), POST)
    assert standing(paused) == "  paused: Uploading to YouTube at 34 %\n  not started: Posting on Facebook"
    assert [line.detail for line in lines(paused)] == ["3.4/10.0 MB", ""]


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_960, "100 kB"),
        (999_700, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (1_234_567_890, "1.23 GB"),
        (99_960_000_000, "100 GB"),
        (5e12, "5000 GB"),
    ],
)
def test_sizes(count: float, told: str) -> None:
    assert size(count) == told


def test_amounts() -> None:
    assert amount(12_300_000, 45_600_000) == "12.3/45.6 MB"
    assert amount(900_000, 45_600_000) == "900 kB/45.6 MB"


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3600, "1:00:00")])
def test_clocks(seconds: float, told: str) -> None:
    assert clock(seconds) == told


SNAPSHOTS = [
    task(LOOK, VIDEO, POST),
    task(replace(LOOK, state=StepState.SUCCEEDED), running(5_000_000), POST),
    task(
        replace(LOOK, state=StepState.SUCCEEDED),
        replace(VIDEO, state=StepState.SUCCEEDED, done=10_000_000, receipt=Receipt("a", "https://y/[a]")),
        replace(POST, state=StepState.FAILED, failure=Failure(FailureKind.REJECTED, "No \x1b[31m")),
    ),
]


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as view:
        for snapshot in SNAPSHOTS:
            view.draw(lines(snapshot))
    assert capsys.readouterr().err == (
        "Looking at talk.mp4: done\n"
        "Uploading to YouTube: 5.0/10.0 MB\n"
        "Uploading to YouTube: done (https://y/[a])\n"
        "Posting on Facebook: failed (No \ufffd[31m)\n"
    )


def test_bars_end_with_every_steps_outcome() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=100, legacy_windows=False)
    with Bars(console) as view:
        for snapshot in SNAPSHOTS:
            view.draw(lines(snapshot))
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    looked, uploaded, posted = drawn.rstrip().splitlines()[-3:]
    assert looked.rstrip() == "✓ Looking at talk.mp4"
    assert re.fullmatch(r"✓ Uploading to YouTube ━{16} https://y/\[a\]\s*", uploaded)
    assert re.fullmatch(r"✗ Posting on Facebook\s+No \ufffd\[31m\s*", posted)


def sent(width: int, *snapshots: Task) -> str:
    """All that a terminal of this width was sent, without colours and movements; each frame begins with \\r."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=width, legacy_windows=False)
    with Bars(console) as view:
        for snapshot in snapshots:
            view.draw(lines(snapshot))
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (100, r". Uploading to YouTube ━+.*5\.0/10\.0 MB"),
        (60, r". Uploading to YouTube 5\.0/10\.0 MB"),
        (40, r". Uploading to YouTube 5\.0/10\.0 MB"),
        (34, r". Uploading to YouTube 50 %"),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns(width: int, shown: str) -> None:
    text = sent(width, task(running(5_000_000)))
    assert re.fullmatch(shown, text.rpartition("\r")[2].rstrip())
    assert "…" not in text


def test_the_first_frame_has_every_step() -> None:
    first = sent(100, SNAPSHOTS[0]).partition("\r")[0].splitlines()
    assert [line.strip(" ·") for line in first] == [
        "Looking at talk.mp4",
        "Uploading to YouTube",
        "Posting on Facebook",
    ]


def test_what_moves_is_told_in_shorter_ways() -> None:
    line = replace(UPLOAD, done=3_000_000, total=10_000_000, rate=1_000_000, eta_s=7.0)
    assert line.details == ("3.0/10.0 MB, 1.0 MB/s, 0:07 left", "3.0/10.0 MB, 0:07 left", "30 %, 0:07 left", "30 %")


def test_nothing_to_show_draws_nothing() -> None:
    assert sent(100) == ""


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.EACCES, "x"), "--port: 80 is not allowed to you; take one above 1023"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "--port: cannot listen at 80: cannot assign requested address"),
        (OSError(errno.ENOSPC, "No space left on device", "/keep"), "--keep: /keep: no space left on device"),
    ],
)
def test_why_a_sandbox_cannot_start(error: OSError, says: str) -> None:
    assert str(unstartable(error, 80)) == says


def test_the_schema_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    from medusa.cli.config import print_schema

    assert print_schema() == 0
    assert "youtube" in json.loads(capsys.readouterr().out)["properties"]
