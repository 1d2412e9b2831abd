"""The command line against a sandbox, over real HTTP."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from medusa.adapters import registry
from medusa.cli.app import app
from medusa.sandbox import Sandbox

MEDUSA = [sys.executable, "-c", "from medusa.cli import main; main()"]
SAMPLE = Path(__file__).parents[2] / "medusa/sandbox/sample.mp4"
WITHIN_S = 60
"""Far more than any of these needs: a hang fails instead of blocking the suite."""
PUBLIC = ["--set", "youtube.privacy=unlisted", "--set", "facebook.message=See {youtube_url}"]


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Sandbox]:
    with Sandbox(options={"processing_s": 0.05}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(rehearsal: Sandbox) -> Sandbox:
    rehearsal.reset()
    return rehearsal


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> Path:
    file = tmp_path / "medusa_config.json"
    sandbox.write_config(file)
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


# ---------------------------------------------------------------- publish


def test_publish_prints_the_results(config: Path, sandbox: Sandbox) -> None:
    result = run("publish", SAMPLE, "--to", "youtube,facebook", *PUBLIC, "--config", config)
    assert result.exit_code == 0, result.stderr
    youtube, facebook = result.stdout.splitlines()
    url = youtube.removeprefix("youtube_url: ")
    assert facebook.startswith("facebook_post_id: ")
    assert "Uploading to YouTube: done" in result.stderr
    (post,) = sandbox.state()["facebook"]["posts"]  # type: ignore[index]
    assert url in json.dumps(post)


def test_publish_for_scripts(config: Path, tmp_path: Path) -> None:
    meta = tmp_path / "meta.json"
    meta.write_text('{"vimeo": {"title": "From a file"}}')
    result = run("publish", SAMPLE, "--to", "vimeo", "--meta", meta, "--config", config, "--json")
    assert result.exit_code == 0
    assert answer(result)["status"] == "completed"
    assert answer(result)["results"].keys() == {"vimeo_url"}
    assert result.stderr == ""


def test_a_quiet_publish_shows_only_the_results(config: Path) -> None:
    result = run("publish", SAMPLE, "--to", "vimeo", "--config", config, "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("vimeo_url: https://vimeo.com/")


def refuse_posts(sandbox: Sandbox) -> None:
    said = {"error": {"message": "(#200) No rights", "type": "OAuthException", "code": 200}}
    sandbox.fault(platform="facebook", operation="feed.create", kind="status", code=403, body=said)


def test_a_failed_publish_says_how_far_it_came(config: Path, sandbox: Sandbox) -> None:
    refuse_posts(sandbox)
    result = run("publish", SAMPLE, "--to", "youtube,facebook", *PUBLIC, "--config", config)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Failed: Facebook API error: (#200) No rights" in result.stderr
    assert re.search(r"done: Uploading to YouTube \(https://\S+\)\n  failed: Posting on Facebook\n$", result.stderr)


def test_a_failed_publish_for_scripts(config: Path, sandbox: Sandbox) -> None:
    refuse_posts(sandbox)
    result = run("publish", SAMPLE, "--to", "youtube,facebook", *PUBLIC, "--config", config, "--json")
    assert result.exit_code == 1
    assert answer(result)["failed_platform"] == "facebook"


def test_bad_input_sends_nothing(config: Path, sandbox: Sandbox) -> None:
    result = run("publish", "nowhere.mp4", "--to", "youtube,vime", "--set", "youtube.titel=x", "--config", config)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean vimeo?" in result.stderr
    assert "youtube.titel" in result.stderr
    assert "nowhere.mp4" in result.stderr
    assert sandbox.log() == []


def test_bad_input_for_scripts(config: Path, sandbox: Sandbox) -> None:
    result = run("publish", SAMPLE, "--to", "youtube", "--set", "youtube.titel=x", "--config", config, "--json")
    assert (result.exit_code, result.stderr) == (2, "")
    problem = {"path": "youtube.titel", "says": "unknown key; did you mean title?"}
    assert answer(result) == {"status": "invalid", "problems": [problem]}
    assert sandbox.log() == []


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["--set", "title=x"], "--set"),
        (["--meta", "nowhere.json"], "nowhere.json"),
        (["--config", "no.json"], "no.json"),
    ],
)
def test_whatever_is_wrong_is_one_object_for_scripts(config: Path, arguments: list[str], path: str) -> None:
    asked = [SAMPLE, "--to", "youtube", "--config", config, *arguments, "--json"]
    published, validated = run("publish", *asked), run("validate", *asked)
    assert published.exit_code == validated.exit_code == 2
    assert answer(published)["status"] == "invalid"
    assert answer(validated)["valid"] is False
    for result in (published, validated):
        assert [problem["path"] for problem in answer(result)["problems"]] == [path]


def test_a_title_may_look_like_a_number(config: Path, sandbox: Sandbox) -> None:
    result = run("publish", SAMPLE, "--to", "youtube", "--set", "youtube.title=2024", "--config", config)
    assert result.exit_code == 0, result.stderr
    assert '"2024"' in json.dumps(sandbox.state()["youtube"])


def test_without_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("MEDUSA_CONFIG", raising=False)
    result = run("publish", SAMPLE, "--to", "youtube")
    assert result.exit_code == 2
    assert "no configuration: there is no medusa_config.json or " in result.stderr


def test_the_environment_names_the_configuration(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDUSA_CONFIG", str(config))
    assert run("validate", SAMPLE, "--to", "vimeo").stdout == "valid\n"
    assert run("config", "check").exit_code == 0


@pytest.mark.parametrize("arguments", [["publish"], ["publish", "--to"], ["nonsense"], ["sandbox", "--port", "x"]])
def test_usage_errors(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


# ---------------------------------------------------------------- validate


def test_a_valid_request(config: Path, sandbox: Sandbox) -> None:
    result = run("validate", SAMPLE, "--to", "youtube,facebook", *PUBLIC, "--config", config)
    assert (result.exit_code, result.stdout) == (0, "valid\n")
    assert result.stderr == "The media and the accounts are looked at with --online only.\n"
    assert sandbox.log() == []


def test_every_problem_of_a_request(config: Path) -> None:
    asked = ["--set", "youtube.titel=x", "--set", "facebook.message={nobody_url}", "--config", config]
    plain = run("validate", SAMPLE, "--to", "youtube,facebook", *asked)
    listed = run("validate", SAMPLE, "--to", "youtube,facebook", *asked, "--json")
    assert plain.exit_code == listed.exit_code == 2
    assert [line.partition(":")[0] for line in plain.stdout.splitlines()] == ["youtube.titel", "facebook.message"]
    assert [problem["path"] for problem in answer(listed)["problems"]] == ["youtube.titel", "facebook.message"]
    assert answer(listed)["valid"] is False


def test_validating_online_asks_the_platforms(config: Path, sandbox: Sandbox) -> None:
    sandbox.fault(platform="vimeo", operation="*", kind="token_revoked", times=-1)
    request = ["validate", SAMPLE, "--to", "vimeo", "--config", config]
    assert run(*request).exit_code == 0
    assert run(*request, "--json").stderr == ""
    result = run(*request, "--online")
    assert (result.exit_code, result.stderr) == (2, "")
    assert result.stdout.startswith("vimeo: Vimeo API error: ")
    assert {record["method"] for record in sandbox.log()} == {"GET"}


# ---------------------------------------------------------------- platforms, config, auth


def test_platforms() -> None:
    listed = answer(run("platforms", "--json"))
    assert [platform["name"] for platform in listed] == list(registry.PLATFORMS)
    table = run("platforms").stdout
    assert "{youtube_url}" in table
    assert "{facebook_post_id}" in table


def test_a_good_configuration(config: Path) -> None:
    result = run("config", "check", config)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{config} is valid; targets: YouTube, Vimeo, Facebook\n"


def test_the_configuration_is_named_in_one_way(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run("config", "check", config).stdout
    assert run("config", "check", "--config", config).stdout == expected
    both = run("config", "check", config, "--config", config)
    assert (both.exit_code, both.stdout) == (2, "")
    assert both.stderr == "--config: the configuration is named twice: as FILE and by --config\n"
    monkeypatch.setenv("MEDUSA_CONFIG", "elsewhere.json")
    assert run("config", "check", config).stdout == expected


def test_what_to_mind_is_said_beside_what_is_wrong(config: Path) -> None:
    block = json.loads(config.read_text())
    Path(block["youtube"]["credentials_file"]).unlink()
    Path(block["youtube"]["client_secrets_file"]).write_text("{}")
    config.write_text(json.dumps({**block, "facebook": {"page_id": "abc", "access_token": "t"}}))
    result = run("config", "check", config)
    assert result.exit_code == 2
    assert result.stdout == "facebook.page_id: must be digits only, such as 1234567890\n"
    client, login = result.stderr.splitlines()
    assert client.startswith("Warning: youtube.client_secrets_file: ")
    assert 'holds no "installed"' in client
    assert "there is no file" in login
    assert login.endswith("medusa auth login youtube")


def test_a_configuration_without_targets(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text("{}")
    result = run("config", "check", file)
    assert (result.exit_code, result.stdout) == (0, f"{file} is valid; targets: none\n")
    assert result.stderr == f"Warning: {file}: no target is configured; there can be: youtube, vimeo, facebook\n"


def test_a_configuration_to_mind(config: Path) -> None:
    config.chmod(0o644)
    result = run("config", "check", config)
    assert result.exit_code == 0
    assert result.stderr == f"Warning: {config}: others may read it (mode 0644): chmod 600 {config}\n"
    (warning,) = answer(run("config", "check", config, "--json"))["warnings"]
    assert warning["path"] == str(config)


def test_a_bad_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"facebook": {"page_idd": "1", "access_token": "EAAB"}, "tiktok": {}}')
    result = run("config", "check", file)
    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [
        "facebook.page_idd",
        "facebook.page_id",
        "tiktok",
    ]
    report = answer(run("config", "check", file, "--json"))
    assert (report["valid"], len(report["problems"])) == (False, 3)


def test_the_schema_covers_what_the_sandbox_writes(config: Path) -> None:
    properties = answer(run("config", "schema"))["properties"]
    for target, block in json.loads(config.read_text()).items():
        assert block.keys() <= properties[target]["properties"].keys()


@pytest.mark.parametrize(
    ("target", "says"),
    [("vimeo", "vimeo: Vimeo takes its token from the configuration"), ("youtub", "did you mean youtube?")],
)
def test_where_there_is_no_login(config: Path, target: str, says: str) -> None:
    result = run("auth", "login", target, "--config", config)
    assert result.exit_code == 2
    assert says in result.stderr


# ---------------------------------------------------------------- real processes


def medusa(*arguments: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [*MEDUSA, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False, **more)


def loaded_by(*arguments: str | Path) -> set[str]:
    """All modules that a command has loaded when it ends well."""
    script = (
        "import sys\nfrom medusa.cli import main\n"
        "try: main()\nexcept SystemExit as end: end.code and sys.exit(end.code)\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_help_and_version_load_nothing_heavy() -> None:
    for option in ("--help", "--version"):
        loaded = loaded_by(option)
        assert "click" in loaded
        assert not loaded & {"rich", "pydantic", "requests", "aiohttp", "googleapiclient", "dependency_injector"}
        assert not loaded & {"medusa.core", "medusa.domain.task"}


def test_a_publication_loads_only_what_it_uses(config: Path) -> None:
    loaded = loaded_by("publish", SAMPLE, "--to", "youtube,facebook", *PUBLIC, "--config", config)
    assert {"dependency_injector", "googleapiclient", "pymediainfo", "h11"} <= loaded
    assert not loaded & {"rich", "requests", "aiohttp", "grpc", "OpenSSL"}
    assert not loaded & {"typer", "psycopg", "opentelemetry.sdk"}


def test_a_wrong_option_is_told_as_json_where_that_is_asked_for() -> None:
    done = medusa("list", "--nope", "--json")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["status"] == "invalid"


def test_the_demo_ends_by_itself() -> None:
    done = medusa("demo", "--stay", stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)
    assert reply["status"] == "completed"
    assert reply["results"].keys() == {"youtube_url", "vimeo_url", "facebook_post_id"}
    assert re.search(r"http://127\.0\.0\.1:\d+/", done.stderr)
    assert "medusa demo --stay" in done.stderr


def test_ctrl_c_ends_the_demo() -> None:
    with subprocess.Popen([*MEDUSA, "demo"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("Uploading to "):
                break
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, out) == (130, "")
    assert "Interrupted." in told


def test_a_sandbox_to_rehearse_with(tmp_path: Path) -> None:
    file = tmp_path / "medusa_config.json"
    faults = tmp_path / "faults.json"
    faults.write_text('[{"platform": "vimeo", "operation": "*", "kind": "token_revoked", "times": -1}]')
    command = [*MEDUSA, "sandbox", "--write-config", str(file), "--faults", str(faults), "--keep", str(tmp_path / "k")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            where, page, configuration, end = (process.stdout.readline() for _ in range(4))
            assert re.fullmatch(r"Sandbox: http://127\.0\.0\.1:\d+\n", where)
            assert page.startswith("What got published: http://127.0.0.1:")
            assert configuration.startswith(f"Configuration: {file} ")
            assert end == "Stop it with Ctrl-C.\n"
            assert run("validate", SAMPLE, "--to", "youtube,vimeo", "--online", "--config", file).exit_code == 2
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(WITHIN_S) == 0


def test_a_missing_extra_says_what_to_install() -> None:
    script = "import sys; sys.modules['aiohttp'] = None; from medusa.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "sandbox"], capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert (done.returncode, done.stderr) == (1, "The sandbox needs aiohttp: pip install 'medusa-media[sandbox]'\n")


def test_a_taken_port(sandbox: Sandbox) -> None:
    result = run("sandbox", "--port", sandbox.url.rpartition(":")[2])
    assert result.exit_code == 2
    port = sandbox.url.rpartition(":")[2]
    assert result.stderr == f"--port: {port} is in use; leave it out to take a free one\n"


@pytest.mark.parametrize(
    ("option", "content", "says"),
    [
        ("--faults", None, "--faults: {} cannot be read: no such file or directory\n"),
        ("--faults", "[", "--faults: {} is not valid JSON: line 1, column 2: Expecting value\n"),
        ("--faults", "{}", "--faults: {}: expected a JSON list of faults\n"),
        ("--keep", "a file", "--keep: {}: file exists\n"),
        ("--write-config", "a file", "--write-config: {} exists and is not a sandbox's (it is no configuration"),
    ],
)
def test_a_sandbox_that_cannot_start(tmp_path: Path, option: str, content: str | None, says: str) -> None:
    file = tmp_path / "given"
    if content is not None:
        file.write_text(content)
    result = run("sandbox", option, file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(says.format(file))
    assert content is None or file.read_text() == content


def padded(file: Path, size: int) -> Path:
    """The sample with an empty box behind it: more than the socket buffers take while nobody reads."""
    file.write_bytes(SAMPLE.read_bytes() + size.to_bytes(4) + b"free")
    os.truncate(file, SAMPLE.stat().st_size + size)
    return file


def test_ctrl_c_stops_cleanly_and_says_what_is_left(config: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    video = padded(tmp_path / "video.mp4", 64_000_000)
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=1)
    command = [*MEDUSA, "publish", str(video), "--to", "youtube,vimeo,facebook", *PUBLIC, "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("Uploading to Vimeo: done"):
                break
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, out) == (130, "")
    assert "Stopping..." in told
    assert re.search(
        r"Interrupted\. To try again, uploads from their start: medusa retry \w+\nHow far it came:\n"
        r"  done: Uploading to Vimeo \(https://vimeo\.com/\d+\)\n"
        r"  interrupted: Uploading to YouTube at \d+ %\n"
        r"  not started: Waiting for YouTube, Posting on Facebook\n$",
        told,
    )


def test_sigterm_leaves_an_upload_where_it_stands(config: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    video = padded(tmp_path / "video.mp4", 64_000_000)
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall", after=1_000_000)
    command = [*MEDUSA, "publish", str(video), "--to", "youtube", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        sandbox.wait_for("youtube", "video.bytes")
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 130
    assert "Left where it stands. To go on, if nobody runs it any more: medusa resume\n" in told
    resumed = subprocess.run([*MEDUSA, "resume", "--config", str(config)], capture_output=True, text=True, check=True)
    assert "Uploading to YouTube: done" in resumed.stderr
    operations = [record["operation"] for record in sandbox.log()]
    assert (operations.count("videos.insert"), operations.count("video.status")) == (1, 1)


def test_a_terminal_gets_bars(config: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    command = [*MEDUSA, "publish", str(SAMPLE), "--to", "vimeo", "--config", str(config), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True) as process:
        os.close(theirs)
        drawn = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert process.stdout
        assert json.loads(process.stdout.read())["status"] == "completed"
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert re.search(r"✓ Uploading to Vimeo\s+━{16} https://vimeo\.com/\d+", text)


def _read(terminal: int) -> bytes:
    """What the terminal shows next; empty once the other side has closed it."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [*MEDUSA, "config", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
