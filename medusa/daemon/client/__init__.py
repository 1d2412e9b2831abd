"""Medusa over a daemon: the methods of MedusaCore, for programs that wait and for those that await."""

from __future__ import annotations

from medusa.daemon.client.aio import AsyncMedusaClient
from medusa.daemon.client.blocking import MedusaClient
from medusa.daemon.client.errors import AccessDenied, DaemonUnreachable, LimitReached

__all__ = ["AccessDenied", "AsyncMedusaClient", "DaemonUnreachable", "LimitReached", "MedusaClient"]
