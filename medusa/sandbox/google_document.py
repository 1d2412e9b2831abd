"""Google's own description of YouTube's API (the discovery document), by which every call is judged.

The document comes with google-api-python-client; nothing else of that package is used here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from medusa.sandbox.google_errors import GoogleError, bad_request

Schema = Mapping[str, Any]
UPLOAD = frozenset({"uploadType", "upload_id", "upload_protocol"})
COMMON = UPLOAD | {"$.xgafv", "access_token", "alt", "callback", "fields", "key", "oauth_token"}
COMMON |= {"prettyPrint", "quotaUser", "userIp"}
"""Query parameters that every method takes."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method, such as videos.insert."""

    name: str
    scopes: frozenset[str]
    parameters: Mapping[str, Schema]
    body: str | None  # name of its request's schema
    max_size: int
    accept: tuple[str, ...]

    def check_query(self, query: Iterable[tuple[str, str]]) -> None:
        """Raise GoogleError for a parameter that is unknown, missing, or not of its type."""
        given = list(query)
        for name, value in given:
            if name not in self.parameters and name not in COMMON:
                raise bad_request(
                    f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                    f"Field '{name}' could not be found in request message."
                )
            if name in self.parameters:
                _check_text(name, value, self.parameters[name])
        for name, schema in self.parameters.items():
            if schema.get("required") and not any(key == name and value for key, value in given):
                raise GoogleError(
                    400,
                    "missingRequiredParameter",
                    f"No value specified for required parameter: {name}",
                    domain="youtube.parameter",
                    location=(name, "parameter"),
                )

    def check_body(self, document: object) -> dict[str, Any]:
        """The JSON body, if it fits the method's schema. Raises GoogleError for unknown names and wrong types."""
        assert self.body is not None
        if document is None:
            return {}
        _check(self.body.lower(), document, {"$ref": self.body})
        assert isinstance(document, dict)
        return document

    def check_media(self, content_type: str, size: int | None) -> None:
        """Raise GoogleError if the method takes no such media."""
        main = content_type.partition("/")[0]
        if not {"*/*", content_type, f"{main}/*"} & set(self.accept):
            kinds = ", ".join(self.accept)
            raise bad_request(
                f"Media type '{content_type}' is not supported. Valid media types: [{kinds}]", "badContent"
            )
        if size is not None and size > self.max_size:
            message = f"The upload is too large. The maximum is {self.max_size} bytes."
            raise GoogleError(413, "uploadTooLarge", message, domain="global")


@cache
def _document() -> Mapping[str, Any]:
    path = files("googleapiclient.discovery_cache.documents") / "youtube.v3.json"
    document: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@cache
def method(name: str) -> Method:
    """The method with this name: "videos.insert"."""
    resource, _, verb = name.partition(".")
    found = _document()["resources"][resource]["methods"][verb]
    media = found.get("mediaUpload", {})
    return Method(
        name,
        frozenset(found["scopes"]),
        found["parameters"],
        found.get("request", {}).get("$ref"),
        int(media.get("maxSize", 0)),
        tuple(media.get("accept", ())),
    )


@cache
def parts_of(schema: str) -> frozenset[str]:
    """The parts of a resource that `part` may name."""
    properties = _document()["schemas"][schema]["properties"]
    flat = {"kind", "etag", "eventId"}
    return frozenset(name for name in properties if name not in flat)


def _check_text(name: str, value: str, schema: Schema) -> None:
    kind = schema.get("type")
    fits = {"boolean": value in ("true", "false"), "integer": value.lstrip("-").isdigit()}.get(str(kind), True)
    if not fits or ("enum" in schema and value not in schema["enum"]):
        raise bad_request(f"Invalid value at '{name}' (TYPE_{str(kind).upper()}), \"{value}\"")
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind == "integer" and low is not None and high is not None and not int(low) <= int(value) <= int(high):
        raise GoogleError(
            400,
            "invalidValue",
            f"Invalid value '{value}'. Values must be within the range: [{low}, {high}]",
            domain="global",
            location=(name, "parameter"),
        )


def _check(path: str, value: object, schema: Schema) -> None:
    if "$ref" in schema:
        schema = _document()["schemas"][schema["$ref"]]
    kind = schema.get("type", "any")
    if not _is_a(kind, value, schema.get("format", "")) or ("enum" in schema and value not in schema["enum"]):
        shown = json.dumps(value)
        raise bad_request(f"Invalid value at '{path}' (TYPE_{kind.upper()}), {shown}")
    if isinstance(value, dict):
        _check_object(path, value, schema)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(f"{path}[{index}]", item, schema["items"])


def _check_object(path: str, value: dict[str, object], schema: Schema) -> None:
    for name, item in value.items():
        known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if known is None:
            raise bad_request(f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field.")
        if item is not None:
            _check(f"{path}.{name}", item, known)


def _is_a(kind: str, value: object, form: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string" if form.endswith("int64"):
            return isinstance(value, int | str) and str(value).lstrip("-").isdigit()
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return True
