"""What happens to running tasks when the interpreter ends: real processes against the sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from importlib import resources
from pathlib import Path

import pytest

from medusa.sandbox import Sandbox

SAMPLE = str(resources.files("medusa") / "sandbox" / "sample.mp4")


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


def script(body: str, config: Path) -> subprocess.Popen[str]:
    source = textwrap.dedent(
        f"""
        import sys
        from medusa import MedusaCore
        medusa = MedusaCore(config_file={str(config)!r})
        def publish():
            return medusa.publish_async(media_file={SAMPLE!r}, platforms=["youtube", "facebook"], metadata={{
                "youtube": {{"title": "Exit", "privacy": "unlisted", "wait_until_processed": False}},
                "facebook": {{"message": "Look: {{youtube_url}}"}}}})
        """
    ) + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def until_uploading(sandbox: Sandbox) -> None:
    """Wait for the sandbox's own word that bytes are on their way."""
    sandbox.wait_for("youtube", "video.bytes", timeout=30)


def test_a_script_that_ends_at_once_loses_nothing(sandbox, tmp_path):
    sandbox.write_config(tmp_path / "config.json")
    process = script("publish()", tmp_path / "config.json")
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (0, "", "")
    state = sandbox.state()
    assert len(state["youtube"]["videos"]) == 1
    assert len(state["facebook"]["posts"]) == 1


def test_ctrl_c_while_the_interpreter_waits_says_what_was_left(sandbox, tmp_path):
    sandbox.write_config(tmp_path / "config.json")
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall")
    process = script("publish()", tmp_path / "config.json")
    until_uploading(sandbox)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors
    assert "Medusa was interrupted, and left:" in errors
    assert "YouTube: video" in errors
    assert "Facebook: post (not begun)" in errors


def test_ctrl_c_in_the_script_itself_does_not_wait_for_the_upload(sandbox, tmp_path):
    sandbox.write_config(tmp_path / "config.json")
    sandbox.fault(platform="youtube", operation="video.bytes", kind="stall")
    process = script("task = publish()\nmedusa.wait(task)", tmp_path / "config.json")
    until_uploading(sandbox)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors  # the script's own, as Python shows it
    assert "Medusa was interrupted, and left:" in errors


def test_a_core_used_after_fork_says_so(sandbox, tmp_path):
    sandbox.write_config(tmp_path / "config.json")
    process = script(
        """
        import os, warnings
        warnings.simplefilter("ignore")  # 3.12 and later warn of fork() with threads, which is what is tried here
        task = publish()
        medusa.wait(task)
        child = os.fork()
        if child == 0:
            try:
                medusa.get_task_status(task)
            except Exception as error:
                print(type(error).__name__, error)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
        """,
        tmp_path / "config.json",
    )
    out, errors = process.communicate(timeout=60)
    assert errors == ""
    assert out.startswith("MedusaError this MedusaCore was made before fork()")
