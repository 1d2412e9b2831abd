"""Logs a user in by the browser, and saves the credentials (facts: OAuth)."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from google_auth_oauthlib.flow import InstalledAppFlow, WSGITimeoutError
from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # it has no type hints
from requests import RequestException

from medusa.adapters.http import certificates, transport_failure
from medusa.adapters.platforms.youtube.account import YouTubeAccount
from medusa.adapters.platforms.youtube.auth import SCOPE, UPLOADING
from medusa.domain.failures import ConfigError, MedusaError
from medusa.domain.values import Problem

SCOPES: Final = (f"{SCOPE}youtube.upload", f"{SCOPE}youtube.force-ssl")
EXCHANGE_S = 60.0
"""For the token endpoint's answer."""
_TALKATIVE = ("requests_oauthlib.oauth2_session", "google_auth_oauthlib.flow")
"""Loggers of libraries that write the code, the client's secret and the tokens into their lines."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DONE = "Medusa is logged in. You may close this window."
_HOW = (
    "Open this address in a browser on this machine:\n\n  {url}\n\n"
    "(From another machine, first run there: ssh -L {port}:localhost:{port} THIS_MACHINE)"
)


def login(account: YouTubeAccount, open_browser: bool, timeout_s: float, say: Callable[[str], None]) -> str:
    """Ask the user for consent, and save what is granted to the credentials file, readable by its owner only.

    `say` is told the address to open. Waits `timeout_s` seconds at most. Returns a sentence on what was saved. Raises
    ConfigError when the client secrets file is no use, MedusaError when the login did not succeed.
    """
    flow = _flow(account)
    flow.say = say
    with _unlogged():
        credentials = _ask(flow, open_browser and _has_browser(), timeout_s)
    granted = _granted(credentials)
    if not credentials.refresh_token:
        raise MedusaError("Google gave no refresh token, without which the login would end within the hour")
    if not granted & UPLOADING:
        raise MedusaError("the permission to upload videos was not given: log in again and leave it ticked")
    _save(account.credentials_file, {**json.loads(credentials.to_json()), "scopes": sorted(granted)})
    missing = "" if set(SCOPES) <= granted else _missing(granted)
    return f"Saved to {account.credentials_file}.{missing}"


class _Flow(InstalledAppFlow):  # type: ignore[misc]  # it has no type hints
    """Tells the address by `say` instead of printing it, and exchanges the code with a timeout."""

    say: Callable[[str], None]

    def authorization_url(self, **kwargs: Any) -> tuple[str, str]:
        with _oauthlib_told(self.client_config["auth_uri"]):
            url, state = super().authorization_url(**kwargs)
        self.say(_HOW.format(url=url, port=urlsplit(self.redirect_uri).port))
        return url, state

    def fetch_token(self, **kwargs: Any) -> Any:
        with _oauthlib_told(self.client_config["token_uri"]):
            return super().fetch_token(timeout=EXCHANGE_S, verify=certificates(), **kwargs)


def _flow(account: YouTubeAccount) -> Any:
    config = _client_secrets(account)
    try:
        return _Flow.from_client_config(config, SCOPES)
    except (ValueError, KeyError, TypeError):
        raise _unusable(account.client_secrets_file, "is no client secrets file of the Google Cloud console") from None


def _client_secrets(account: YouTubeAccount) -> dict[str, Any]:
    """The file's content, with our endpoints where it names none."""
    path = account.client_secrets_file
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(path, f"cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    except ValueError:
        raise _unusable(path, "is not JSON") from None
    kind = next((kind for kind in ("installed", "web") if isinstance(found, dict) and kind in found), None)
    if kind is None or not isinstance(found[kind], dict) or not found[kind].get("client_secret"):
        raise _unusable(path, "is no client secrets file of the Google Cloud console")
    return {kind: {"auth_uri": account.endpoints.auth, "token_uri": account.endpoints.token, **found[kind]}}


def _unusable(path: Path, says: str) -> ConfigError:
    return ConfigError([Problem("client_secrets_file", f"{path} {says}")])


def _ask(flow: Any, open_browser: bool, timeout_s: float) -> Any:
    try:
        return flow.run_local_server(
            port=0,
            prompt="consent",
            open_browser=open_browser,
            authorization_prompt_message="",
            success_message=_DONE,
            timeout_seconds=timeout_s,
        )
    except WSGITimeoutError:
        raise MedusaError(f"nobody logged in within {timeout_s:.0f} seconds") from None
    except OAuth2Error as error:
        said = f"{error.error}: {error.description}" if error.description else error.error
        raise MedusaError(f"Google refused the login ({said})") from None
    except (RequestException, OSError) as error:
        failure = transport_failure(error, urlsplit(flow.client_config["token_uri"]).hostname or "", began=True)
        raise MedusaError(f"the login could not be completed: {failure.said}. {failure.todo}".rstrip()) from None


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


@contextmanager
def _oauthlib_told(uri: str) -> Iterator[None]:
    """oauthlib is configured by the environment only: a user may untick scopes, and loopback needs no TLS."""
    told = {"OAUTHLIB_RELAX_TOKEN_SCOPE": "1"}
    if urlsplit(uri).hostname in _LOOPBACK:
        told["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _unlogged() -> Iterator[None]:
    """Meanwhile the libraries' own lines go nowhere, whatever the program's logging is set to."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(_drop)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_drop)


def _drop(_record: logging.LogRecord) -> bool:
    return False


def _granted(credentials: Any) -> frozenset[str]:
    """What the user left ticked."""
    granted = credentials.granted_scopes or ()
    return frozenset(granted.split() if isinstance(granted, str) else granted)


def _missing(granted: frozenset[str]) -> str:
    if f"{SCOPE}youtube.force-ssl" in granted:
        return ""
    return " Not all was permitted: waiting for processing, captions and playlists may not work."


def _save(path: Path, info: Mapping[str, Any]) -> None:
    """Whole or not at all, and for its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(info, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> MedusaError:
    return MedusaError(f"{path} cannot be written: {(error.strerror or 'unknown error').lower()}")
