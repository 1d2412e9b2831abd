"""One HTTP exchange: sends once, masks secrets, maps transport errors, and ends at once when its call is cancelled.

Adapters build a Request and read a Reply, both plain data, so that their wire.py is pure. An exchange never retries,
never follows a redirect and never reads credentials from anywhere but the Request. Proxies (HTTPS_PROXY, NO_PROXY) and
certificate stores (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE) are taken from the environment as people expect.
"""

from medusa.adapters.http.exchange import Http
from medusa.adapters.http.failure import transport_failure
from medusa.adapters.http.message import BLOCK, REPLY_LIMIT, Reply, Request, Timeouts
from medusa.adapters.http.trust import certificates

__all__ = ["BLOCK", "REPLY_LIMIT", "Http", "Reply", "Request", "Timeouts", "certificates", "transport_failure"]
