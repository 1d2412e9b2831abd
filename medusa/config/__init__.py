"""medusa_config.json -> frozen Settings. The only room that knows pydantic."""

from medusa.config.concerns import concerns
from medusa.config.daemon import (
    BoundSettings,
    DaemonSettings,
    LogSettings,
    MediaSettings,
    SubjectSettings,
    TlsSettings,
    TokenSettings,
)
from medusa.config.load import load, survey
from medusa.config.reading import read
from medusa.config.schema import schema
from medusa.config.settings import EngineSettings, Settings, TargetSettings

__all__ = [
    "BoundSettings",
    "DaemonSettings",
    "EngineSettings",
    "LogSettings",
    "MediaSettings",
    "Settings",
    "SubjectSettings",
    "TargetSettings",
    "TlsSettings",
    "TokenSettings",
    "concerns",
    "load",
    "read",
    "schema",
    "survey",
]
