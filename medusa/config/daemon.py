"""The block "medusa": {"daemon": {...}}: where medusad listens, who gets in, what it reads, and how much of each."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

ScopeName = Literal["read", "publish", "admin"]
"""What a caller may do: look; publish and manage tasks; everything."""
HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PUBLIC: Final = {"public": True}
ADDRESS: Final = re.compile(r"unix:/.+|(\[[0-9a-fA-F:.]+\]|[^:/\[\]\s]+):\d{1,5}")
LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What medusad shows of itself, and whom it believes. Files that change are read anew without a restart."""

    certificate_file: Path = field(metadata=_PUBLIC)
    """The certificate chain, PEM."""
    key_file: Path
    """Its private key, PEM."""
    client_ca_file: Path | None = field(default=None, metadata=_PUBLIC)
    """Who signs the certificates of clients, PEM. With it, a client may show one: see `subjects`."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """One bearer token: `medusad token new` makes it and this line."""

    name: str
    """Who has it: stands in the log, and its tasks and streams are counted together."""
    hash: str = field(repr=False)
    """"sha256:..." of the token, which itself is kept nowhere."""
    scopes: tuple[ScopeName, ...] = ("read",)
    expires: str | None = None
    """A date or time after which it is refused, ISO 8601: "2027-01-31", "2027-01-31T12:00:00+01:00"."""

    def __post_init__(self) -> None:
        if not HASH.fullmatch(self.hash):
            raise ValueError('its hash is "sha256:" and 64 hexadecimal digits: medusad token new makes it')
        try:
            self.expires_at()
        except ValueError:
            raise ValueError('its "expires" must be a date such as 2027-01-31') from None

    def expires_at(self) -> float | None:
        """Epoch seconds; a time without a zone is UTC."""
        if self.expires is None:
            return None
        moment = datetime.fromisoformat(self.expires)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class SubjectSettings:
    """A client that shows a certificate of `tls.client_ca_file` with this name."""

    name: str
    """A subject alternative name (DNS, URI or mail address) or, of a certificate without any, its common name."""
    scopes: tuple[ScopeName, ...] = ("read",)


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """The folder of what clients upload."""

    directory: Path | None = None
    """By default "media" beside the file of tasks."""
    quota_bytes: int = 64 * 1024**3
    """All that lies in it, unfinished uploads with their announced size."""
    keep_hours: float = 24.0
    """How long an upload stays that gets no more bytes, or is finished and used by no task."""


@dataclass(frozen=True, slots=True)
class BoundSettings:
    """How much one message or one caller may take. All callers on the Unix socket are one."""

    message_bytes: int = 4 * 1024**2
    """The largest message that is received."""
    metadata_bytes: int = 8 * 1024
    """The largest metadata of a call."""
    streams: int = 8000
    """Calls of one caller that are open at once."""
    tasks: int = 1000
    """Unfinished tasks of one caller."""
    upload_bytes: int = 32 * 1024**3
    """What one caller's uploads may take in the media folder."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What medusad writes to its standard error."""

    format: Literal["text", "json"] = "text"
    """A line for people, or a JSON object a line."""
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """medusad: where it listens and who gets in."""

    listen: tuple[str, ...] = ()
    """"unix:/run/medusa/medusad.sock", "127.0.0.1:7433", "[::1]:7433"; without any, a Unix socket of the user's own."""
    tls: TlsSettings | None = None
    tokens: tuple[TokenSettings, ...] = ()
    subjects: tuple[SubjectSettings, ...] = ()
    """Whose client certificates are let in."""
    media_roots: tuple[Path, ...] = ()
    """Under which folders a request may name files; without any, only the media folder."""
    media: MediaSettings = field(default_factory=MediaSettings)
    bounds: BoundSettings = field(default_factory=BoundSettings)
    drain_s: float = 30.0
    """After SIGTERM, how long what is becoming public may take to be settled; uploads are stopped at once."""
    log: LogSettings = field(default_factory=LogSettings)
    metrics: str | None = None
    """"127.0.0.1:9433": where Prometheus finds the metrics, on loopback only."""
    traces: bool = False
    """Whether OpenTelemetry traces calls, and the exchanges of the tasks that they begin; needs the extra [otel]."""

    def __post_init__(self) -> None:
        for address in self.listen:
            if not _is_address(address):
                raise ValueError(f'"listen" has {address}: say unix:/PATH or HOST:PORT')
        if self.metrics is not None and not (_is_address(self.metrics) and _is_loopback(self.metrics)):
            raise ValueError(f'"metrics" has {self.metrics}: say HOST:PORT on loopback, such as 127.0.0.1:9433')
        if self.subjects and not (self.tls and self.tls.client_ca_file):
            raise ValueError('"subjects" need "tls" with a "client_ca_file"')
        if self._exposed() and not (self.tls and (self.tokens or self.subjects)):
            raise ValueError(
                f"{self._exposed()} can be reached from other machines: that needs "
                '"tls" (certificate_file, key_file) and a way to know the caller, "tokens" (medusad token new) or '
                '"subjects" with tls.client_ca_file'
            )

    def _exposed(self) -> str:
        """The first address that is neither a Unix socket nor on loopback; empty when there is none."""
        return next((address for address in self.listen if not is_local(address)), "")


def _is_address(text: str) -> bool:
    """gRPC would take a port beyond the last one for another, and listen there."""
    return bool(ADDRESS.fullmatch(text)) and (text.startswith("unix:") or int(text.rpartition(":")[2]) <= LAST_PORT)


def is_local(address: str) -> bool:
    """Only this machine can reach it."""
    return address.startswith("unix:") or _is_loopback(address)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
