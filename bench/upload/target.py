"""Where Medusa uploads to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit


def medusa_config(origin: str, folder: Path) -> Path:
    """A configuration with one target, the sink at `origin`."""
    client = {"client_id": "c", "client_secret": "s"}
    login = {**client, "refresh_token": "r", "token": "t", "expiry": "2099-01-01T00:00:00Z"}
    for name, content in (("client.json", {"installed": client}), ("login.json", login)):
        (folder / name).write_text(json.dumps(content))
        (folder / name).chmod(0o600)
    endpoints = {"api": origin, "token": f"{origin}/token"}
    granted = {"daily_videos": 1_000_000, "daily_units": 1_000_000}
    target = {"client_secrets_file": "client.json", "credentials_file": "login.json", "endpoints": endpoints, **granted}
    config = folder / f"config-{urlsplit(origin).port}-{os.getpid()}.json"
    engine = {"path": f"{config.stem}.db"}
    config.write_text(json.dumps({"youtube": target, "medusa": {"engine": engine}}))
    return config
