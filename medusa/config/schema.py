"""A JSON Schema of the whole configuration, for editors and other tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ConfigDict, create_model

from medusa.config.bandwidth import SCHEMA
from medusa.config.load import OWN_KEY, TARGET_NAME
from medusa.config.settings import Own
from medusa.domain.platform import Platform
from medusa.domain.policy import RetryPolicy

_RULES = ConfigDict(use_attribute_docstrings=True)
"""pydantic hands the rules of a model down to the plain dataclasses in it."""

_CONCURRENCY: Final = {
    "description": "How many of its uploads run at once, and how many of its other calls.",
    "type": ["integer", "null"],
    "minimum": 1,
}


def schema(platforms: Mapping[str, Platform]) -> dict[str, Any]:
    """The schema (draft 2020-12). A target named after its platform, or any name with a "platform" key."""
    kinds = {name: platform.account for name, platform in platforms.items()}
    definitions = _definitions({**kinds, OWN_KEY: Own, "retry": RetryPolicy})
    retry = {
        "description": "How to try again; false: never. Keys that are left out keep their defaults.",
        "anyOf": [{"type": "boolean"}, definitions.pop("retry")],
    }
    shared = {"retry": retry, "bandwidth": SCHEMA}
    own = _with(definitions.pop(OWN_KEY), **shared)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "medusa_config.json",
        "type": "object",
        "propertyNames": {"pattern": f"^{TARGET_NAME.pattern}$"},
        "properties": {
            OWN_KEY: {**own, "description": "Medusa's own settings."},
            **{
                name: _with(definitions[name], platform={"const": name}, concurrency=_CONCURRENCY, **shared)
                for name in kinds
            },
        },
        "additionalProperties": {
            "description": "Another target of one of the platforms, under a name of your own.",
            "type": "object",
            "properties": {"platform": {"enum": sorted(kinds)}},
            "required": ["platform"],
            "allOf": [
                {
                    "if": {"properties": {"platform": {"const": name}}},
                    "then": {"$ref": f"#/properties/{name}"},
                }
                for name in kinds
            ],
        },
        "$defs": definitions["$defs"],
    }


def _definitions(kinds: Mapping[str, type]) -> dict[str, Any]:
    """The schema of each dataclass, by the name given here, and under "$defs" those that they refer to."""
    members: dict[str, Any] = {name: (kind, ...) for name, kind in kinds.items()}
    whole = create_model("Config", __config__=_RULES, **members).model_json_schema()
    shared = {name: {**part, "additionalProperties": False} for name, part in whole["$defs"].items()}
    references = {name: part["$ref"].rpartition("/")[2] for name, part in whole["properties"].items()}
    found = {name: shared[reference] for name, reference in references.items()}
    return {**found, "$defs": {name: part for name, part in shared.items() if name not in references.values()}}


def _with(block: Mapping[str, Any], **more: object) -> dict[str, Any]:
    return {**block, "properties": {**block["properties"], **more}}
