"""What MedusaCore would be asked -> what the daemon is asked, and the places of what is wrong with it back again."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from medusa.daemon.convert import EXACT, FAILURE_POLICIES, duration
from medusa.daemon.pb import medusa_pb2 as pb
from medusa.domain.failures import InvalidRequest
from medusa.domain.policy import OnFailure, Patience, patience
from medusa.domain.values import Problem

DEEPEST: Final = 30
"""Levels of metadata; protobuf refuses to read a hundred levels of messages, and each of ours takes three."""


_PLACES: Final = {
    "media_path": "media_file",
    "media_id": "media_file",
    "limits[0].target": "target",
    "limits[0].bytes_per_second": "rate",
    "failure_policy": "on_failure",
    "retry.base": "retry.base_s",
    "retry.cap": "retry.cap_s",
    "retry.give_up_after": "retry.give_up_after_s",
}


def request(
    platforms: object,
    metadata: object,
    idempotency_key: str | None = None,
    *,
    retry: Mapping[str, float] | None = None,
    on_failure: str = OnFailure.STOP,
) -> pb.PublishRequest:
    """A request without media yet. Raises InvalidRequest for what no message can hold."""
    problems: list[Problem] = []
    asked = pb.PublishRequest(
        targets=_targets(platforms, problems),
        metadata=_metadata(metadata, problems),
        idempotency_key=idempotency_key or "",
        retry=_retry(retry, problems),
        failure_policy=_failure_policy(on_failure, problems),
    )
    if problems:
        raise InvalidRequest(problems)
    return asked


def _retry(retry: object, problems: list[Problem]) -> pb.RetryPolicy | None:
    asked, wrong = patience(retry, "retry")
    problems += wrong
    if asked == Patience():
        return None
    spans = {"base": asked.base_s, "cap": asked.cap_s, "give_up_after": asked.give_up_after_s}
    told = {name: duration(seconds) for name, seconds in spans.items() if seconds is not None}
    return pb.RetryPolicy(attempts=asked.attempts or 0, **told)


def _failure_policy(on_failure: str, problems: list[Problem]) -> pb.FailurePolicy.ValueType:
    if on_failure not in tuple(OnFailure):
        problems.append(Problem("on_failure", f"must be one of {', '.join(OnFailure)}"))
        return pb.FAILURE_POLICY_UNSPECIFIED
    return FAILURE_POLICIES[OnFailure(on_failure)]


def path_of(media_file: object) -> str:
    """The absolute path of a file. Raises InvalidRequest for what is no path."""
    if not isinstance(media_file, str | PathLike):
        raise InvalidRequest([Problem("media_file", "give a path")])
    problems: list[Problem] = []
    path = _text(str(Path(fspath(media_file)).absolute()), "media_file", problems)
    if problems:
        raise InvalidRequest(problems)
    return path


def place(field: str, targets: Collection[str]) -> str:
    """A place in a request for these targets, as MedusaCore names it: "targets[1]" is "platforms[1]"."""
    if field in _PLACES:
        return _PLACES[field]
    if field.startswith("targets"):
        return field.replace("targets", "platforms", 1)
    within = field.removeprefix("metadata.")
    return within if within.partition(".")[0].partition("[")[0] in targets else field


def _targets(platforms: object, problems: list[Problem]) -> list[str]:
    if isinstance(platforms, str) or not isinstance(platforms, Sequence):
        problems.append(Problem("platforms", 'give a list of targets, for example ["youtube", "facebook"]'))
        return []
    return [_text(str(key), f"platforms[{place}]", problems) for place, key in enumerate(platforms)]


def _metadata(metadata: object, problems: list[Problem]) -> Struct:
    if metadata is None:
        return Struct()
    if not isinstance(metadata, Mapping):
        problems.append(Problem("metadata", "give an object: target -> what it is asked for"))
        return Struct()
    return Struct(fields={str(key): _value(item, str(key), problems) for key, item in metadata.items()})


def _text(text: str, path: str, problems: list[Problem]) -> str:
    """The text, in which a file's name may have left bytes that are no UTF-8."""
    if text.isascii() or text.encode("utf-8", "replace").decode() == text:
        return text
    problems.append(Problem(path, "is not text: it holds bytes that are no UTF-8"))
    return ""


def _value(item: object, path: str, problems: list[Problem], depth: int = 1) -> Value:
    match item:
        case _ if depth > DEEPEST:
            problems.append(Problem(path, f"is nested more than {DEEPEST} deep"))
        case bool():
            return Value(bool_value=item)
        case str() | PathLike():
            return Value(string_value=_text(str(item), path, problems))
        case int() | float() if math.isfinite(item) and abs(item) <= EXACT:
            return Value(number_value=item)
        case int() | float():
            problems.append(Problem(path, "is a number that the daemon's protocol cannot carry; give it as text"))
        case Mapping():
            inner = {str(key): _value(one, f"{path}.{key}", problems, depth + 1) for key, one in item.items()}
            return Value(struct_value=Struct(fields=inner))
        case list() | tuple():
            items = [_value(one, f"{path}[{place}]", problems, depth + 1) for place, one in enumerate(item)]
            return Value(list_value=ListValue(values=items))
        case None:
            pass
        case _:
            problems.append(Problem(path, f"cannot be a Python {type(item).__name__}"))
    return Value(null_value=0)  # type: ignore[arg-type]  # the enum's only value
