"""What both clients have in common: whom they ask, and when they ask again."""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike
from pathlib import Path

import grpc

from medusa.daemon.client.endpoint import Endpoint
from medusa.daemon.client.errors import answered, error_of
from medusa.daemon.client.operations import Publishing
from medusa.daemon.client.patience import Patience
from medusa.daemon.client.uploading import Sent, untold
from medusa.domain.failures import MedusaError

MediaFile = str | PathLike[str]


class Client:
    """Neither waits nor awaits. The arguments are described at MedusaClient."""

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        tls_ca: MediaFile | None = None,
        tls_cert: MediaFile | None = None,
        tls_key: MediaFile | None = None,
        upload: bool | None = None,
        on_upload: Sent | None = None,
    ) -> None:
        files = (Path(file) if file else None for file in (tls_ca, tls_cert, tls_key))
        self._endpoint = Endpoint(address, token, *files)
        self._publishing = Publishing(upload=upload, remote=self._endpoint.remote, sent=on_upload or untold)
        self._reached = False
        self._closed = False
        self._connect()

    def _connect(self) -> None:
        """Make the channel; nothing is sent yet."""
        raise NotImplementedError

    def _check_open(self) -> None:
        if self._closed:
            raise MedusaError("this MedusaClient is closed")

    def _patience(self) -> Patience:
        return Patience(reached=self._reached)

    def _pause(self, error: grpc.RpcError, patience: Patience | None, targets: Collection[str] = ()) -> float:
        """Seconds until the next try. Raises what the error stands for if there is to be none."""
        self._reached = self._reached or answered(error)
        pause = patience.pause(error) if patience and not self._closed else None
        if pause is None:
            raise error_of(error, self._endpoint.address, targets) from error
        return pause
