"""Everything over TLS, with a certificate that only the environment makes trusted."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from medusa import MedusaCore
from medusa.sandbox import Sandbox
from tests.integration.test_cli import MEDUSA, SAMPLE, WITHIN_S

METADATA = {
    "youtube": {"privacy": "unlisted"},
    "vimeo": {"privacy": "unlisted"},
    "facebook": {"message": "{youtube_url} {vimeo_url}"},
}
CONSENT = re.compile(r"https://\S+/o/oauth2/auth\?\S+")
TRUST = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Sandbox]:
    with Sandbox(tls=True, options={"processing_s": 0.05}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(rehearsal: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    for name in TRUST:
        monkeypatch.delenv(name, raising=False)
    rehearsal.reset()
    return rehearsal


@pytest.mark.parametrize("variable", TRUST)
def test_a_publish_to_all_platforms(
    sandbox: Sandbox, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(sandbox.ca_file))
    with MedusaCore(config=sandbox.config(tmp_path)) as medusa:
        told = medusa.wait(medusa.publish_async(SAMPLE, list(METADATA), METADATA), WITHIN_S)
    assert told["status"] == "completed", told
    state = sandbox.state()
    assert [video["size"] for video in state["youtube"]["videos"]] == [SAMPLE.stat().st_size]
    assert [video["received"] for video in state["vimeo"]["videos"]] == [SAMPLE.stat().st_size]
    (post,) = state["facebook"]["posts"]
    assert told["results"]["youtube_url"] in post["message"]


def test_a_certificate_that_nobody_vouches_for_ends_the_task_in_words(sandbox: Sandbox, tmp_path: Path) -> None:
    with MedusaCore(config=sandbox.config(tmp_path)) as medusa:
        told = medusa.wait(medusa.publish_async(SAMPLE, ["vimeo"], {}), WITHIN_S)
    assert (told["status"], told["failed_platform"]) == ("failed", "vimeo")
    assert "the certificate of 127.0.0.1 was refused" in told["error"]
    assert "SSL_CERT_FILE" in told["error"]
    assert sandbox.log() == []


def log_in(sandbox: Sandbox, config: Path, **environment: str) -> tuple[int, str, str]:
    """`medusa auth login youtube`, with a person who opens the address that it tells; status, output, errors."""
    clean = {name: value for name, value in os.environ.items() if name not in TRUST}
    command = [*MEDUSA, "auth", "login", "youtube", "--no-browser", "--config", str(config)]
    with subprocess.Popen(
        command, env={**clean, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as login:
        try:
            assert login.stderr
            url = next(
                found[0] for line in login.stderr if (found := re.search(r"https://\S+/o/oauth2/auth\?\S+", line))
            )
            trusted = ssl.create_default_context(cafile=str(sandbox.ca_file))
            with urllib.request.urlopen(url, timeout=WITHIN_S, context=trusted) as page:
                assert page.url.startswith("http://localhost:")
            said, errors = login.communicate(timeout=WITHIN_S)
        finally:
            login.kill()
    return login.returncode, said, errors


def nobody_logged_in(sandbox: Sandbox, directory: Path) -> Path:
    """The path of a configuration whose credentials file is not there yet."""
    config = directory / "medusa_config.json"
    sandbox.write_config(config)
    credentials(config).unlink()
    return config


def credentials(config: Path) -> Path:
    return Path(json.loads(config.read_text())["youtube"]["credentials_file"])


@pytest.mark.parametrize("variable", TRUST)
def test_a_login(sandbox: Sandbox, tmp_path: Path, variable: str) -> None:
    config = nobody_logged_in(sandbox, tmp_path)
    status, said, errors = log_in(sandbox, config, **{variable: str(sandbox.ca_file)})
    assert status == 0, errors
    assert said == f"Saved to {credentials(config)}.\n"
    assert credentials(config).exists()


def test_a_login_trusts_what_uploads_trust(sandbox: Sandbox, tmp_path: Path) -> None:
    """REQUESTS_CA_BUNDLE comes before SSL_CERT_FILE in both."""
    config = nobody_logged_in(sandbox, tmp_path)
    (tmp_path / "stranger.pem").write_text("no certificate")
    trust = {"REQUESTS_CA_BUNDLE": str(sandbox.ca_file), "SSL_CERT_FILE": str(tmp_path / "stranger.pem")}
    status, _, errors = log_in(sandbox, config, **trust)
    assert status == 0, errors


def test_a_login_whose_token_endpoint_is_not_trusted(sandbox: Sandbox, tmp_path: Path) -> None:
    config = nobody_logged_in(sandbox, tmp_path)
    status, said, errors = log_in(sandbox, config)
    assert (status, said) == (1, "")
    assert "the certificate of 127.0.0.1 was refused" in errors
    assert "SSL_CERT_FILE" in errors
    assert "Traceback" not in errors
    assert not credentials(config).exists()
