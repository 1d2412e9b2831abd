"""What each method asks of its caller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

SERVICE: Final = "/medusa.v1.MedusaService/"


class Scope(IntEnum):
    """What a caller may do; each includes those before it."""

    ANYONE = 0
    READ = 1
    PUBLISH = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: streams, tasks and uploads are counted by the name."""

    name: str
    scope: Scope


LOCAL: Final = Caller("local", Scope.ADMIN)
"""Whoever may connect to the Unix socket."""

_METHODS: Final = {
    "Publish": Scope.PUBLISH,
    "Validate": Scope.PUBLISH,
    "GetTask": Scope.READ,
    "ListTasks": Scope.READ,
    "CancelTask": Scope.PUBLISH,
    "PauseTask": Scope.PUBLISH,
    "UnpauseTask": Scope.PUBLISH,
    "RetryTask": Scope.PUBLISH,
    "ResolveTask": Scope.PUBLISH,
    "DeleteTask": Scope.ADMIN,
    "ListPlatforms": Scope.READ,
    "WatchTask": Scope.READ,
    "WatchTasks": Scope.READ,
    "UploadMedia": Scope.PUBLISH,
    "GetMedia": Scope.PUBLISH,
    "GetLimits": Scope.READ,
    "SetLimits": Scope.ADMIN,
}
SCOPES: Final = {
    **{f"{SERVICE}{name}": scope for name, scope in _METHODS.items()},
    "/grpc.health.v1.Health/Check": Scope.ANYONE,
    "/grpc.health.v1.Health/List": Scope.READ,
    "/grpc.health.v1.Health/Watch": Scope.READ,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Scope.READ,
}


BEGINS: Final = frozenset(
    f"{SERVICE}{name}" for name in ("Publish", "Validate", "UnpauseTask", "RetryTask", "ResolveTask", "UploadMedia")
)
"""Methods that begin work, which a daemon that shuts down leaves to the next one."""


def needed(method: str) -> Scope:
    """The scope that a method's full name asks for; of one that is not listed, the highest."""
    return SCOPES.get(method, Scope.ADMIN)
