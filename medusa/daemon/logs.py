"""What the daemon writes to its standard error: text for people, or a JSON object a line.

A record may have a task, a step and a target, as `extra`; nothing else of what is logged is looked into.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

from medusa.config import LogSettings

ABOUT: Final = ("task", "target", "step", "method", "caller", "code", "seconds")


class TextLines(logging.Formatter):
    """2026-11-25T10:21:49Z INFO medusa.daemon: listens at unix:/run/medusa/medusad.sock [task=...]"""

    def format(self, record: logging.LogRecord) -> str:
        about = " ".join(f"{name}={value}" for name, value in _about(record).items())
        said = _one_line(record.getMessage())
        line = f"{_moment(record)} {record.levelname} {record.name}: {said}{about and f' [{about}]'}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """{"time": ..., "level": "info", "logger": ..., "message": ..., "task": ...}"""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(settings: LogSettings) -> None:
    """From now on the log is like this. May be called again."""
    lines = logging.StreamHandler()
    lines.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[lines], force=True)
    logging.getLogger("medusa").setLevel(settings.level.upper())


def _about(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: getattr(record, name, None) for name in ABOUT}
    return {name: value for name, value in found.items() if value is not None}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    """What a platform said cannot forge a line of the log."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
