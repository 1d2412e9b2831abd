"""What lets in, without a network: tokens, subjects, and the count of failed attempts."""

from __future__ import annotations

import pytest

from medusa.config import TokenSettings
from medusa.daemon.failures import FREE, PEERS, WINDOW_S, FailedAttempts, network
from medusa.daemon.gate import bearer, subject
from medusa.daemon.scopes import Scope, needed
from medusa.daemon.tokens import PREFIX, hashed, holder, new_token


def test_a_token_is_random_and_only_its_hash_tells_its_holder() -> None:
    first, second = new_token(), new_token()
    assert first.startswith(PREFIX)
    assert len({first, second}) == 2
    assert len(first) >= len(PREFIX) + 43, "256 bits"
    known = [TokenSettings("a", hashed(first)), TokenSettings("b", hashed(second))]
    assert [found and found.name for found in (holder(first, known), holder(second, known))] == ["a", "b"]
    assert holder("x", known) is holder("", known) is holder(first, []) is None
    assert first not in repr(known)


def test_every_token_is_compared_whoever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, other: compared.append(one) or one == other)
    tokens = [new_token() for _ in range(5)]
    known = [TokenSettings(str(place), hashed(token)) for place, token in enumerate(tokens)]
    for token in (tokens[0], tokens[4], "nobody's"):
        compared.clear()
        holder(token, known)
        assert compared == [one.hash for one in known]


def test_a_method_that_is_not_listed_is_for_admins_only() -> None:
    assert needed("/medusa.v1.MedusaService/New") is Scope.ADMIN
    assert needed("/another.Service/Method") is Scope.ADMIN


@pytest.mark.parametrize(
    ("metadata", "token"),
    [
        ([], None),
        ([("x", "Bearer a")], None),
        ([("authorization", "Bearer a")], "a"),
        ([("authorization", "bearer  a ")], "a"),
        ([("authorization", b"Bearer a")], "a"),
        ([("authorization", "Basic a")], ""),
        ([("authorization", "")], ""),
        ([("authorization", "Bearer a"), ("authorization", "Bearer b")], "a"),
    ],
)
def test_the_token_of_a_call(metadata: list[tuple[str, str | bytes]], token: str | None) -> None:
    assert bearer(metadata) == token


def test_a_common_name_counts_only_where_there_is_no_other() -> None:
    assert subject({"x509_common_name": [b"ops"]}) == ("ops",)
    assert subject({"x509_common_name": [b"ops"], "x509_subject_alternative_name": [b"a", b"b"]}) == ("a", "b")
    assert subject({"transport_security_type": [b"ssl"]}) == ()


# ---------------------------------------------------------------- failed attempts


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("ipv4:192.0.2.7:40112", "192.0.2.7/32"),
        ("ipv6:[2001:db8::1]:40112", "2001:db8::/64"),
        ("ipv6:%5B2001:db8::2%5D:2", "2001:db8::/64"),
        ("ipv6:[fe80::1%25eth0]:2", "fe80::/64"),
        ("unix:/run/m.sock", "unix"),
        ("unix:", "unix"),
    ],
)
def test_what_is_one_peer(peer: str, key: str) -> None:
    assert network(peer) == key


def test_failures_are_counted_by_who_makes_them_within_a_window() -> None:
    now = [100.0]
    failed = FailedAttempts(lambda: now[0])
    assert [failed.add("192.0.2.7/32")[0] for _ in range(FREE + 2)] == list(range(1, FREE + 3))
    assert failed.add("192.0.2.8/32") == (1, WINDOW_S)
    now[0] += WINDOW_S - 1
    assert failed.add("192.0.2.7/32") == (FREE + 3, 1.0)
    now[0] += 1
    assert failed.add("192.0.2.7/32") == (1, WINDOW_S)


def test_no_number_of_peers_fills_the_memory() -> None:
    failed = FailedAttempts(lambda: 1.0)
    for host in range(PEERS + 50):
        failed.add(str(host))
    assert len(failed._windows) == PEERS
    assert failed.add("49")[0] == 1, "the first ones are forgotten"
