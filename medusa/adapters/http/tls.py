"""TLS on a socket that never blocks, by pyOpenSSL.

Python's own ssl hands OpenSSL one record of 16 KiB a call, and gives Python's lock away and takes it back each time.
Here a call seals many; and the OpenSSL is the current one that comes with cryptography, whatever Python has.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from contextlib import suppress
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from medusa.adapters.http.plain import READABLE, ROOM, WRITABLE

PIECE = 126 * 1024
"""Bytes that are sealed and sent at once. With what sealing adds they fill two of the kernel's packets of 64 KiB:
a little more would be a small packet of its own, and wake the receiver once more."""
_SEALED_ROOM = PIECE + 4 * 1024
_NOTHING = memoryview(b"")
_PARTIAL_WRITE = 0x1
"""SSL_MODE_ENABLE_PARTIAL_WRITE of OpenSSL: a call ends after one record. pyOpenSSL sets it and has no name for it."""
_IN_WORDS = {
    code: name.removeprefix("ERR_").lower().replace("_", " ").replace("cert ", "certificate ")
    for name, code in vars(SSL.X509VerificationCodes).items()
    if name.startswith("ERR_")
}


def client_context(cafile: str | None, capath: str | None) -> SSL.Context:
    """A client's context that trusts the certificates of a file, or of a folder. Raises OSError."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_RENEGOTIATION)  # so that writing never has to wait for something to read
    context.clear_mode(_PARTIAL_WRITE)
    context.set_alpn_protos([b"http/1.1"])
    context.set_verify(SSL.VERIFY_PEER, _judge)
    try:
        context.load_verify_locations(cafile, capath)
    except SSL.Error as error:
        raise _as_os_error(error) from None
    return context


class _InMemory(SSL.Connection):
    """A connection that seals and opens in memory, and nothing else."""

    def __init__(self, context: SSL.Context) -> None:
        super().__init__(context, None)
        self._room = Binding.ffi.new("char[]", _SEALED_ROOM)
        self._view = memoryview(Binding.ffi.buffer(self._room))

    def sealed(self) -> memoryview:
        """The next bytes for the peer, empty for none, valid until the next call.

        `bio_read` does the same with two new buffers and one more copy, a sixth of the whole cost of sending.
        """
        count = Binding.lib.BIO_read(self._from_ssl, self._room, _SEALED_ROOM)
        return self._view[:count] if count > 0 else _NOTHING


class Tls:
    """The client's end of one TLS connection.

    OpenSSL never meets the socket: after a send that broke it would read nothing any more, not even the reply of a
    server that has refused an upload and hung up.
    """

    def __init__(self, sock: socket.socket, context: SSL.Context, host: str) -> None:
        self._sock = sock
        self._host = host.removesuffix(".")  # it is no part of the name that certificates know (RFC 6066, 3)
        self._tls = _InMemory(context)
        self._tls.set_connect_state()
        if not _is_address(self._host):
            self._tls.set_tlsext_host_name(self._host.encode("ascii"))
        self._sealed = _NOTHING
        """What is sealed, and the socket has not taken yet."""
        self.ended = False
        """The peer says no more."""

    def shake(self) -> int:
        """Go on with the handshake: READABLE or WRITABLE is what to wait for, and 0 means that it is done.

        Raises ssl.SSLCertVerificationError when the peer is not who it should be, or another OSError.
        """
        while True:
            done = self._advance()
            if not self._flush():
                return WRITABLE
            if done:
                self._check_name()
                return 0
            if not self._take_in():
                return READABLE
            if self.ended:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    @property
    def behind(self) -> int:
        """Bytes that are sealed, and that the socket has not taken."""
        return len(self._sealed)

    def send(self, block: memoryview) -> int:
        """How many of these bytes are sealed and on their way; 0 while the socket is full. Raises OSError."""
        if (self._sealed and not self._flush()) or not block:
            return 0
        try:
            taken = self._tls.send(block[:PIECE])
        except SSL.Error as error:
            raise _as_os_error(error) from None
        self._flush()
        return taken

    def receive(self) -> bytes:
        """What has arrived, in clear; b"" if that is nothing yet, or the peer has `ended`. Raises OSError."""
        self._take_in()
        clear = self._opened()
        with suppress(OSError):  # an answer of TLS itself; a socket that is broken may hold more to read
            self._flush()
        return clear

    def _advance(self) -> bool:
        """Whether the handshake is done."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            with suppress(OSError):
                self._flush()  # tell the peer why
            refused = self._tls.get_app_data()
            raise _unbelievable(refused) if refused else _as_os_error(error) from None
        return True

    def _opened(self) -> bytes:
        """All that can be opened of what was taken in, so that nothing stays behind where poll cannot see it."""
        clear = bytearray()
        try:
            while True:
                clear += self._tls.recv(ROOM)
        except SSL.WantReadError:
            return bytes(clear)
        except SSL.ZeroReturnError:
            self.ended = True
            return bytes(clear)
        except SSL.Error as error:
            if clear:  # the error will be there again
                return bytes(clear)
            raise _as_os_error(error) from None

    def _take_in(self) -> bool:
        """Whether something has come: bytes, or the end."""
        try:
            arrived = self._sock.recv(ROOM)
        except BlockingIOError:
            return False
        if arrived:
            self._tls.bio_write(arrived)
        else:
            self.ended = True
        return True

    def _flush(self) -> bool:
        """Whether the socket has taken all that TLS has to say; if not, `_sealed` holds the next bytes of it."""
        self._sealed = self._sealed or self._tls.sealed()
        try:
            while self._sealed:
                self._sealed = self._sealed[self._sock.send(self._sealed) :] or self._tls.sealed()
        except BlockingIOError:
            return False
        return True

    def _check_name(self) -> None:
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        assert certificate
        is_address = _is_address(self._host)
        verify = verify_certificate_ip_address if is_address else verify_certificate_hostname
        try:
            verify(certificate, self._host)
        except (VerificationError, CertificateError):  # the latter for any odd name in it, `*.corp` above all
            if not _names(certificate, self._host):
                raise _unbelievable(f"{'IP address' if is_address else 'hostname'} mismatch") from None


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Whether the certificate has exactly this name or address."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    listed = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return host.lower() in map(str.lower, listed)


def _judge(connection: SSL.Connection, _certificate: crypto.X509, code: int, _depth: int, accepted: int) -> bool:
    """Takes OpenSSL's word, and keeps it: the error that the handshake ends with does not tell."""
    if not accepted:
        connection.set_app_data(_IN_WORDS.get(code, f"verification error {code}"))
    return bool(accepted)


def _unbelievable(why: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(why)
    error.verify_message = why
    return error


def _as_os_error(error: SSL.Error) -> OSError:
    """What ssl would have raised."""
    told = ssl.SSLError(errno.EPROTO, "TLS failed")
    match error.args:
        case [[(*_, reason), *_]]:
            told.reason = reason
        case _:
            told.reason = ""  # one that Python did not raise itself has no such attribute
    return told


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
