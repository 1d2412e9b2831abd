"""Books what each call costs, when it is made, whatever comes of it (facts: Google 4: even invalid ones cost)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from medusa.adapters.http import Request
from medusa.adapters.platforms.youtube.account import YouTubeAccount
from medusa.adapters.platforms.youtube.quota import COSTS, LIST, quotas
from medusa.domain.failures import Failure, FailureKind, MedusaError, PlatformError
from medusa.domain.ports import AccountsPort
from medusa.domain.quota import Quota, Shortage, exhausted

_METHODS: Final = {
    "videos": "videos.insert",
    "thumbnails/set": "thumbnails.set",
    "captions": "captions.insert",
    "playlistItems": "playlistItems.insert",
}
"""What a POST to these paths calls."""


class Ledger:
    """What is spent of one project's quotas, as far as this Medusa knows: others may use the project too."""

    def __init__(self, account: YouTubeAccount, accounts: AccountsPort) -> None:
        self._account = account
        self._accounts = accounts

    def book(self, request: Request, now: float) -> None:
        """Spend what the request costs. Raises QUOTA, and then it must not be sent, if that is not left."""
        with _told():
            for quota, cost in self._charged(request, now):
                if not self._accounts.spend(quota.owner, quota.name, cost, quota.resets_at, quota.limit):
                    raise PlatformError(exhausted(Shortage(quota, cost)))

    def close(self, request: Request, now: float) -> None:
        """YouTube has refused the request because its quota is used up: nothing is left of it, whatever is booked."""
        with _told():
            for quota, _ in self._charged(request, now):
                self._accounts.spend(quota.owner, quota.name, quota.remaining, quota.resets_at)

    def _charged(self, request: Request, now: float) -> list[tuple[Quota, int]]:
        """The quotas that the request is charged to, as they stand, and how much."""
        costs = cost(request)
        found = (one for one in quotas(self._account, now) if one.name in costs)
        return [(self._standing(one, now), costs[one.name]) for one in found]

    def _standing(self, quota: Quota, now: float) -> Quota:
        return replace(quota, spent=self._accounts.spent(quota.owner, quota.name, now)[0])


@contextmanager
def _told() -> Iterator[None]:
    """A place that cannot be written (a full disk, a long lock), as a failure that passes."""
    try:
        yield
    except PlatformError:
        raise
    except MedusaError as error:
        raise PlatformError(Failure(FailureKind.TRANSIENT, f"the quota cannot be booked: {error}")) from None


def cost(request: Request) -> Mapping[str, int]:
    """What a request is charged. The session of an upload is paid for when it begins (unverified)."""
    if request.method == "PUT":
        return {}
    called = _METHODS.get(urlsplit(request.url).path.rpartition("/youtube/v3/")[2], "")
    return COSTS[called] if called and request.method == "POST" else LIST
