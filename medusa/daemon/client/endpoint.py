"""Where a daemon is, and how to be let in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from grpc import aio

from medusa.config.daemon import ADDRESS, is_local
from medusa.domain.failures import ConfigError
from medusa.domain.values import Problem

REPLY_BYTES: Final = 64 * 1024**2
"""A page of a thousand tasks is larger than what gRPC takes by default."""
OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    ("grpc.max_receive_message_length", REPLY_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),  # a daemon that restarts is back within a second
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
KEEPALIVE: Final[tuple[tuple[str, Any], ...]] = (
    ("grpc.keepalive_time_ms", 20_000),  # a line that died in silence is noticed, and watched anew
    ("grpc.keepalive_timeout_ms", 20_000),
)
DIRECT: Final[tuple[tuple[str, Any], ...]] = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One daemon. Raises ConfigError for an address that is none, or half a certificate."""

    address: str
    """"unix:/run/medusa/medusad.sock", "host:7433"."""
    token: str | None = field(default=None, repr=False)
    """A bearer token, as `medusad token new` made it."""
    tls_ca: Path | None = None
    """Who signed the daemon's certificate, PEM; without it, an authority that the system trusts."""
    tls_cert: Path | None = None
    """This client's own certificate, PEM, where the daemon asks for one; with its key."""
    tls_key: Path | None = None

    def __post_init__(self) -> None:
        if not ADDRESS.fullmatch(self.address):
            raise ConfigError([Problem("daemon", f"{self.address!r} is no address: say unix:/PATH or HOST:PORT")])
        if (self.tls_cert is None) is not (self.tls_key is None):
            raise ConfigError([Problem("tls_cert", "a certificate and its key belong together")])

    @property
    def remote(self) -> bool:
        """It may be on another machine, so that the paths of our files say nothing to it."""
        return not self.address.startswith("unix:")

    @property
    def encrypted(self) -> bool:
        """Off this machine always: a token or a text never crosses a network in the clear."""
        return not is_local(self.address) or bool(self.tls_ca or self.tls_cert)

    @property
    def credentials(self) -> dict[str, Any]:
        """The arguments beside the address with which another client gets in as well."""
        return {"token": self.token, "tls_ca": self.tls_ca, "tls_cert": self.tls_cert, "tls_key": self.tls_key}

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def channel(self) -> grpc.Channel:
        """A channel for blocking calls. Raises ConfigError if a file cannot be read."""
        if self.encrypted:
            return grpc.secure_channel(self.address, self._credentials(), self._options())
        return grpc.insecure_channel(self.address, self._options())

    def aio_channel(self) -> aio.Channel:
        """A channel for the running event loop. Raises ConfigError if a file cannot be read."""
        if self.encrypted:
            return aio.secure_channel(self.address, self._credentials(), self._options())
        return aio.insecure_channel(self.address, self._options())

    def _options(self) -> tuple[tuple[str, Any], ...]:
        return OPTIONS + (DIRECT if is_local(self.address) else KEEPALIVE)

    def _credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(_read(self.tls_ca), _read(self.tls_key), _read(self.tls_cert))


def _read(file: Path | None) -> bytes | None:
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise ConfigError([Problem("", f"{file} cannot be read: {(error.strerror or 'error').lower()}")]) from error
