"""Credentials of a Page: a token, and a proof that the app's secret is known (facts: Meta 6)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from medusa.adapters.platforms.facebook.account import FacebookAccount


@dataclass(frozen=True, slots=True)
class Signature:
    """What each request of a Page carries."""

    headers: dict[str, str] = field(repr=False)
    upload_headers: dict[str, str] = field(repr=False)
    """For the host that takes bytes; it knows another scheme."""
    params: dict[str, str] = field(repr=False)


def signature(account: FacebookAccount) -> Signature:
    """The token goes into a header, where no log of URLs sees it; the proof can only be a parameter."""
    token = account.access_token
    proof = {"appsecret_proof": appsecret_proof(token, account.app_secret)} if account.app_secret else {}
    return Signature({"Authorization": f"Bearer {token}"}, {"Authorization": f"OAuth {token}"}, proof)


def appsecret_proof(token: str, app_secret: str) -> str:
    """HMAC-SHA256 of the token in use, keyed by the app's secret, in hex."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
