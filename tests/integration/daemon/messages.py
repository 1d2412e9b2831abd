"""Any message of the API, for hypothesis: what its type allows, and more often what might do harm."""

from __future__ import annotations

from itertools import chain
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from hypothesis import strategies as st

LONG = st.sampled_from(["x", "é", "sub/"]).flatmap(lambda part: st.sampled_from([300, 5000]).map(part.__mul__))
WORDS = st.sampled_from(
    [
        "",
        ".",
        "..",
        "a\0b",
        "{fake_url}",
        "{nothing}",
        "%s%n",
        "' OR 1=1 --",
        "\u202e\u0000\ud7ff",
    ]
)
PATHS = st.sampled_from(
    [
        "film.mp4",
        "./film.mp4",
        "sub/../film.mp4",
        "../outside/secret.txt",
        "link.mp4",
        "link/secret.txt",
        "loop",
        "fifo",
        "sub",
        "film.mp4/more",
        "~root/.ssh/id_rsa",
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "/dev/zero",
        "/dev/stdin",
        "file:///etc/passwd",
    ]
)
NAMES = st.sampled_from(["fake", "gaming", "news", "unknown"])
TEXTS = st.text(max_size=12) | WORDS | PATHS | NAMES | LONG
NUMBERS = st.integers(-5, 5) | st.sampled_from([-(2**63), -(2**31), 2**31 - 1, 2**53 + 1, 2**63 - 1])
KEYS = st.sampled_from(["title", "privacy", "message", "thumbnail", "comment", "tags", "titel"]) | st.text(max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
METADATA = st.dictionaries(NAMES | st.text(max_size=5), st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=3)


def message(descriptor: Descriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Message]:
    """Messages of this type; a field whose name ends in "id" or "token" is often one of the `ids`."""
    kind = GetMessageClass(descriptor)
    if kind is Struct:
        return METADATA.map(_struct)
    fields = {field.name: _field(field, ids) for field in descriptor.fields if field.containing_oneof is None}
    plain = st.fixed_dictionaries({}, optional=fields)
    chosen = [st.one_of(st.just({}), *(_named(field, ids) for field in oneof.fields)) for oneof in descriptor.oneofs]
    return st.tuples(plain, *chosen).map(lambda parts: kind(**dict(chain.from_iterable(map(dict.items, parts)))))


def _named(field: FieldDescriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    return _field(field, ids).map(lambda value: {field.name: value})


def _field(field: FieldDescriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    one = _one(field, ids)
    return st.lists(one, max_size=3) if field.is_repeated else one


def _one(field: FieldDescriptor, ids: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=40) | st.sampled_from([bytes(32), bytes(3 * 1024**2)])
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_MESSAGE:
            return message(field.message_type, ids)
        case FieldDescriptor.CPPTYPE_ENUM:
            return st.integers(-1, 9)
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_INT32:
            return NUMBERS.map(lambda number: max(-(2**31), min(number, 2**31 - 1)))
        case FieldDescriptor.CPPTYPE_INT64:
            return NUMBERS
        case FieldDescriptor.CPPTYPE_STRING if field.name.endswith(("id", "token")):
            return ids | ids | TEXTS
        case FieldDescriptor.CPPTYPE_STRING if field.name in ("targets", "target"):
            return NAMES | TEXTS
        case FieldDescriptor.CPPTYPE_STRING if field.name == "media_path":
            return PATHS | TEXTS
        case _:
            return TEXTS


def _struct(values: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct
