"""Where a daemon keeps and shows things when its config does not say."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from platformdirs import user_runtime_path, user_state_path

from medusa.config import MediaSettings


def tasks_file() -> Path:
    """The file of tasks: in the folder that systemd gives, or in the user's own."""
    return _given("STATE_DIRECTORY", user_state_path("medusa", appauthor=False)) / "tasks.db"


def socket() -> Path:
    """The Unix socket: in the folder that systemd gives, or in the user's own."""
    with warnings.catch_warnings():  # of a session's folder that is none of the user's own: another one is taken
        warnings.simplefilter("ignore")
        own = user_runtime_path("medusa", appauthor=False)
    return _given("RUNTIME_DIRECTORY", own) / "medusad.sock"


def media_folder(media: MediaSettings, tasks_file: Path) -> Path:
    """Where uploads are stored, and where media lie if no other root is named."""
    return media.directory or tasks_file.with_name("media")


def _given(variable: str, own: Path) -> Path:
    """systemd separates several folders by colons."""
    first = os.environ.get(variable, "").partition(":")[0]
    return Path(first) if first else own
