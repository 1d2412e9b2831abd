"""YouTube's methods as Google describes them in the discovery document that google-api-python-client ships.

The client itself would build the same requests, as the tests show; but importing it, with all that it might ever need,
takes a quarter of a second before the first byte of an upload. Its document alone takes a few milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

from googleapiclient import discovery_cache

from medusa.adapters.http import Request
from medusa.domain.values import Json


def request(root: str, method: str, parameters: Mapping[str, Any], body: Json | None, upload: str = "") -> Request:
    """A request of an API method such as "videos.list"; parameters that are None are left out.

    `upload`, the protocol's name, sends it to the method's upload address (facts: resumable protocol, RU). Raises
    TypeError for a parameter that the method does not have or needs.
    """
    described, given = _method(method), {name: value for name, value in parameters.items() if value is not None}
    _judge(method, described["parameters"], given)
    query = {name: _text(value) for name, value in given.items()} | {"alt": "json"}
    path = f"{_document()['servicePath']}{described['path']}"
    if upload:
        path, query = f"upload/{path}", {**query, "uploadType": upload}
    headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": "application/json"})
    content = None if body is None else json.dumps(body).encode()
    return Request(described["httpMethod"], f"{root.rstrip('/')}/{path}?{urlencode(query)}", headers, content)


@cache
def _document() -> Any:
    return json.loads(discovery_cache.get_static_doc("youtube", "v3"))


def _method(name: str) -> Any:
    collection, _, verb = name.partition(".")
    return _document()["resources"][collection]["methods"][verb]


def _judge(method: str, known: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name in given.keys() - known.keys():
        raise TypeError(f"{method} has no parameter {name}")
    for name, parameter in known.items():
        if parameter.get("required") and name not in given:
            raise TypeError(f"{method} needs the parameter {name}")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
