"""The watch over all tests of this folder sees what it must see."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import ConfigError, MedusaCore
from medusa.adapters.platforms.youtube.account import Endpoints, YouTubeAccount
from medusa.adapters.platforms.youtube.login import login
from medusa.domain.failures import Failure, FailureKind, PlatformError
from medusa.domain.values import Problem
from medusa.sandbox import Sandbox
from tests.contract.test_youtube_login import Person
from tests.integration.rehearsal import publish
from tests.integration.secrecy import Shown


@pytest.fixture
def token(sandbox: Sandbox, tmp_path: Path) -> str:
    found: str = sandbox.config(tmp_path)["vimeo"]["access_token"]
    return found


def caught(shown: Shown) -> bool:
    """Whether there is a leak; it is taken back, or this test would fail by it."""
    leaks = shown.leaks()
    shown.texts.clear()
    return bool(leaks)


def test_a_log_line_of_any_library_is_seen(shown: Shown, token: str) -> None:
    logging.getLogger("somebody.else").debug("sending %s", token)
    assert caught(shown)


def test_an_address_in_a_line_of_urllib3_is_seen(shown: Shown, token: str) -> None:
    line = logging.getLogger("urllib3.connectionpool").debug
    thread = threading.Thread(target=line, args=("PUT /upload?upload_id=%s", token), name="medusa-bulk-0")
    thread.start()
    thread.join()
    assert caught(shown)


def test_an_errors_text_is_seen(shown: Shown, token: str) -> None:
    PlatformError(Failure(FailureKind.AUTH, f"bad token {token}"))
    assert caught(shown)
    ConfigError([Problem("vimeo", f"not {token}")])
    assert caught(shown)


def test_a_steps_repr_is_seen(shown: Shown, token: str, medusa: MedusaCore) -> None:
    publish(medusa, "facebook", media=None, facebook={"message": "Words"})
    (task,) = medusa.list_tasks()
    medusa._repository.save_step(task.id, replace(task.steps[0], note=token), 99)
    assert caught(shown)


def test_upload_sessions_are_among_the_secrets(shown: Shown, medusa: MedusaCore) -> None:
    before = len(shown.secrets())
    publish(medusa, "youtube", "vimeo")
    assert len(shown.secrets()) >= before + 2


def test_what_is_no_secret_is_none(shown: Shown, token: str) -> None:
    logging.getLogger("somebody.else").debug("sending nothing of note")
    assert shown.texts
    assert not caught(shown)


def test_a_login_shows_no_secret(shown: Shown, sandbox: Sandbox, tmp_path: Path) -> None:
    """The watch itself judges: the libraries behind the login log tokens, the code and the client's secret."""
    found = sandbox.config(tmp_path)["youtube"]
    secrets, credentials = Path(found["client_secrets_file"]), Path(found["credentials_file"])
    account = YouTubeAccount(secrets, credentials, Endpoints(**found["endpoints"]))
    assert login(account, open_browser=False, timeout_s=30.0, say=Person()).startswith("Saved to ")
    assert len(shown.secrets()) >= 4
