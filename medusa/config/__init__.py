"""medusa_config.json -> frozen Settings. The only room that knows pydantic."""

from medusa.config.concerns import concerns
from medusa.config.load import load, survey
from medusa.config.reading import read
from medusa.config.schema import schema
from medusa.config.settings import EngineSettings, Settings, TargetSettings

__all__ = ["EngineSettings", "Settings", "TargetSettings", "concerns", "load", "read", "schema", "survey"]
