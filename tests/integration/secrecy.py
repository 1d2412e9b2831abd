"""The watch that no secret ever shows: in no log line of any library, no output, no error's text, no task's repr."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from medusa.adapters.repositories.memory import MemoryRepository
from medusa.adapters.repositories.sql.repository import SqlRepository
from medusa.domain.failures import ConfigError, InvalidRequest, PlatformError
from medusa.domain.ports import TaskRepositoryPort
from medusa.sandbox import Sandbox


class Shown:
    """Everything that a user could see of Medusa's inside while one test runs."""

    def __init__(self) -> None:
        self.sandboxes: list[Sandbox] = []
        self.texts: list[str] = []

    def secrets(self) -> set[str]:
        """What the sandboxes of this test gave out: tokens, client secrets, upload ids and links."""
        worlds = [sandbox._running.world for sandbox in self.sandboxes if hasattr(sandbox, "_running")]
        return {secret for world in worlds for secret in world.secrets._known}

    def leaks(self) -> list[str]:
        """What stands right before each secret, once for each place."""
        found = [
            text[max(0, place - 120) : place] + "[a secret]"
            for secret in self.secrets()
            for text in self.texts
            if (place := text.find(secret)) >= 0
        ]
        return list(dict.fromkeys(found))[:20]


class _Records(logging.Handler):
    """Notes every log record as a user's own handler would write it; but not what the tests' own clients cause."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("urllib3") and not str(record.threadName).startswith("medusa-"):
            return
        self._texts.append(f"{record.name}: {logging.Formatter().format(record)}")


SHOWN = pytest.StashKey[Shown]()


@pytest.fixture(autouse=True)
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """Log lines at DEBUG of every library, reprs of all tasks and steps as they change, and error texts."""
    shown = request.node.stash[SHOWN] = Shown()
    root, handler = logging.getLogger(), _Records(shown.texts)
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    _note_sandboxes(shown, monkeypatch)
    _note_steps(shown.texts, monkeypatch)
    _note_errors(shown.texts, monkeypatch)
    yield shown
    root.setLevel(before)
    root.removeHandler(handler)


def _note_sandboxes(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are started, and those of wider scope that are reset, in this test."""
    for name in ("start", "reset", "config"):
        monkeypatch.setattr(Sandbox, name, _noting(getattr(Sandbox, name), shown.sandboxes.append))


def _noting(method: Callable[..., Any], note: Callable[[Any], None]) -> Callable[..., Any]:
    def noting(self: Any, *arguments: Any, **named: Any) -> Any:
        note(self)
        return method(self, *arguments, **named)

    return noting


def _note_steps(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one method of each repository through which all saves go."""
    monkeypatch.setattr(MemoryRepository, "save_step", _telling_steps(MemoryRepository.save_step, texts))
    monkeypatch.setattr(SqlRepository, "save_step_soon", _telling_steps(SqlRepository.save_step_soon, texts))


def _telling_steps(save: Callable[..., Any], texts: list[str]) -> Callable[..., Any]:
    def telling(self: TaskRepositoryPort, task_id: str, step: Any, *rest: Any, **named: Any) -> Any:
        texts.append(repr(step))
        saved = save(self, task_id, step, *rest, **named)
        texts.append(repr(self.get(task_id)))
        return saved

    return telling


def _note_errors(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (PlatformError, ConfigError, InvalidRequest):
        monkeypatch.setattr(kind, "__init__", _telling(kind.__init__, texts))


def _telling(begin: Callable[..., None], texts: list[str]) -> Callable[..., None]:
    def telling(self: Exception, *arguments: Any) -> None:
        begin(self, *arguments)
        texts.extend((str(self), repr(self), repr(vars(self))))

    return telling


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """At a test's very end its captured output is complete: with what was noted, none of it may hold a secret."""
    report: Any = yield
    shown = item.stash.get(SHOWN, None)
    if report.when != "teardown" or shown is None:
        return report
    shown.texts += [text for title, text in report.sections if not title.startswith("Captured log")]
    if report.passed and (leaks := shown.leaks()):
        report.outcome = "failed"
        report.longrepr = "secrets were shown:\n" + "\n".join(leaks)
    return report
