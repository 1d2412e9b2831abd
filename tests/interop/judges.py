"""Judges of recorded requests, by nothing but the platforms' own machine-readable documents.

Each gives, for one request, the operation that it is and all that its document has against it; None when the document
does not know the request at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as the sandbox's log holds it: secrets are masked, files are told by name and size."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    status: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Sent:
        """Out of a record of `Sandbox.log`."""
        address = urlsplit(record["path"])
        query = parse_qs(address.query, keep_blank_values=True)
        return cls(record["method"], address.path, query, record["headers"], record["body"], record["status"])

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`against`: what the document has against the request, one line each."""

    operation: str
    against: tuple[str, ...]


def _pattern(template: str) -> re.Pattern[str]:
    """The paths of a template such as "/videos/{video_id}"."""
    return re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part) for part in _parts(template)))


def _parts(template: str) -> list[str]:
    return re.split(r"(\{[^}]*\})", template)


def _against(schema: Schema, document: object) -> Iterator[str]:
    for error in Draft202012Validator(schema).iter_errors(document):
        place = "/".join(str(step) for step in error.absolute_path)
        yield f"body {place}: {error.message}"


# ---------------------------------------------------------------- Google's discovery documents

_EVERYWHERE: Final = frozenset({"uploadType", "upload_id"})
"""Of the upload protocols, beside what the document lists as parameters of every method."""


class Google:
    """The document of an API that ships in google-api-python-client: "youtube.v3"."""

    def __init__(self, name: str) -> None:
        place = files("googleapiclient.discovery_cache.documents") / f"{name}.json"
        self._document: Any = json.loads(place.read_text(encoding="utf-8"))
        self._defs = {name: _translated(schema) for name, schema in self._document["schemas"].items()}
        self._methods = list(_methods(self._document))

    def judge(self, sent: Sent) -> Verdict | None:
        """Parameters and JSON body. The bytes of a resumable session belong to the method that began it."""
        method = self._method(sent)
        if method is None:
            return None
        against = [*self._parameters(method, sent), *self._body(method, sent)]
        return Verdict(method["id"], tuple(against))

    def judge_reply(self, sent: Sent, document: object) -> Verdict | None:
        """A reply's JSON, by the method's `response`."""
        method = self._method(sent)
        if method is None or "response" not in method:
            return None
        return Verdict(method["id"], tuple(_against(self._schema(method["response"]), document)))

    def _method(self, sent: Sent) -> Any:
        session = sent.method == "PUT" and "upload_id" in sent.query
        for method in self._methods:
            verb = "PUT" if session else method["httpMethod"]
            if verb == sent.method and any(_pattern(path).fullmatch(sent.path) for path in self._paths(method)):
                return method
        return None

    def _paths(self, method: Any) -> Iterator[str]:
        yield f"/{self._document['servicePath']}{method['path']}"
        for protocol in method.get("mediaUpload", {}).get("protocols", {}).values():
            yield protocol["path"]

    def _parameters(self, method: Any, sent: Sent) -> Iterator[str]:
        known = {**self._document["parameters"], **method.get("parameters", {})}
        for name, values in sent.query.items():
            if name not in known and name not in _EVERYWHERE:
                yield f"unknown parameter {name}"
            allowed = known.get(name, {}).get("enum")
            yield from (f"{name}={value}: not in {allowed}" for value in values if allowed and value not in allowed)
        for name, parameter in known.items():
            if parameter.get("required") and parameter["location"] == "query" and name not in sent.query:
                yield f"missing parameter {name}"

    def _body(self, method: Any, sent: Sent) -> Iterator[str]:
        if sent.content_type == "application/json":
            if "request" not in method:
                yield "a body where none is taken"
            else:
                yield from _against(self._schema(method["request"]), json.loads(sent.body))
        elif sent.body and not method.get("supportsMediaUpload"):
            yield f"a body of type {sent.content_type}"

    def _schema(self, named: Mapping[str, str]) -> Schema:
        return {"$ref": f"#/$defs/{named['$ref']}", "$defs": self._defs}


def _methods(resource: Any) -> Iterator[Any]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)


def _translated(schema: Schema) -> dict[str, Any]:
    """Discovery's dialect as JSON Schema; an object takes no property that it does not list."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    told: dict[str, Any] = {name: schema[name] for name in ("type", "enum", "pattern") if name in schema}
    if schema.get("type") == "any":
        del told["type"]
    if schema.get("format") in ("int64", "uint64"):
        told |= {"type": "string", "pattern": r"^-?\d+$"}
    if schema.get("format") == "date-time":
        told["pattern"] = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
    if "items" in schema:
        told["items"] = _translated(schema["items"])
    if "properties" in schema:
        told["properties"] = {name: _translated(inner) for name, inner in schema["properties"].items()}
        told["additionalProperties"] = False
    elif "additionalProperties" in schema:
        told["additionalProperties"] = _translated(schema["additionalProperties"])
    return told


# ---------------------------------------------------------------- Meta's api_specs

_SHAPES: Final[Mapping[str, str]] = {
    "int": r"-?\d+",
    "unsigned int": r"\d+",
    "float": r"-?\d+(\.\d+)?",
    "bool": r"true|false|0|1",
    "datetime": r"\d{9,10}|\d{4}-\d\d-\d\dT.+",
    "Object": r"(?s)\{.*\}",
    "map": r"(?s)\{.*\}",
}
_OF_EVERY_CALL: Final = frozenset({"access_token", "appsecret_proof", "fields"})


class Meta:
    """The edges of a Page that are written to, out of a folder of Meta's api_specs."""

    def __init__(self, specs: Path, beside: Mapping[str, frozenset[str]]) -> None:
        """`beside`: edge -> parameters that Meta's guides name, but not these specs."""
        page = json.loads((specs / "Page.json").read_text(encoding="utf-8"))
        enums = json.loads((specs / "enum_types.json").read_text(encoding="utf-8"))
        self._edges = {api["endpoint"]: api for api in page["apis"] if api["method"] == "POST" and "endpoint" in api}
        self._enums = {enum["name"]: {str(value).upper() for value in enum["values"]} for enum in enums}
        self._beside = beside

    def judge(self, sent: Sent) -> Verdict | None:
        """The parameters of a POST on an edge of the Page."""
        found = re.fullmatch(r"/v\d+\.\d+/\d+/(\w+)", sent.path)
        if found is None or sent.method != "POST" or found[1] not in self._edges:
            return None
        return Verdict(f"Page.{found[1]}", tuple(self._post(found[1], sent)))

    def _post(self, edge: str, sent: Sent) -> Iterator[str]:
        known = {param["name"]: param for param in self._edges[edge]["params"]}
        given = _form(sent)
        for name, value in given.items():
            if name not in known:
                if name not in self._beside.get(edge, ()):
                    yield f"unknown parameter {name}"
            elif isinstance(value, str):
                yield from self._value(name, value, known[name]["type"])
        yield from (f"missing parameter {name}" for name in known if known[name]["required"] and name not in given)

    def _value(self, name: str, value: str, kind: str) -> Iterator[str]:
        if value == "***":  # masked in the log
            return
        if kind in self._enums and value.upper() not in self._enums[kind]:  # the guides write them in lower case
            yield f"{name}={value}: not in {sorted(self._enums[kind])}"
        if kind in _SHAPES and not re.fullmatch(_SHAPES[kind], value):
            yield f"{name}={value}: is no {kind}"
        if kind.startswith("list") and not isinstance(_json(value), list):
            yield f"{name}={value}: is no {kind}"


def _form(sent: Sent) -> dict[str, Any]:
    """The parameters of query and body; a file is an object, the rest is text."""
    given: dict[str, Any] = {name: values[0] for name, values in sent.query.items() if name not in _OF_EVERY_CALL}
    if sent.content_type == "multipart/form-data":
        return {**given, **sent.body}
    return {**given, **dict(parse_qsl(sent.body or "", keep_blank_values=True))}


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


# ---------------------------------------------------------------- Vimeo's OpenAPI description


class Vimeo:
    """The operations of Vimeo's description, api.json."""

    def __init__(self, path: Path) -> None:
        self._document: Any = json.loads(path.read_text(encoding="utf-8"))
        self._paths = [(template, _pattern(template)) for template in self._document["paths"]]

    def judge(self, sent: Sent) -> Verdict | None:
        """The JSON body, and the status that came back, which is the sandbox's."""
        for template, pattern in self._paths:
            operation = self._document["paths"][template].get(sent.method.lower())
            if operation and pattern.fullmatch(sent.path):
                name = f"{sent.method} {template}"
                return Verdict(name, (*self._body(operation, sent), *_status(operation, sent)))
        return None

    def _body(self, operation: Any, sent: Sent) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {})
        if sent.content_type != "application/json":
            return
        if not content:
            yield "a body where none is taken"
            return
        schema = {**_closed(next(iter(content.values()))["schema"]), "components": self._document["components"]}
        document = json.loads(sent.body)
        for one in document if isinstance(document, list) else [document]:  # a list is a batch of them
            yield from _against(schema, one)


def _status(operation: Any, sent: Sent) -> Iterator[str]:
    known: Iterable[str] = operation["responses"]
    if str(sent.status) not in known:
        yield f"answered {sent.status}, not one of {', '.join(known)}"


def _closed(schema: Any) -> Any:
    """The schema, with no properties but those that it lists."""
    if isinstance(schema, list):
        return [_closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(inner) for name, inner in schema.items()}
    return {**closed, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else closed
