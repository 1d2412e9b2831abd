"""TLS: the certificate that the daemon shows, read anew when its files change."""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import Any

import grpc

from medusa.config import TlsSettings
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

_log = logging.getLogger("medusa.daemon")
_PLACE = "medusa.daemon.tls"


class Certificate:
    """The files of `tls`. gRPC asks before each handshake, from threads of its own."""

    def __init__(self, tls: TlsSettings) -> None:
        """Raises ConfigError when they cannot be used."""
        self._tls = tls
        self._lock = threading.Lock()
        self._seen = self._marks()
        self._first = _configuration(tls)

    def credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`. With a client CA each client must show a certificate of it."""
        mutual = self._tls.client_ca_file is not None
        changed: Any = self._changed  # None is an answer: the stubs do not know it
        return grpc.dynamic_ssl_server_credentials(self._first, changed, mutual)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The files as they are now; None when they have not changed, or are no good: what was read before stays."""
        with self._lock:
            marks = self._marks()
            if marks == self._seen:
                return None
            self._seen = marks
        try:
            changed = _configuration(self._tls)
        except ConfigError as error:
            _log.warning("the certificate has changed, and the old one stays in use: %s", error)
            return None
        _log.info("the certificate was read anew")
        return changed

    def _marks(self) -> tuple[object, ...]:
        return tuple(_mark(file) for file in _files(self._tls).values())


def _files(tls: TlsSettings) -> dict[str, Path]:
    named = {"certificate_file": tls.certificate_file, "key_file": tls.key_file, "client_ca_file": tls.client_ca_file}
    return {name: file for name, file in named.items() if file is not None}


def _mark(file: Path) -> object:
    try:
        status = file.stat()
    except OSError as error:
        return error.errno
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _configuration(tls: TlsSettings) -> grpc.ServerCertificateConfiguration:
    read = {}
    for name, file in _files(tls).items():
        try:
            read[name] = file.read_bytes()
        except OSError as error:
            says = f"{file} cannot be read: {(error.strerror or type(error).__name__).lower()}"
            raise ConfigError([Problem(f"{_PLACE}.{name}", says)]) from None
    _judge(tls)
    pair = (read["key_file"], read["certificate_file"])
    return grpc.ssl_server_certificate_configuration([pair], read.get("client_ca_file"))


def _judge(tls: TlsSettings) -> None:
    """gRPC says of bad files only that the port could not be opened."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate_file, tls.key_file, password="")
    except (OSError, ValueError) as error:
        says = f"is not a certificate with its key, both as PEM ({_reason(error)})"
        raise ConfigError([Problem(f"{_PLACE}.certificate_file", says)]) from None
    if tls.client_ca_file is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(tls.client_ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError(
            [Problem(f"{_PLACE}.client_ca_file", f"is no certificate as PEM ({_reason(error)})")]
        ) from None


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return str(reason).replace("_", " ").lower()
