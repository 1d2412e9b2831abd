"""The daemon's block of the configuration: what is safe by default, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medusa.config import DaemonSettings, SubjectSettings, TlsSettings, TokenSettings, concerns, load
from medusa.config.daemon import is_local
from medusa.domain.failures import ConfigError

HASH = f"sha256:{'ab' * 32}"
TOKEN = {"name": "web", "hash": HASH, "scopes": ["read", "publish"]}
TLS = {"certificate_file": "cert.pem", "key_file": "key.pem"}


def daemon(tmp_path: Path, **block: Any) -> DaemonSettings:
    return load({"medusa": {"daemon": block}}, {}, tmp_path).daemon


def problem(tmp_path: Path, **block: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        daemon(tmp_path, **block)
    assert "ab" * 32 not in str(refused.value)
    return str(refused.value)


def test_without_a_word_nothing_is_exposed(tmp_path: Path) -> None:
    found = daemon(tmp_path)
    assert found == DaemonSettings()
    assert (found.listen, found.tokens, found.media_roots) == ((), (), ())


def test_a_whole_block(tmp_path: Path) -> None:
    found = daemon(
        tmp_path,
        listen=["unix:/run/m.sock", "0.0.0.0:7433", "[::]:7434"],
        tls={**TLS, "client_ca_file": "ca.pem"},
        tokens=[{**TOKEN, "expires": "2027-01-31"}],
        subjects=[{"name": "backend.example", "scopes": ["admin"]}],
        media_roots=["films"],
    )
    assert found.tls == TlsSettings(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    assert found.tokens == (TokenSettings("web", HASH, ("read", "publish"), "2027-01-31"),)
    assert found.subjects == (SubjectSettings("backend.example", ("admin",)),)
    assert found.media_roots == (tmp_path / "films",)
    assert HASH not in repr(found)


@pytest.mark.parametrize("address", ["0.0.0.0:7433", "[::]:7433", "192.0.2.1:1", "medusa.example:7433"])
@pytest.mark.parametrize("lacks", [{}, {"tls": TLS}, {"tokens": [TOKEN]}])
def test_off_loopback_it_needs_tls_and_a_way_to_know_the_caller(
    tmp_path: Path, address: str, lacks: dict[str, Any]
) -> None:
    says = problem(tmp_path, listen=["127.0.0.1:7433", address], **lacks)
    assert says.startswith(f"medusa.daemon: {address} can be reached from other machines")
    assert "medusad token new" in says


@pytest.mark.parametrize("address", ["unix:/run/m.sock", "127.0.0.1:0", "127.8.8.8:1", "[::1]:7433", "localhost:7433"])
def test_this_machine_needs_neither(tmp_path: Path, address: str) -> None:
    assert is_local(address)
    assert daemon(tmp_path, listen=[address]).listen == (address,)


@pytest.mark.parametrize(
    "address", ["7433", "http://127.0.0.1:1", "unix:relative.sock", "127.0.0.1", "::1:7433", "", "localhost:65536"]
)
def test_what_is_no_address(tmp_path: Path, address: str) -> None:
    assert problem(tmp_path, listen=[address])


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"tokens": [{**TOKEN, "hash": "secret"}]}, "medusa.daemon.tokens[0]: its hash is"),
        ({"tokens": [{**TOKEN, "expires": "soon"}]}, 'medusa.daemon.tokens[0]: its "expires" must be a date'),
        ({"tokens": [{**TOKEN, "scopes": ["write"]}]}, "medusa.daemon.tokens[0].scopes[0]: must be"),
        ({"subjects": [{"name": "x"}]}, 'medusa.daemon: "subjects" need "tls" with a "client_ca_file"'),
        ({"bounds": {"streams": 0}}, "medusa.daemon.bounds.streams: must be 1 or more"),
        ({"tls": {"certificate_file": "c"}}, "medusa.daemon.tls.key_file: is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, block: dict[str, Any], says: str) -> None:
    assert says in problem(tmp_path, **block)


@pytest.mark.parametrize(
    ("expires", "epoch"), [("2027-01-31", 1801353600.0), ("2027-01-31T01:00:00+01:00", 1801353600.0), (None, None)]
)
def test_when_a_token_ends(expires: str | None, epoch: float | None) -> None:
    assert TokenSettings("web", HASH, expires=expires).expires_at() == epoch


def test_a_key_that_others_may_read_is_a_concern_and_a_certificate_is_none(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o644)
    found = concerns(load({"medusa": {"daemon": {"tls": TLS}}}, {}, tmp_path))
    assert [one.path for one in found] == ["medusa.daemon.tls.key_file"]
