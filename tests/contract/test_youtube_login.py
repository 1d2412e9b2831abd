"""Logging in to YouTube, with the sandbox in the place of Google's consent page and token endpoint."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest

from medusa.adapters.accounts import FileAccounts
from medusa.adapters.http import Http
from medusa.adapters.platforms.youtube.account import Endpoints, YouTubeAccount
from medusa.adapters.platforms.youtube.adapter import YouTubeUploader
from medusa.adapters.platforms.youtube.login import SCOPES, login
from medusa.adapters.platforms.youtube.rules import YouTubeRules
from medusa.domain.failures import ConfigError, MedusaError
from medusa.domain.policy import Ready
from medusa.sandbox import Sandbox
from tests.contract.drive import Disk, Life
from tests.contract.rig import Rig
from tests.contract.test_youtube import account_of

SCOPE = "https://www.googleapis.com/auth/"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox, tmp_path: Path) -> YouTubeAccount:
    """Nobody is logged in yet; the folder for the credentials is not there either."""
    found = account_of(sandbox, tmp_path)
    found.credentials_file.unlink()
    return replace(found, credentials_file=tmp_path / "secrets" / "youtube.json")


class Person:
    """Opens the address that is told, as a browser would, and is sent back by the consent page."""

    def __init__(self) -> None:
        self.told = ""

    def __call__(self, text: str) -> None:
        self.told += text
        found = re.search(r"https?://\S+/o/oauth2/auth\?\S+", text)
        assert found, text
        threading.Thread(target=self._open, args=(found[0],), daemon=True).start()

    def _open(self, url: str) -> None:
        try:
            with urllib.request.urlopen(url, timeout=10) as page:
                page.read()
        except URLError:
            return  # the login does not wait for its page to be read


def saved(account: YouTubeAccount) -> dict[str, object]:
    found: dict[str, object] = json.loads(account.credentials_file.read_text())
    return found


def test_a_login_is_saved_for_its_owner_only_and_works(
    account: YouTubeAccount, sandbox: Sandbox, tmp_path: Path
) -> None:
    said = login(account, open_browser=False, timeout_s=30.0, say=Person())
    assert said == f"Saved to {account.credentials_file}."
    assert account.credentials_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in account.credentials_file.parent.iterdir()] == ["youtube.json"]
    assert saved(account)["scopes"] == sorted(SCOPES)
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"video")
    http = Http()
    rig = Rig(
        adapter=lambda sender: YouTubeUploader(account, sender, FileAccounts()),
        rules=YouTubeRules(account, Ready()),
        asked={},
        existing=list,
        reset=sandbox.reset,
        clock=sandbox.clock,
        http=http,
        media=video,
    )
    sandbox.clock.move(4000)  # so that the refresh token is needed too
    steps = Life(rig, Disk()).run()
    http.close()
    assert all(step.succeeded for step in steps.values())


def test_consent_is_asked_for_so_that_a_second_login_brings_a_refresh_token_too(account: YouTubeAccount) -> None:
    login(account, open_browser=False, timeout_s=30.0, say=Person())
    first = saved(account)["refresh_token"]
    login(account, open_browser=False, timeout_s=30.0, say=Person())
    assert saved(account)["refresh_token"] not in (None, first)


def test_the_address_can_be_used_from_another_machine(account: YouTubeAccount) -> None:
    person = Person()
    login(account, open_browser=False, timeout_s=30.0, say=person)
    redirect = re.search(r"redirect_uri=http%3A%2F%2Flocalhost%3A(\d+)", person.told)
    assert redirect
    assert f"ssh -L {redirect[1]}:localhost:{redirect[1]}" in person.told


def test_unticked_permissions_are_told(account: YouTubeAccount, sandbox: Sandbox) -> None:
    sandbox.set(consent_scopes=f"{SCOPE}youtube.upload")
    said = login(account, open_browser=False, timeout_s=30.0, say=Person())
    assert "captions and playlists may not work" in said
    assert saved(account)["scopes"] == [f"{SCOPE}youtube.upload"]


def test_a_login_without_uploads_is_refused_and_not_saved(account: YouTubeAccount, sandbox: Sandbox) -> None:
    sandbox.set(consent_scopes=f"{SCOPE}youtube.readonly")
    with pytest.raises(MedusaError, match="permission to upload videos was not given"):
        login(account, open_browser=False, timeout_s=30.0, say=Person())
    assert not account.credentials_file.exists()


def test_a_person_may_say_no(account: YouTubeAccount, sandbox: Sandbox) -> None:
    sandbox.set(consent="deny")
    with pytest.raises(MedusaError, match="Google refused the login \\(access_denied"):
        login(account, open_browser=False, timeout_s=30.0, say=Person())


def test_it_does_not_wait_for_ever(account: YouTubeAccount) -> None:
    with pytest.raises(MedusaError, match="nobody logged in within 0 seconds"):
        login(account, open_browser=False, timeout_s=0.1, say=lambda text: None)


def test_a_token_endpoint_that_refuses_is_quoted(account: YouTubeAccount, sandbox: Sandbox) -> None:
    sandbox.fault(platform="youtube", operation="token", kind="token_revoked")
    with pytest.raises(MedusaError, match="invalid_grant"):
        login(account, open_browser=False, timeout_s=30.0, say=Person())


@pytest.mark.parametrize("kind", ["cut", "html"])
def test_a_token_endpoint_that_fails_is_told(account: YouTubeAccount, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault(platform="youtube", operation="token", kind=kind)
    with pytest.raises(MedusaError) as told:
        login(account, open_browser=False, timeout_s=30.0, say=Person())
    assert "code=" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: no such file or directory"),
        ("{", "is not JSON"),
        ("[]", "is no client secrets file"),
        ('{"installed": {"client_id": "x"}}', "is no client secrets file"),
        ('{"installed": {"client_secret": "x"}}', "is no client secrets file"),
        ('{"service_account": {}}', "is no client secrets file"),
    ],
)
def test_client_secrets_that_are_no_use(account: YouTubeAccount, content: str | None, says: str) -> None:
    account.client_secrets_file.unlink()
    if content is not None:
        account.client_secrets_file.write_text(content)
    with pytest.raises(ConfigError) as told:
        login(account, open_browser=False, timeout_s=30.0, say=lambda text: None)
    (problem,) = told.value.problems
    assert problem.path == "client_secrets_file"
    assert says in problem.says


def test_the_files_own_addresses_are_used_and_ours_where_it_names_none(
    account: YouTubeAccount, sandbox: Sandbox
) -> None:
    unreachable = Endpoints(token="http://127.0.0.1:1/token", auth="http://127.0.0.1:1/auth")
    login(replace(account, endpoints=unreachable), open_browser=False, timeout_s=30.0, say=Person())
    content = json.loads(account.client_secrets_file.read_text())
    del content["installed"]["auth_uri"], content["installed"]["token_uri"]
    account.client_secrets_file.write_text(json.dumps(content))
    login(account, open_browser=False, timeout_s=30.0, say=Person())


def test_a_folder_that_cannot_be_written(account: YouTubeAccount, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    elsewhere = replace(account, credentials_file=tmp_path / "file" / "youtube.json")
    with pytest.raises(MedusaError, match="cannot be written"):
        login(elsewhere, open_browser=False, timeout_s=30.0, say=Person())


def test_a_machine_without_a_browser_is_no_obstacle(
    account: YouTubeAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import webbrowser

    def none_found(using: str | None = None) -> Callable[[], None]:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none_found)
    login(account, open_browser=True, timeout_s=30.0, say=Person())
    assert account.credentials_file.exists()
