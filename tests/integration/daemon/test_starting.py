"""medusad does not start where it would not be safe, or could not serve; it says why, and how to go on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medusa.config import BoundSettings, DaemonSettings, load
from medusa.daemon.app import BAD_CONFIG, CANNOT_LISTEN, app
from medusa.daemon.daemon import Daemon
from medusa.daemon.restart import awaiting_restart
from medusa.daemon.tokens import hashed, holder
from medusa.domain.failures import ConfigError
from tests.integration.daemon.conftest import WITHIN_S
from tests.integration.daemon.test_access import Authority


def refused(tmp_path: Path, *options: str, **daemon: Any) -> tuple[int, str]:
    """The exit status of a real medusad that should not start, and what it says."""
    config = tmp_path / "medusa_config.json"
    config.write_text(json.dumps({"medusa": {"engine": {"path": "tasks.db"}, "daemon": daemon}}))
    command = [sys.executable, "-m", "medusa.daemon", "--config", str(config), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("by_option", [True, False])
def test_it_is_not_open_to_other_machines_without_tls_and_tokens(tmp_path: Path, by_option: bool) -> None:
    address = "0.0.0.0:0"
    status, said = refused(tmp_path, "--listen", address) if by_option else refused(tmp_path, listen=[address])
    assert status == BAD_CONFIG
    assert said.startswith(f"medusad: medusa.daemon: {address} can be reached from other machines")
    assert "medusad token new" in said


def test_no_reload_opens_what_is_listened_at(tmp_path: Path) -> None:
    """Another `listen` needs a new start, so that a configuration is judged by the addresses that are in use."""
    config = tmp_path / "medusa_config.json"
    tls = {"certificate_file": "cert.pem", "key_file": "key.pem"}
    safe = {"listen": ["0.0.0.0:0"], "tls": tls, "tokens": [{"name": "web", "hash": hashed("t")}]}
    config.write_text(json.dumps({"medusa": {"engine": {"path": "tasks.db"}, "daemon": safe}}))
    daemon = Daemon(config)
    config.write_text(json.dumps({"medusa": {"engine": {"path": "tasks.db"}, "daemon": {"listen": ["127.0.0.1:0"]}}}))
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        daemon._safe(daemon._read())


def test_a_reload_does_not_pretend_to_follow_other_files_of_tls(tmp_path: Path) -> None:
    config = tmp_path / "medusa_config.json"
    tls = {"certificate_file": "cert.pem", "key_file": "key.pem"}

    def write(**tls: str) -> None:
        config.write_text(json.dumps({"medusa": {"daemon": {"listen": ["127.0.0.1:0"], "tls": tls}}}))

    write(**tls)
    daemon = Daemon(config)
    daemon._check_the_same(daemon._read())
    write(**tls, client_ca_file="ca.pem")
    with pytest.raises(ConfigError, match=r"medusa\.daemon\.tls: other files need a new start"):
        daemon._check_the_same(daemon._read())


def test_what_counts_from_the_next_start_on_is_named() -> None:
    started = DaemonSettings(("unix:/run/m.sock",))
    bounds = BoundSettings(message_bytes=1024**2, streams=1, tasks=1)
    other = DaemonSettings(("127.0.0.1:7433",), metrics="127.0.0.1:9433", traces=True, bounds=bounds, drain_s=1.0)
    named = ["medusa.daemon.metrics", "medusa.daemon.traces", "medusa.daemon.bounds.message_bytes"]
    assert awaiting_restart(started, started, listens_elsewhere=False) == ()
    assert [*awaiting_restart(started, other, listens_elsewhere=False)] == ["medusa.daemon.listen", *named]
    assert [*awaiting_restart(started, other, listens_elsewhere=True)] == named


def test_a_bad_certificate_is_named(tmp_path: Path) -> None:
    Authority(tmp_path)
    (tmp_path / "key.pem").write_text("no key")
    tls = {"certificate_file": "cert.pem", "key_file": "key.pem"}
    status, said = refused(tmp_path, listen=["127.0.0.1:0"], tls=tls)
    assert status == BAD_CONFIG
    assert said.startswith("medusad: medusa.daemon.tls.certificate_file: is not a certificate with its key")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert refused(tmp_path, listen=[address]) == (CANNOT_LISTEN, f"medusad: {address}: address already in use\n")


def test_traces_without_what_sends_them_say_what_to_install(tmp_path: Path) -> None:
    """Their API is there all the same, since others bring it along."""
    config = tmp_path / "medusa_config.json"
    daemon = {"traces": True, "listen": [f"unix:{tmp_path}/m.sock"]}
    config.write_text(json.dumps({"medusa": {"engine": {"path": "tasks.db"}, "daemon": daemon}}))
    script = "import sys; sys.modules['opentelemetry.exporter'] = None; from medusa.daemon.app import main; main()"
    command = [sys.executable, "-c", script, "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (BAD_CONFIG, 1), ended.stderr
    assert ended.stderr.startswith("medusad: medusa.daemon.traces: needs opentelemetry")
    assert "pip install 'medusa-media[otel]'" in ended.stderr


# ---------------------------------------------------------------- medusad token new


def test_a_new_token_and_its_entry_fit(tmp_path: Path) -> None:
    made = CliRunner().invoke(
        app, ["token", "new", "--scope", "read,publish", "--name", "web", "--expires", "2027-01-31"]
    )
    token, entry = made.stdout.splitlines()
    found = load({"medusa": {"daemon": {"tokens": [json.loads(entry)]}}}, {}, tmp_path).daemon.tokens
    assert holder(token, found) is found[0]
    assert (found[0].name, found[0].scopes, found[0].expires) == ("web", ("read", "publish"), "2027-01-31")
    assert token not in entry


@pytest.mark.parametrize("wrong", ["--scope write", "--scope read --expires soon", "--scope ,"])
def test_a_token_of_no_use_is_not_made(wrong: str) -> None:
    made = CliRunner().invoke(app, ["token", "new", *wrong.split()])
    assert (made.exit_code, made.stdout) == (BAD_CONFIG, "")
    assert made.stderr.startswith("medusad: token")
