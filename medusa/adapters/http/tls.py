"""TLS on a socket that never blocks, by pyOpenSSL.

Python's own ssl hands OpenSSL one record of 16 KiB a call, and gives Python's lock away and takes it back each time.
Here a call takes a whole block; and the OpenSSL is the current one that comes with cryptography, whatever Python has.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from ipaddress import ip_address

from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from medusa.adapters.http.plain import READABLE, ROOM, WRITABLE

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


class Tls:
    """The client's end of one TLS connection."""

    def __init__(self, sock: socket.socket, context: SSL.Context, host: str) -> None:
        self._host = host.removesuffix(".")  # it is no part of the name that certificates know (RFC 6066, 3)
        self._tls = SSL.Connection(context, sock)
        self._tls.set_connect_state()
        if not _is_address(self._host):
            self._tls.set_tlsext_host_name(self._host.encode("ascii"))
        self.ended = False
        """The peer says no more."""

    def shake(self) -> int:
        """Go on with the handshake: READABLE or WRITABLE is what to wait for, and 0 means that it is done.

        Raises ssl.SSLCertVerificationError when the peer is not who it should be, or another OSError.
        """
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return READABLE
        except SSL.WantWriteError:
            return WRITABLE
        except SSL.Error as error:
            refused = self._tls.get_app_data()
            raise _unbelievable(refused) if refused else _as_os_error(error) from None
        self._check_name()
        return 0

    def send(self, block: memoryview) -> int:
        """Seal and send: `block` whole, or 0 when the socket is full, though it may have taken a part.

        After 0 the same bytes must be given again. Raises OSError.
        """
        try:
            return self._tls.send(block)
        except SSL.WantWriteError:
            return 0
        except SSL.Error as error:
            raise _as_os_error(error) from None

    def receive(self) -> bytes:
        """What has arrived, in clear; b"" if that is nothing yet, or the peer has `ended`. Raises OSError."""
        try:
            return self._tls.recv(ROOM)  # a record at most, so that nothing stays behind where poll cannot see it
        except (SSL.WantReadError, SSL.WantWriteError):  # the latter: an answer of TLS itself waits for room
            return b""
        except SSL.Error as error:
            if not isinstance(error, SSL.ZeroReturnError) and not _has_hung_up(error):
                raise _as_os_error(error) from None
            self.ended = True
            return b""

    def _check_name(self) -> None:
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        assert certificate
        is_address = _is_address(self._host)
        verify = verify_certificate_ip_address if is_address else verify_certificate_hostname
        try:
            verify(certificate, self._host)
        except (VerificationError, CertificateError):
            raise _unbelievable(f"{'IP address' if is_address else 'hostname'} mismatch") from None


def _judge(connection: SSL.Connection, _certificate: crypto.X509, code: int, _depth: int, accepted: int) -> bool:
    """Takes OpenSSL's word, and keeps it: the error that the handshake ends with does not tell."""
    if not accepted:
        connection.set_app_data(_IN_WORDS.get(code, f"verification error {code}"))
    return bool(accepted)


def _unbelievable(why: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(why)
    error.verify_message = why
    return error


def _has_hung_up(error: SSL.Error) -> bool:
    """Whether the peer has closed the connection without the word that TLS has for it."""
    return isinstance(error, SSL.SysCallError) and error.args[0] <= 0


def _as_os_error(error: SSL.Error) -> OSError:
    """What ssl or the system would have raised."""
    if isinstance(error, SSL.SysCallError):
        code = errno.ECONNRESET if _has_hung_up(error) else error.args[0]
        return OSError(code, os.strerror(code))
    told = ssl.SSLError(errno.EPROTO, "TLS failed")
    told.reason = error.args[0][0][-1] if error.args and error.args[0] else ""
    return told


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
