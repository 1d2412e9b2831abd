"""TLS over a socket that takes and gives as it likes: what arrives is what was given, in both directions."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from medusa.adapters.http import tls, transport_failure
from medusa.adapters.http.tls import PIECE, Tls, client_context

ALL = 2**31
VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
BAD_RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)


class Wire:
    """The part of a socket that Tls uses: it takes `room` bytes more, and gives those of `inbox`."""

    def __init__(self) -> None:
        self.room, self.taken, self.inbox, self.hung_up = ALL, bytearray(), bytearray(), False

    def send(self, offered: memoryview) -> int:
        if not self.room:
            raise BlockingIOError
        count = min(self.room, len(offered))
        self.taken += offered[:count]
        self.room -= count
        return count

    def recv(self, count: int) -> bytes:
        if not self.inbox and not self.hung_up:
            raise BlockingIOError
        arrived = bytes(self.inbox[:count])
        del self.inbox[:count]
        return arrived


class Peer:
    """The server's end, in memory."""

    def __init__(self, context: SSL.Context, wire: Wire) -> None:
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._wire = wire
        self._sealed = bytearray()
        self.said, self.heard = bytearray(), bytearray()

    def say(self, words: bytes) -> None:
        self._tls.sendall(words)
        self.said += words

    def tell(self, count: int = ALL) -> None:
        """Let so many of the bytes that the client has not got yet arrive."""
        with suppress(SSL.WantReadError):
            while True:
                self._sealed += self._tls.bio_read(64 * 1024)
        self._wire.inbox += self._sealed[:count]
        del self._sealed[:count]

    def hear(self) -> None:
        if self._wire.taken:
            self._tls.bio_write(bytes(self._wire.taken))
            self._wire.taken.clear()
        with suppress(SSL.WantReadError):
            while True:
                self.heard += self._tls.recv(64 * 1024)


@dataclass
class Ends:
    """A client that has met its server."""

    ours: Tls
    wire: Wire
    peer: Peer
    given: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    _random: random.Random = field(default_factory=lambda: random.Random(1))
    _buffer: bytearray = field(default_factory=lambda: bytearray(3 * PIECE))
    _block: memoryview = field(default_factory=lambda: memoryview(b""))

    def send(self, size: int) -> None:
        """Go on with the block, as in an upload; with the next one, in the same buffer, once all of it is taken."""
        if not self._block:
            self._buffer[:size] = self._random.randbytes(size)
            self._block = memoryview(self._buffer)[:size]
            self.given += self._block
        self._block = self._block[self.ours.send(self._block) :]

    def room(self, count: int) -> None:
        self.wire.room += count

    def say(self, size: int) -> None:
        self.peer.say(self._random.randbytes(size))

    def tell(self, count: int) -> None:
        self.peer.tell(count)

    def receive(self, _: int) -> None:
        self.heard += self.ours.receive()

    def hear(self, _: int) -> None:
        self.peer.hear()

    def finish(self) -> None:
        """All that was begun, over a socket with room: not a byte more is given."""
        self.wire.room = ALL
        for _ in range(10):
            self._block = self._block[self.ours.send(self._block) :]
        assert not self._block
        assert not self.ours.behind
        self.peer.tell()
        while self.wire.inbox:
            self.receive(ALL)
        self.peer.hear()


Contexts = dict[str, tuple[SSL.Context, SSL.Context]]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """The client's and the server's, by the version of TLS."""
    authority = trustme.CA()
    bundle = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    found = {}
    for name, version in VERSIONS.items():
        server = SSL.Context(SSL.TLS_SERVER_METHOD)
        server.set_max_proto_version(version)
        authority.issue_cert("localhost").configure_cert(server)
        found[name] = client_context(str(bundle), None), server
    return found


def ends(contexts: tuple[SSL.Context, SSL.Context]) -> Ends:
    wire = Wire()
    return Ends(Tls(wire, contexts[0], "localhost"), wire, Peer(contexts[1], wire))  # type: ignore[arg-type]


def shaken(both: Ends, step: int = ALL) -> Ends:
    """Their handshake is done, by so many bytes at a time in each direction."""
    both.wire.room = step
    while both.ours.shake():
        both.peer.hear()
        both.peer.tell(step)
        both.wire.room = step
    both.peer.hear()
    both.wire.room = 0
    return both


sizes = st.sampled_from([1, 5, 16 * 1024, 16 * 1024 + 1, PIECE - 1, PIECE, PIECE + 1]) | st.integers(1, 3 * PIECE)
steps = st.tuples(st.sampled_from(["send", "send", "room", "room", "say", "tell", "receive", "hear"]), sizes)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sealed_room", [tls._SEALED_ROOM, 1000])
def test_what_arrives_is_what_was_given(contexts: Contexts, version: str, sealed_room: int) -> None:
    """Whatever the socket takes, and although what is sealed may be more than the buffer for it holds."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(steps, max_size=40))
    def talk(script: list[tuple[str, int]]) -> None:
        both = shaken(ends(contexts[version]))
        for name, size in script:
            getattr(both, name)(size)
        both.finish()
        assert both.peer.heard == both.given
        assert both.heard == both.peer.said

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls, "_SEALED_ROOM", sealed_room)
        talk()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_may_come_byte_by_byte(contexts: Contexts, version: str) -> None:
    both = shaken(ends(contexts[version]), step=1)
    both.send(10)
    both.finish()
    assert both.peer.heard == both.given


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_hangs_up_anywhere_in_the_handshake(contexts: Contexts, version: str) -> None:
    for told in range(0, 600, 37):
        both = ends(contexts[version])
        both.ours.shake()
        both.peer.hear()
        both.peer.tell(told)
        both.wire.hung_up = True
        with pytest.raises(ConnectionResetError):
            both.ours.shake()


def told(meet: Callable[[], object]) -> str:
    """What is said of the failure, if it is one."""
    try:
        meet()
    except OSError as error:
        return transport_failure(error, "localhost", began=True).said
    return ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_byte_that_was_changed_is_a_failure_that_can_be_told(contexts: Contexts, version: str) -> None:
    """Within the handshake or behind it; and it may be told again."""

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2000), st.booleans())
    def change(at: int, behind: bool) -> None:
        both = ends(contexts[version])
        if behind:
            shaken(both)
            both.say(1500)
        else:
            both.ours.shake()
            both.peer.hear()
        both.peer.tell()
        both.wire.inbox[at % len(both.wire.inbox)] ^= 0x55
        both.wire.hung_up = True
        meet = partial(both.receive, ALL) if behind else both.ours.shake
        for _ in range(3):
            told(meet)
        assert both.peer.said.startswith(both.heard)
        assert len(both.heard) < len(both.peer.said) or not behind

    change()


@pytest.mark.parametrize("version", VERSIONS)
def test_words_before_an_error_are_heard_first(contexts: Contexts, version: str) -> None:
    both = shaken(ends(contexts[version]))
    both.say(1000)
    both.tell(ALL)
    both.wire.inbox += BAD_RECORD
    both.receive(ALL)
    assert both.heard == both.peer.said
    assert "TLS failed" in told(partial(both.receive, ALL))
