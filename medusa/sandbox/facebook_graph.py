"""How Meta's Graph API speaks: errors, parameters, `fields` (facts: Meta, sections 1 and 5)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from medusa.sandbox.exchange import Reply

Fields = dict[str, "Fields | None"]
"""What `fields` asks for: name -> what is asked for inside it."""

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[{},]|\.[a-z_]+\([^()]*\))")


class GraphError(Exception):
    """Raised by a handler that refuses; `reply` is what goes out."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        status: int = 400,
        kind: str = "OAuthException",
        title: str | None = None,
        **more: object,
    ) -> None:
        super().__init__(message)
        error: dict[str, object] = {"message": message, "type": kind, "code": code}
        if subcode is not None:
            error["error_subcode"] = subcode
        if title is not None:
            error |= {"is_transient": False, "error_user_title": title, "error_user_msg": message}
        self._error = error | more
        self._status = status

    def reply(self) -> Reply:
        """The envelope; each has a trace id of its own."""
        return Reply(self._status, {"error": {**self._error, "fbtrace_id": f"A{secrets.token_urlsafe(8)}"}})


def invalid(parameter: str, problem: str) -> GraphError:
    """100: a parameter is missing or wrong."""
    return GraphError(100, f"(#100) {parameter} {problem}")


def missing(object_id: str, method: str = "get") -> GraphError:
    """100/33: what Graph says whether the thing does not exist, is not visible yet, or is not yours."""
    message = (
        f"Unsupported {method} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api"
    )
    return GraphError(100, message, subcode=33, kind="GraphMethodException")


class Params:
    """The parameters of one request, wherever they stood, read by type. All readers raise GraphError."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def check(self, known: Iterable[str]) -> None:
        """Refuse names that no document knows; `list[0]` is an element of `list`."""
        allowed = set(known)
        for name in self._given:
            if name.partition("[")[0] not in allowed:
                raise invalid(name, "is not a parameter of this operation")

    def text(self, name: str, default: str = "") -> str:
        """As it came."""
        return self._given.get(name, default)

    def needed(self, name: str) -> str:
        """As it came; it must be there."""
        if not self._given.get(name):
            raise GraphError(100, f"(#100) The parameter {name} is required")
        return self._given[name]

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean: true, false, 1 or 0."""
        text = self._given.get(name, "").lower()
        if text not in ("", "true", "false", "1", "0"):
            raise invalid(name, "must be a boolean")
        return text in ("true", "1") if text else default

    def integer(self, name: str) -> int:
        """A number from 0 on; it must be there."""
        text = self.needed(name)
        if not (text.isascii() and text.isdigit()):
            raise invalid(name, "must be a non-negative integer")
        return int(text)

    def choice(self, name: str, *choices: str) -> str:
        """One of an enum, given in any case (facts: Graph takes enums in any case)."""
        text = self.needed(name)
        found = next((choice for choice in choices if choice.lower() == text.lower()), None)
        if found is None:
            raise invalid(name, f"must be one of {{{', '.join(choices)}}}")
        return found

    def time(self, name: str) -> float | None:
        """Unix seconds or ISO 8601 (facts name strtotime texts too; those are not imitated)."""
        text = self._given.get(name)
        if not text:
            return None
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise invalid(name, "must be a time") from None
        return at.replace(tzinfo=at.tzinfo or UTC).timestamp()

    def objects(self, name: str) -> list[dict[str, object]]:
        """A list of objects: one JSON text, or one parameter an element (`name[0]`)."""
        single = [text for given, text in self._given.items() if given.startswith(f"{name}[")]
        text = f"[{','.join(single)}]" if single else self._given.get(name, "[]")
        try:
            items = json.loads(text)
        except ValueError:
            raise invalid(name, "must be a JSON list") from None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise invalid(name, "must be a list of objects")
        return items

    def fields(self) -> Fields | None:
        """What `fields` asks for; None if it is not there."""
        return parse_fields(self._given["fields"]) if self._given.get("fields") else None


def parse_fields(text: str) -> Fields:
    """`id,attachments{media_type}` -> {"id": None, "attachments": {"media_type": None}}. Raises GraphError."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise GraphError(2500, f"Syntax error at character {at} of fields: {text!r}")
        if not found[1].startswith("."):  # .limit(5) and the like: our lists are short
            tokens.append(found[1])
        at = found.end()
    fields, rest = _level(tokens)
    if rest:
        raise GraphError(2500, f"Syntax error: unexpected {rest[0]!r} in fields")
    return fields


def _level(tokens: list[str]) -> tuple[Fields, list[str]]:
    fields: Fields = {}
    while tokens and tokens[0] != "}":
        name, tokens = tokens[0], tokens[1:]
        if not name[0].isidentifier():
            raise GraphError(2500, f"Syntax error: unexpected {name!r} in fields")
        fields[name] = None
        if tokens and tokens[0] == "{":
            fields[name], tokens = _level(tokens[1:])
            if not tokens:
                raise GraphError(2500, "Syntax error: fields end within braces")
            tokens = tokens[1:]
        if tokens and tokens[0] == ",":
            tokens = tokens[1:]
        elif tokens and tokens[0] != "}":
            raise GraphError(2500, f"Syntax error: expected a comma before {tokens[0]!r} in fields")
    return fields, tokens


def check_fields(fields: Fields, kind: str, known: frozenset[str]) -> None:
    """Raise GraphError for a field that this kind of node does not have."""
    for name in fields:
        if name not in known:
            raise GraphError(100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})")


def select(node: Mapping[str, object], fields: Fields, kind: str, known: frozenset[str]) -> dict[str, object]:
    """The fields asked for, and the id. What is null is left out; what does not exist is refused."""
    check_fields(fields, kind, known)
    chosen = {name: _inner(node.get(name), inner) for name, inner in fields.items()}
    return {name: value for name, value in {**chosen, "id": node["id"]}.items() if value is not None}


def _inner(value: object, fields: Fields | None) -> object:
    if fields is None:
        return value
    if isinstance(value, list):
        return [_inner(item, fields) for item in value]
    if isinstance(value, Mapping) and "data" in value:
        return {**value, "data": _inner(value["data"], fields)}
    if isinstance(value, Mapping):
        return {name: _inner(value[name], inner) for name, inner in fields.items() if name in value}
    return value


def stamp(at: float) -> str:
    """Graph's timestamps: 2026-11-23T20:00:00+0000."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
